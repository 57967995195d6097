"""Prompt embeddings kept on disk: a text encoder of gigabytes is asked once for each prompt, ever.

Content-addressed: the file's name is a digest of the encoder (name and fingerprint of its weights) and of the prompt as the
encoder reads it, so an entry can be neither stale nor another model's. Safetensors, never pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save

from ...errors import UserError
from ...files import write_atomic
from ...walk.prediction import Condition
from ..checkpoint import load_tensors

LARGEST = 64 * 2**20
"""Most bytes of a prompt's embedding; the largest encoders make a few."""


def cache_folder() -> Path:
    """NOISEWALK_CACHE, or the user's cache folder of the system."""
    if own := os.environ.get("NOISEWALK_CACHE"):
        return Path(own).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("noisewalk")


@dataclass(frozen=True)
class EmbeddingCache:
    """The embeddings of one text encoder.

    Args:
        encoder: what identifies it: its kind and the fingerprint of its weights.
        folder: where the files are.
    """

    encoder: str
    folder: Path

    def path(self, prompt: str) -> Path:
        """Where the embedding of a prompt is, or would be."""
        key = json.dumps([self.encoder, prompt]).encode()
        return self.folder / f"{hashlib.sha256(key).hexdigest()[:32]}.safetensors"

    def get(self, prompt: str) -> Condition | None:
        """The embedding of a prompt, None if it is not here; a damaged file counts as not here."""
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

        Raises:
            UserError: the folder cannot be written; how to name another is said.
        """
        path = self.path(prompt)
        tensors = {str(i): c.detach().cpu().contiguous() for i, c in enumerate(cond)}
        config = {"kind": "prompt", "encoder": self.encoder, "prompt": prompt}
        remedy = "set NOISEWALK_CACHE to a folder that may be written"
        write_atomic(path, save(tensors, metadata={"noisewalk": json.dumps(config)}), remedy)
        return path


def read_pth(path: Path) -> dict[str, torch.Tensor]:
    """A dictionary {prompt: (1, L, D) embedding} as the course hands it out, read without running any code of it.

    Raises:
        UserError: there is no such file, or it holds anything but tensors by prompts.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; give a .pth of {{prompt: embedding}}")
    try:
        if path.stat().st_size > 16 * LARGEST:
            raise UserError(f"{path} has {path.stat().st_size:,} bytes, at most {16 * LARGEST:,} are read")
        found = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # pickle's own errors are many
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
    """(L, D) or (1, L, D) finite numbers of a size that encoders have; a tensor's shape may be larger than its file."""
    sizes = v.shape[-2:]
    known = v.ndim in (2, 3) and v.is_floating_point() and v.layout == torch.strided and (v.ndim == 2 or v.shape[0] == 1)
    return known and 1 <= sizes[0] <= 4096 and 1 <= sizes[1] <= 65536 and bool(v.isfinite().all())
