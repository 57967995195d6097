"""Tensors that are kept in the user's cache: what takes long to compute, such as the embedding of a prompt, is computed once.

The file of an entry is named by a digest of what made the tensors (for a text encoder, its name and the fingerprint of its
weights) and of what they were made of. An entry can therefore neither be out of date nor belong to another model. Files are
safetensors, never pickle.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from ..errors import UserError
from ..files import write_atomic
from .checkpoint import load_tensors

LARGEST = 64 * 2**20
"""Most bytes of an entry; the embeddings of the largest text encoders have a few MiB."""


@dataclass(frozen=True)
class TensorCache:
    """The entries of one maker.

    Args:
        maker: what identifies it: its kind and the fingerprint of its weights.
        folder: the folder of the files.
    """

    maker: str
    folder: Path

    def path(self, source: str) -> Path:
        """Return the file that has, or would have, what was made of a source, such as a prompt."""
        key = json.dumps([self.maker, source]).encode()
        return self.folder / f"{hashlib.sha256(key).hexdigest()[:32]}.safetensors"

    def get(self, source: str) -> tuple[Tensor, ...] | None:
        """Return what was made of a source; None if it is not here. A damaged file counts as missing."""
        path = self.path(source)
        try:
            if not path.is_file() or path.stat().st_size > LARGEST:
                return None
            tensors, config = load_tensors(path)
        except (UserError, OSError):
            return None
        if config.get("prompt") != source or config.get("encoder") != self.maker:
            return None
        names = [str(i) for i in range(len(tensors))]
        return tuple(tensors[name] for name in names) if names and set(names) == tensors.keys() else None

    def put(self, source: str, made: tuple[Tensor, ...]) -> Path:
        """Keep what was made of a source, and return the file.

        Raises:
            UserError: the folder cannot be written; the message says how to choose another.
        """
        path = self.path(source)
        tensors = {str(i): each.detach().cpu().contiguous() for i, each in enumerate(made)}
        config = {"kind": "prompt", "encoder": self.maker, "prompt": source}  # the names are older than entries of other kinds
        remedy = "set NOISEWALK_CACHE to a folder that you may write to"
        write_atomic(path, save(tensors, metadata={"noisewalk": json.dumps(config)}), remedy)
        return path
