"""A folder that diffusers saved: its files, whether they are complete and safe to open, and what is built from them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch

from ...errors import UserError
from ..header import read_header
from .classes import hub_cache
from .configs import LARGEST_MAP, WeightMap, read_json, reading, validate


@dataclass(frozen=True)
class SavedFolder:
    """A pipeline that diffusers saved: model_index.json, and a folder for each component.

    Some old ones (google/ddpm-*) keep their components in the same folder as model_index.json.
    """

    path: Path

    def place(self, component: str, name: str = "") -> Path:
        """Return the folder of a component, or a file in it."""
        own = self.path / component
        return (own if own.is_dir() else self.path) / name

    def read(self, component: str, name: str) -> dict[str, Any]:
        """Read a JSON file of a component; {} if it has none. Files of the pipeline itself (component "") must be there."""
        file = self.place(component, name)
        return {} if component and not file.is_file() else read_json(self._inside(file))

    def weights(self, component: str) -> list[Path]:
        """Return the weight files of a component that would be read, and check that none is missing or cut short.

        Raises:
            UserError: a file is missing or cut short (its download was interrupted).
        """
        folder = self.place(component)
        stems = ["diffusion_pytorch_model", "model", "pytorch_model"]
        for end, kind in product(("", ".fp16"), ("safetensors", "bin")):
            for name in (f"{stem}.{kind}.index{end}.json" for stem in stems):
                if (folder / name).is_file():
                    found = read_json(self._inside(folder / name), LARGEST_MAP)
                    shards = validate(found, WeightMap, folder / name)["weight_map"]
                    return [_whole(self._inside(folder / shard)) for shard in sorted(set(shards.values()))]
            for name in (f"{stem}{end}.{kind}" for stem in stems):
                if (folder / name).is_file():
                    return [_whole(self._inside(folder / name))]
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
        files = self.weights(component)
        return sum(read_header(f).numel() if f.suffix == ".safetensors" else f.stat().st_size // 4 for f in files)

    def check_files(self, component: str) -> None:
        """Check every file of a component that a library will open: inside the folder, regular, bounded, and without code."""
        folder = self.place(component)
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.is_symlink() or not file.is_dir():
                self._check(file)

    def build(self, component: str, kind: Any, config: dict[str, Any], dtype: torch.dtype) -> Any:
        """Load a component with its weights, on the CPU.

        Args:
            component: its name.
            kind: its class.
            config: its configuration.
            dtype: the dtype of its weights.

        Raises:
            UserError: its weights do not fit its configuration.
        """
        folder, files = self.place(component), self.weights(component)
        how = {"variant": "fp16"} if any(".fp16" in weights.name for weights in files) else {}
        safe = all(weights.suffix == ".safetensors" for weights in files)
        made, told = kind.from_pretrained(
            folder, torch_dtype=dtype, local_files_only=True, output_loading_info=True, use_safetensors=safe, **how
        )
        own = {name for name, _ in made.named_parameters()}
        absent = sorted(own & {str(name) for name in told["missing_keys"]}) + list(told["mismatched_keys"])
        if absent:
            raise UserError(
                f"the weights of the {component} of {self.path} do not fit {folder / 'config.json'} (see {absent[0]}); "
                "download it again"
            )
        return made

    def build_encoders(self, kind: Any, loaded: dict[str, Any], absent: dict[str, Any], dtype: torch.dtype) -> Any:
        """Return the pipeline with its tokenizers and with the text encoders that were loaded.

        Args:
            kind: its class.
            loaded: the text encoders by their names.
            absent: the components that it is built without.
            dtype: the dtype of the text encoders.
        """
        return kind.from_pretrained(self.path, torch_dtype=dtype, local_files_only=True, **absent, **loaded)

    def _check(self, file: Path) -> None:
        self._inside(file)
        if file.name.startswith("adapter_"):
            raise UserError(f"{file} belongs to an adapter, which noisewalk does not read; merge it into the weights")
        if file.suffix == ".json" and file.stat().st_size > LARGEST_MAP:
            raise UserError(f"{file} has {file.stat().st_size:,} bytes; the limit is {LARGEST_MAP:,}")
        if file.name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
            read_json(file)

    def _inside(self, file: Path) -> Path:
        """Return a file, and check that it is a regular file of the folder or of the cache that it links to."""
        with reading(file):
            real = file.resolve()
            store = self.path.parent.parent if self.path.parent.name == "snapshots" else hub_cache()
            if not any(real.is_relative_to(root.resolve()) for root in (self.path, store)):
                raise UserError(f"{file} is a link out of the model's folder, to {real}; put the file itself there")
            if not real.is_file():
                raise UserError(f"{file} is missing or not a regular file; download the model again")
        return file


def has_words(tokenizer: Any, count: int) -> bool:
    """Return whether a tokenizer has a vocabulary for a text encoder of `count` tokens.

    transformers 5 makes a tokenizer without words, and no error, from a folder without its files.
    """
    return bool(2 * len(tokenizer) > count)


def _whole(file: Path) -> Path:
    if not file.is_file():
        raise UserError(f"{file} is missing, because a download was interrupted; download the model again (it resumes)")
    if file.suffix == ".safetensors":
        read_header(file)
    return file
