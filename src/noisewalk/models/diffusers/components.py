"""A model folder in diffusers' format: what is in it, whether it is whole, and its parts loaded when they are needed."""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ...errors import UserError, install

log = logging.getLogger("noisewalk")
_EDGE = 1 << 20


@dataclass(frozen=True)
class Folder:
    """A pipeline saved by diffusers: model_index.json and a folder for each component.

    Some old ones (google/ddpm-*) keep their components beside model_index.json.
    """

    path: Path

    @cached_property
    def index(self) -> dict[str, Any]:
        """model_index.json."""
        return self.read("model_index.json")

    @property
    def pipeline(self) -> str:
        """The name of the pipeline's class."""
        return str(self.index.get("_class_name", "without a name"))

    def has(self, component: str) -> bool:
        """Whether the pipeline has such a component."""
        entry = self.index.get(component)
        return isinstance(entry, list) and len(entry) == 2 and entry[0] is not None

    def of(self, component: str) -> Path:
        """The folder a component is in."""
        own = self.path / component
        return own if own.is_dir() else self.path

    def config(self, component: str, name: str = "config.json") -> dict[str, Any]:
        """A component's configuration; empty if it has none."""
        path = self.of(component) / name
        return self.read(str(path.relative_to(self.path))) if path.is_file() else {}

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder.

        Raises:
            UserError: it is missing or damaged.
        """
        try:
            found = json.loads((self.path / name).read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path} is no whole model folder: {name} cannot be read; download it again") from error
        if not isinstance(found, dict):
            raise UserError(f"{self.path} is no whole model folder: {name} is damaged; download it again")
        return found

    def weights(self, component: str, variant: str | None = None) -> list[Path]:
        """The weight files of a component that would be read, all there and none cut short.

        Raises:
            UserError: a file is missing or cut short (a download that was interrupted).
        """
        folder = self.of(component)
        ends = [f".{variant}", ""] if variant else ["", ".fp16"]
        stems = ["diffusion_pytorch_model", "model", "pytorch_model"]
        for end in ends:
            for name in (f"{stem}.safetensors.index{end}.json" for stem in stems):
                if (folder / name).is_file():
                    shards = self.read(str((folder / name).relative_to(self.path))).get("weight_map", {})
                    return [_whole(folder / shard) for shard in sorted(set(shards.values()))]
            for name in (f"{stem}{end}.{kind}" for kind in ("safetensors", "bin") for stem in stems):
                if (folder / name).is_file():
                    return [_whole(folder / name)]
        where = f"{component}/" if folder != self.path else ""
        raise UserError(f"{self.path} has no weights of its {component} ({where}*.safetensors); download the model again")

    def parameters(self, component: str) -> int:
        """How many numbers the weights of a component hold, read from the files' headers."""
        total = 0
        for file in self.weights(component):
            if file.suffix == ".safetensors":
                with safe_open(file, framework="pt") as opened:
                    total += sum(torch.Size(opened.get_slice(k).get_shape()).numel() for k in opened.keys())  # noqa: SIM118
            else:
                total += file.stat().st_size // 4
        return total

    def fingerprint(self, component: str) -> str:
        """Sixteen hexadecimal digits of a SHA-256 of a component's configuration and of its weight files: their sizes, and the
        first and last MiB of each (whole files of gigabytes would take longer to read than a picture takes to make)."""
        digest = hashlib.sha256(json.dumps(self.config(component), sort_keys=True).encode())
        for file in self.weights(component):
            size = file.stat().st_size
            with file.open("rb") as opened:
                digest.update(f"{file.name} {size}".encode() + opened.read(_EDGE))
                opened.seek(max(0, size - _EDGE))
                digest.update(opened.read())
        return digest.hexdigest()[:16]

    def load(self, component: str, dtype: torch.dtype) -> Any:
        """A component with its weights, on the CPU, ready to be asked.

        Raises:
            UserError: the libraries it needs are not installed, or it cannot be read.
        """
        self.weights(component)
        kind = self.kind(component)
        try:
            with quiet():
                made = kind.from_pretrained(self.of(component), torch_dtype=dtype, local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise UserError(f"cannot load the {component} of {self.path}: {first_line(error)}") from error
        return made.eval().requires_grad_(False)

    def kind(self, component: str) -> Any:
        """The class of a component; those of a pipeline's own (safety checkers) are named by the pipeline's module."""
        library, name = self.index[component]
        own = library not in ("diffusers", "transformers")
        return getattr(need(f"diffusers.pipelines.{library}" if own else library), name)

    def encoders(self, parts: tuple[str, ...], dtype: torch.dtype) -> Any:
        """The pipeline with its prompt encoders alone, for its own `encode_prompt`."""
        diffusers = need("diffusers")
        need("transformers")
        present = [part for part in parts if self.has(part)]
        for part in present:
            if part.startswith("text_encoder"):
                self.weights(part)
        absent = {k: None for k, v in self.index.items() if isinstance(v, list) and k not in (*present, "scheduler")}
        absent |= {"requires_safety_checker": False} if "requires_safety_checker" in self.index else {}  # type: ignore[dict-item]
        try:
            with quiet():
                kind = getattr(diffusers, self.pipeline)
                return kind.from_pretrained(self.path, torch_dtype=dtype, local_files_only=True, **absent)
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            raise UserError(f"cannot load the text encoder of {self.path}: {first_line(error)}") from error


def need(library: str) -> Any:
    """Import diffusers or transformers.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise UserError(f"models in diffusers' format need {library}: {install('diffusers')}") from error


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 200 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]


@contextmanager
def quiet() -> Iterator[None]:
    """diffusers' and transformers' own progress bars and advice off; noisewalk says what matters."""
    need("transformers")
    libraries = [importlib.import_module(f"{name}.utils.logging") for name in ("diffusers", "transformers")]
    before = [library.get_verbosity() for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity_error()
            library.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip(libraries, before, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()


def _whole(file: Path) -> Path:
    if not file.is_file():
        raise UserError(f"{file} is missing, a download was interrupted; download the model again (it resumes)")
    if file.suffix == ".safetensors":
        try:
            with safe_open(file, framework="pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise UserError(f"{file} is cut short or damaged; delete it and download the model again") from error
    return file
