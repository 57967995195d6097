"""A model in diffusers' format: what its configurations say, and its parts, which are loaded when they are needed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ...errors import UserError
from .classes import class_of, quiet, require
from .configs import Index, Network, Scheduler, bounded, reading, validate
from .saved_folder import SavedFolder, has_words
from .single_file import SingleFile

_EDGE = 1 << 20
_BUFFERS = 2**24
"""Numbers that a small network may hold besides its weights, such as tables of positions."""


@dataclass(frozen=True)
class ModelFiles:
    """A pipeline of diffusers that was saved.

    Args:
        source: how it was saved.
    """

    source: SavedFolder | SingleFile

    @property
    def path(self) -> Path:
        """The folder or the file."""
        return self.source.path

    def place(self, component: str, name: str = "") -> Path:
        """Return where a component is, or a file in its folder."""
        return self.source.place(component, name)

    @cached_property
    def index(self) -> dict[str, Any]:
        """The content of model_index.json."""
        return self.source.read("", "model_index.json")

    @cached_property
    def options(self) -> Index:
        """The options in model_index.json, apart from the components."""
        return validate(self.index, Index, self.place("", "model_index.json"))

    @property
    def pipeline(self) -> str:
        """The name of the pipeline's class."""
        return self.options.get("_class_name", "without a name")

    def has(self, component: str) -> bool:
        """Return whether the pipeline has such a component."""
        entry = self.index.get(component)
        return isinstance(entry, list) and len(entry) == 2 and all(isinstance(name, str) for name in entry)

    def config(self, component: str, name: str = "config.json") -> dict[str, Any]:
        """Return the configuration of a component; {} if it has none."""
        return self.source.read(component, name)

    def network(self, component: str) -> Network:
        """Return what the configuration of a network says about its pictures, within bounds."""
        return validate(self.config(component), Network, self.place(component, "config.json"))

    def scheduler(self, component: str = "scheduler") -> dict[str, Any]:
        """Return the configuration of a scheduler, with the fields that noisewalk uses within bounds."""
        name = "scheduler_config.json"
        found = self.config(component, name)
        return {**found, **validate(found, Scheduler, self.place(component, name))}

    def weights(self, component: str) -> list[Path]:
        """Return the weight files of a component, and check that none is missing or cut short.

        Raises:
            UserError: a file is missing or cut short (its download was interrupted).
        """
        return self.source.weights(component)

    def parameters(self, component: str) -> int:
        """Return how many numbers the weights of a component hold, read from the headers of the files."""
        return self.source.parameters(component)

    def fingerprint(self, component: str) -> str:
        """Return sixteen hexadecimal digits of a SHA-256 of a component's configuration and weight files.

        Of each file only the size, the first and the last MiB are read, because whole files would take longer than a picture.
        """
        digest = hashlib.sha256(json.dumps(self.config(component), sort_keys=True).encode())
        for file in self.weights(component):
            size = file.stat().st_size
            with file.open("rb") as opened:
                digest.update(f"{'' if file == self.path else file.name} {size}".encode() + opened.read(_EDGE))
                opened.seek(max(0, size - _EDGE))
                digest.update(opened.read())
        return digest.hexdigest()[:16]

    def component_class(self, component: str) -> Any:
        """Return the class of a component.

        Raises:
            UserError: such a component cannot have this class.
        """
        library, name = self.index[component] if self.has(component) else ("nothing", "at all")
        return class_of(component, library, name, self.place("", "model_index.json"))

    def load(self, component: str, dtype: torch.dtype) -> Any:
        """Load a component with its weights, on the CPU.

        Raises:
            UserError: a library that it needs is not installed, or it cannot be read.
        """
        self.weights(component)
        kind, file = self.component_class(component), self.place(component, "config.json")
        self.check_size(component)
        with reading(file, f"load the {component} of"), quiet():
            made = self.source.build(component, kind, self.config(component), dtype)
        return made.eval().requires_grad_(False)

    def check_size(self, component: str) -> None:
        """Check that a network is not larger than its weights, so that no config asks for memory that nothing will fill.

        Raises:
            UserError: it is larger, cannot be built, or a file of the component is not a regular one.
        """
        kind, file = self.component_class(component), self.place(component, "config.json")
        self.source.check_files(component)
        config = self.config(component)
        bounded(config, file)
        with reading(file, f"build the {component} of"), quiet(), torch.device("meta"):
            made = kind.from_config(config) if hasattr(kind, "from_config") else kind(kind.config_class.from_dict(config))
            described = sum(tensor.numel() for tensor in (*made.parameters(), *made.buffers()))
        held = self.parameters(component)
        if described > 1.5 * held + _BUFFERS:
            raise UserError(f"{file} describes {described:,} numbers, but its weights hold {held:,}; download the model again")

    def encoders(self, parts: tuple[str, ...], dtype: torch.dtype) -> Any:
        """Load the pipeline with its text encoders alone, for its own `encode_prompt`."""
        diffusers = require("diffusers")
        require("transformers")
        present = [part for part in parts if self.has(part)]
        if not any(part.startswith("text_encoder") for part in present):
            raise UserError(f"{self.path} has no text encoder in its model_index.json; import embeddings for it")
        for part in ("scheduler", *present):
            self.component_class(part)
            if self.place(part) != self.path:
                self.source.check_files(part)
        loaded = {part: self.load(part, dtype) for part in present if part.startswith("text_encoder")}
        absent = {k: None for k, v in self.index.items() if isinstance(v, list) and k not in (*present, "scheduler")}
        absent |= {"requires_safety_checker": False} if "requires_safety_checker" in self.index else {}  # type: ignore[dict-item]
        with reading(self.path, "load the text encoder of"), quiet():
            pipe = self.source.build_encoders(getattr(diffusers, self.pipeline), loaded, absent, dtype)
        for part, encoder in loaded.items():
            name = part.replace("text_encoder", "tokenizer")
            tokenizer = getattr(pipe, name, None)
            if tokenizer is not None and not has_words(tokenizer, encoder.config.get_text_config().vocab_size):
                raise UserError(
                    f"{self.place(name)} does not contain the vocabulary of the {part} (it has {len(tokenizer)} tokens); "
                    "download the model again"
                )
        return pipe


def open_files(path: Path, offline: bool = False) -> ModelFiles:
    """Return the files of a model.

    Args:
        path: a folder that diffusers saved, or a single file.
        offline: do not ask the network for what a single file does not contain.
    """
    return ModelFiles(SingleFile(path, offline) if path.is_file() else SavedFolder(path))
