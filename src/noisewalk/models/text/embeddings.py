"""Prompt embeddings that are kept on disk: a text encoder of gigabytes encodes each prompt only once.

The file of an embedding is named by a digest of the encoder (its name and the fingerprint of its weights) and of the prompt as
the encoder reads it. An entry can therefore neither be out of date nor belong to another model. Files are safetensors, never
pickle.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save

from ...errors import UserError
from ...files import write_atomic
from ...walk.prediction import Condition
from ..checkpoint import load_tensors

LARGEST = 64 * 2**20
"""Most bytes of the embedding of a prompt; those of the largest encoders have a few MiB."""


@dataclass(frozen=True)
class EmbeddingCache:
    """The embeddings of one text encoder.

    Args:
        encoder: what identifies it: its kind and the fingerprint of its weights.
        folder: the folder of the files.
    """

    encoder: str
    folder: Path

    def path(self, prompt: str) -> Path:
        """Return the file that has, or would have, the embedding of a prompt."""
        key = json.dumps([self.encoder, prompt]).encode()
        return self.folder / f"{hashlib.sha256(key).hexdigest()[:32]}.safetensors"

    def get(self, prompt: str) -> Condition | None:
        """Return the embedding of a prompt; None if it is not here. A damaged file counts as missing."""
        path = self.path(prompt)
        try:
            if not path.is_file() or path.stat().st_size > LARGEST:
                return None
            tensors, config = load_tensors(path)
        except (UserError, OSError):
            return None
        if config.get("prompt") != prompt or config.get("encoder") != self.encoder:
            return None
        names = [str(i) for i in range(len(tensors))]
        return tuple(tensors[name] for name in names) if names and set(names) == tensors.keys() else None

    def put(self, prompt: str, cond: Condition) -> Path:
        """Keep the embedding of a prompt.

        Args:
            prompt: the prompt as the encoder reads it.
            cond: its embedding.

        Returns:
            The file.

        Raises:
            UserError: the folder cannot be written; the message says how to choose another.
        """
        path = self.path(prompt)
        tensors = {str(i): c.detach().cpu().contiguous() for i, c in enumerate(cond)}
        config = {"kind": "prompt", "encoder": self.encoder, "prompt": prompt}
        remedy = "set NOISEWALK_CACHE to a folder that you may write to"
        write_atomic(path, save(tensors, metadata={"noisewalk": json.dumps(config)}), remedy)
        return path


def read_pth(path: Path) -> dict[str, torch.Tensor]:
    """Read a dictionary {prompt: (1, L, D) embedding} as the course hands it out, without running any code in it.

    Args:
        path: the .pth file.

    Raises:
        UserError: there is no such file, or it holds anything but tensors by prompt.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; give a .pth file that holds a dictionary {{prompt: embedding}}")
    try:
        if path.stat().st_size > 16 * LARGEST:
            raise UserError(f"{path} has {path.stat().st_size:,} bytes; the limit is {16 * LARGEST:,}")
        found = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # pickle has many kinds of errors
        raise UserError(f"{path} is not a file of tensors that can be read safely: {str(error).splitlines()[0]}") from error
    good = (
        isinstance(found, dict)
        and found
        and all(
            isinstance(k, str) and len(k) < 10_000 and isinstance(v, torch.Tensor) and _is_embedding(v)
            for k, v in found.items()
        )
    )
    if not good:
        raise UserError(f"{path} does not hold a dictionary of embeddings by prompt")
    return {k: v if v.ndim == 3 else v[None] for k, v in found.items()}


def _is_embedding(v: torch.Tensor) -> bool:
    """Return whether a tensor is (L, D) or (1, L, D) finite numbers; a shape may be larger than its file."""
    sizes = v.shape[-2:]
    known = v.ndim in (2, 3) and v.is_floating_point() and v.layout == torch.strided and (v.ndim == 2 or v.shape[0] == 1)
    return known and 1 <= sizes[0] <= 4096 and 1 <= sizes[1] <= 65536 and bool(v.isfinite().all())
