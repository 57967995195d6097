"""A model folder in diffusers' format: its content, whether it is complete, and its parts, loaded when they are needed."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ...errors import UserError
from .classes import class_of, hub_cache, quiet, require
from .configs import LARGEST_MAP, Index, Network, Scheduler, WeightMap, bounded, read_json, reading, validate

log = logging.getLogger("noisewalk")
_EDGE = 1 << 20
_BUFFERS = 2**24
"""Numbers that a small network may hold besides its weights, such as tables of positions."""


@dataclass(frozen=True)
class ModelFolder:
    """A pipeline that diffusers saved: model_index.json, and a folder for each component.

    Some old ones (google/ddpm-*) keep their components in the same folder as model_index.json.
    """

    path: Path

    @cached_property
    def index(self) -> dict[str, Any]:
        """The content of model_index.json."""
        return self.read("model_index.json")

    @cached_property
    def options(self) -> Index:
        """The options in model_index.json, apart from the components."""
        return validate(self.index, Index, self.path / "model_index.json")

    @property
    def pipeline(self) -> str:
        """The name of the pipeline's class."""
        return self.options.get("_class_name", "without a name")

    def has(self, component: str) -> bool:
        """Return whether the pipeline has such a component."""
        entry = self.index.get(component)
        return isinstance(entry, list) and len(entry) == 2 and all(isinstance(name, str) for name in entry)

    def component_folder(self, component: str) -> Path:
        """Return the folder of a component."""
        own = self.path / component
        return own if own.is_dir() else self.path

    def config(self, component: str, name: str = "config.json") -> dict[str, Any]:
        """Return the configuration of a component; {} if it has none."""
        path = self.component_folder(component) / name
        return self.read(str(path.relative_to(self.path))) if path.is_file() else {}

    def network(self, component: str) -> Network:
        """Return what the configuration of a network says about its pictures, within bounds."""
        return validate(self.config(component), Network, self.component_folder(component) / "config.json")

    def scheduler(self, component: str = "scheduler") -> dict[str, Any]:
        """Return the configuration of a scheduler, with the fields that noisewalk uses within bounds."""
        name = "scheduler_config.json"
        found = self.config(component, name)
        return {**found, **validate(found, Scheduler, self.component_folder(component) / name)}

    def read(self, name: str) -> dict[str, Any]:
        """Read a JSON file of the folder.

        Raises:
            UserError: it is missing or damaged.
        """
        return read_json(self.check_inside(self.path / name))

    def check_inside(self, file: Path) -> Path:
        """Return a file, and check that it is a regular file of the folder or of the cache that it links to.

        Raises:
            UserError: it is missing, or lies elsewhere.
        """
        with reading(file):
            real = file.resolve()
            store = self.path.parent.parent if self.path.parent.name == "snapshots" else hub_cache()
            if not any(real.is_relative_to(root.resolve()) for root in (self.path, store)):
                raise UserError(f"{file} is a link out of the model's folder, to {real}; put the file itself there")
            if not real.is_file():
                raise UserError(f"{file} is missing or not a regular file; download the model again")
        return file

    def weights(self, component: str, variant: str | None = None) -> list[Path]:
        """Return the weight files of a component that would be read, and check that none is missing or cut short.

        Raises:
            UserError: a file is missing or cut short (its download was interrupted).
        """
        folder = self.component_folder(component)
        ends = [f".{variant}", ""] if variant else ["", ".fp16"]
        stems = ["diffusion_pytorch_model", "model", "pytorch_model"]
        for end, kind in product(ends, ("safetensors", "bin")):
            for name in (f"{stem}.{kind}.index{end}.json" for stem in stems):
                if (folder / name).is_file():
                    found = read_json(self.check_inside(folder / name), LARGEST_MAP)
                    shards = validate(found, WeightMap, folder / name)["weight_map"]
                    return [_whole(self.check_inside(folder / shard)) for shard in sorted(set(shards.values()))]
            for name in (f"{stem}{end}.{kind}" for stem in stems):
                if (folder / name).is_file():
                    return [_whole(self.check_inside(folder / name))]
        where = f"{component}/" if folder != self.path else ""
        others = sorted(file.name for stem in stems for file in folder.glob(f"{stem}*") if file.suffix != ".json")
        if others:
            raise UserError(
                f"{self.path} has no weights of its {component} under a name that is read, {where}{stems[0]}.safetensors or "
                f"{stems[0]}.fp16.safetensors, but {', '.join(others[:3])}; download that variant"
            )
        raise UserError(f"{self.path} has no weights of its {component} ({where}*.safetensors); download the model again")

    def parameters(self, component: str) -> int:
        """Return how many numbers the weights of a component hold, read from the headers of the files."""
        total = 0
        for file in self.weights(component):
            if file.suffix == ".safetensors":
                with safe_open(file, framework="pt") as opened:
                    total += sum(torch.Size(opened.get_slice(k).get_shape()).numel() for k in opened.keys())  # noqa: SIM118
            else:
                total += file.stat().st_size // 4
        return total

    def fingerprint(self, component: str) -> str:
        """Return sixteen hexadecimal digits of a SHA-256 of a component's configuration and weight files.

        Of each file only the size, the first and the last MiB are read, because whole files would take longer than a picture.
        """
        digest = hashlib.sha256(json.dumps(self.config(component), sort_keys=True).encode())
        for file in self.weights(component):
            size = file.stat().st_size
            with file.open("rb") as opened:
                digest.update(f"{file.name} {size}".encode() + opened.read(_EDGE))
                opened.seek(max(0, size - _EDGE))
                digest.update(opened.read())
        return digest.hexdigest()[:16]

    def load(self, component: str, dtype: torch.dtype) -> Any:
        """Load a component with its weights, on the CPU.

        Raises:
            UserError: a library that it needs is not installed, or it cannot be read.
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
            raise UserError(
                f"the weights of the {component} of {self.path} do not fit {file} (see {absent[0]}); download it again"
            )
        return made.eval().requires_grad_(False)

    def check_size(self, component: str) -> None:
        """Check that a network is not larger than its weights, so that no config asks for memory that nothing will fill.

        Raises:
            UserError: it is larger, cannot be built, or a file of the component is not a regular one.
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
            raise UserError(f"{file} describes {described:,} numbers, but its weights hold {held:,}; download the model again")

    def check_file(self, file: Path) -> None:
        """Check a file that a library will open: inside the folder, regular, of bounded size, and without code to run."""
        self.check_inside(file)
        if file.name.startswith("adapter_"):
            raise UserError(f"{file} belongs to an adapter, which noisewalk does not read; merge it into the weights")
        if file.suffix == ".json" and file.stat().st_size > LARGEST_MAP:
            raise UserError(f"{file} has {file.stat().st_size:,} bytes; the limit is {LARGEST_MAP:,}")
        if file.name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
            read_json(file)

    def component_class(self, component: str) -> Any:
        """Return the class of a component.

        Raises:
            UserError: such a component cannot have this class.
        """
        library, name = self.index[component] if self.has(component) else ("nothing", "at all")
        return class_of(component, library, name, self.path / "model_index.json")

    def encoders(self, parts: tuple[str, ...], dtype: torch.dtype) -> Any:
        """Load the pipeline with its text encoders alone, for its own `encode_prompt`."""
        diffusers = require("diffusers")
        require("transformers")
        present = [part for part in parts if self.has(part)]
        if not any(part.startswith("text_encoder") for part in present):
            raise UserError(f"{self.path} has no text encoder in its model_index.json; import embeddings for it")
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


def _whole(file: Path) -> Path:
    if not file.is_file():
        raise UserError(f"{file} is missing, because a download was interrupted; download the model again (it resumes)")
    if file.suffix == ".safetensors":
        try:
            with safe_open(file, framework="pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise UserError(f"{file} is cut short or damaged; delete it and download the model again") from error
    return file
