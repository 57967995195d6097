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

from ...errors import UserError
from .classes import class_of, require
from .configs import LARGEST_MAP, Index, Network, Scheduler, WeightMap, bounded, read_json, reading, validate

log = logging.getLogger("noisewalk")
_EDGE = 1 << 20
_BUFFERS = 2**24
"""Numbers that a small network may compute beside its weights: tables of positions."""


@dataclass(frozen=True)
class ModelFolder:
    """A pipeline saved by diffusers: model_index.json and a folder for each component.

    Some old ones (google/ddpm-*) keep their components beside model_index.json.
    """

    path: Path

    @cached_property
    def index(self) -> dict[str, Any]:
        """model_index.json."""
        return self.read("model_index.json")

    @cached_property
    def options(self) -> Index:
        """What model_index.json says beside the components."""
        return validate(self.index, Index, self.path / "model_index.json")

    @property
    def pipeline(self) -> str:
        """The name of the pipeline's class."""
        return self.options.get("_class_name", "without a name")

    def has(self, component: str) -> bool:
        """Whether the pipeline has such a component."""
        entry = self.index.get(component)
        return isinstance(entry, list) and len(entry) == 2 and all(isinstance(name, str) for name in entry)

    def component_folder(self, component: str) -> Path:
        """The folder a component is in."""
        own = self.path / component
        return own if own.is_dir() else self.path

    def config(self, component: str, name: str = "config.json") -> dict[str, Any]:
        """A component's configuration; empty if it has none."""
        path = self.component_folder(component) / name
        return self.read(str(path.relative_to(self.path))) if path.is_file() else {}

    def network(self, component: str) -> Network:
        """What a network's configuration says of its pictures, within bounds."""
        return validate(self.config(component), Network, self.component_folder(component) / "config.json")

    def scheduler(self, component: str = "scheduler") -> Scheduler:
        """A scheduler's configuration, within bounds."""
        name = "scheduler_config.json"
        return validate(self.config(component, name), Scheduler, self.component_folder(component) / name)

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder.

        Raises:
            UserError: it is missing or damaged.
        """
        return read_json(self.check_inside(self.path / name))

    def check_inside(self, file: Path) -> Path:
        """A regular file of the folder, or one that it links to in the cache it belongs to.

        Raises:
            UserError: there is none, or it lies elsewhere.
        """
        with reading(file):
            real = file.resolve()
            store = self.path.parent.parent if self.path.parent.name == "snapshots" else hub_cache()
            if not any(real.is_relative_to(root.resolve()) for root in (self.path, store)):
                raise UserError(f"{file} leads out of the model's folder, to {real}; put the file itself there")
            if not real.is_file():
                raise UserError(f"{file} is missing or no ordinary file; download the model again")
        return file

    def weights(self, component: str, variant: str | None = None) -> list[Path]:
        """The weight files of a component that would be read, all there and none cut short.

        Raises:
            UserError: a file is missing or cut short (a download that was interrupted).
        """
        folder = self.component_folder(component)
        ends = [f".{variant}", ""] if variant else ["", ".fp16"]
        stems = ["diffusion_pytorch_model", "model", "pytorch_model"]
        for end in ends:
            for name in (f"{stem}.safetensors.index{end}.json" for stem in stems):
                if (folder / name).is_file():
                    found = read_json(self.check_inside(folder / name), LARGEST_MAP)
                    shards = validate(found, WeightMap, folder / name)["weight_map"]
                    return [_whole(self.check_inside(folder / shard)) for shard in sorted(set(shards.values()))]
            for name in (f"{stem}{end}.{kind}" for kind in ("safetensors", "bin") for stem in stems):
                if (folder / name).is_file():
                    return [_whole(self.check_inside(folder / name))]
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
        files, kind, file = (
            self.weights(component),
            self.component_class(component),
            self.component_folder(component) / "config.json",
        )
        self.check_size(component)
        how = {"variant": "fp16"} if any(".fp16" in weights.name for weights in files) else {}
        how |= {"use_safetensors": all(weights.suffix == ".safetensors" for weights in files)}  # type: ignore[dict-item]
        with reading(file, f"load the {component} of"), quiet():
            made, told = kind.from_pretrained(
                self.component_folder(component), torch_dtype=dtype, local_files_only=True, output_loading_info=True, **how
            )
            own = {name for name, _ in made.named_parameters()}
            absent = sorted(own & {str(name) for name in told["missing_keys"]}) + list(told["mismatched_keys"])
        if absent:
            raise UserError(f"the weights of the {component} of {self.path} do not fit {file}: {absent[0]} is not as it says")
        return made.eval().requires_grad_(False)

    def check_size(self, component: str) -> None:
        """A network is not larger than its weights, so that no config asks for memory that nothing will fill.

        Raises:
            UserError: it is larger, cannot be built, or a file of the component is not an ordinary one.
        """
        folder, kind = self.component_folder(component), self.component_class(component)
        file = folder / "config.json"
        for each in folder.iterdir() if folder.is_dir() else ():
            if each.is_symlink() or not each.is_dir():
                self.check_file(each)
        config = self.config(component)
        bounded(config, file)
        with reading(file, f"build the {component} of"), quiet(), torch.device("meta"):
            made = kind.from_config(config) if hasattr(kind, "from_config") else kind(kind.config_class.from_dict(config))
            described = sum(tensor.numel() for tensor in (*made.parameters(), *made.buffers()))
        held = self.parameters(component)
        if described > 1.5 * held + _BUFFERS:
            raise UserError(f"{file} describes {described:,} numbers, its weights hold {held:,}; download the model again")

    def check_file(self, file: Path) -> None:
        """A file that a library may open: inside the folder, no pipe, its JSON of a bounded size and without code to run."""
        self.check_inside(file)
        if file.name.startswith("adapter_"):
            raise UserError(f"{file} is of an adapter, which noisewalk does not read; merge it into the weights")
        if file.suffix == ".json" and file.stat().st_size > LARGEST_MAP:
            raise UserError(f"{file} has {file.stat().st_size:,} bytes, at most {LARGEST_MAP:,} are read")
        if file.name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
            read_json(file)

    def component_class(self, component: str) -> Any:
        """The class of a component.

        Raises:
            UserError: it is not one of those that such a component may have.
        """
        library, name = self.index[component] if self.has(component) else ("nothing", "at all")
        return class_of(component, library, name, self.path / "model_index.json")

    def encoders(self, parts: tuple[str, ...], dtype: torch.dtype) -> Any:
        """The pipeline with its prompt encoders alone, for its own `encode_prompt`."""
        diffusers = require("diffusers")
        require("transformers")
        present = [part for part in parts if self.has(part)]
        if not any(part.startswith("text_encoder") for part in present):
            raise UserError(f"{self.path} has no text encoder (model_index.json says so); import embeddings for it")
        for part in ("scheduler", *present):
            self.component_class(part)
            for each in self.component_folder(part).iterdir() if self.component_folder(part) != self.path else ():
                self.check_file(each)
        loaded = {part: self.load(part, dtype) for part in present if part.startswith("text_encoder")}
        absent = {k: None for k, v in self.index.items() if isinstance(v, list) and k not in (*present, "scheduler")}
        absent |= {"requires_safety_checker": False} if "requires_safety_checker" in self.index else {}  # type: ignore[dict-item]
        with reading(self.path, "load the text encoder of"), quiet():
            kind = getattr(diffusers, self.pipeline)
            return kind.from_pretrained(self.path, torch_dtype=dtype, local_files_only=True, **absent, **loaded)


def hub_cache() -> Path:
    """Where the hub's library keeps what it downloads."""
    return Path(require("huggingface_hub.constants").HF_HUB_CACHE)


@contextmanager
def quiet() -> Iterator[None]:
    """diffusers' and transformers' own progress bars and advice off; noisewalk says what matters."""
    require("transformers")
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
