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

from ...errors import UserError
from ...walk.prediction import Condition
from ..checkpoint import load_tensors, save_tensors


def cache_folder() -> Path:
    """NOISEWALK_CACHE, or the user's cache folder of the system."""
    if own := os.environ.get("NOISEWALK_CACHE"):
        return Path(own)
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
        if not path.is_file():
            return None
        try:
            tensors, config = load_tensors(path)
        except UserError:
            return None
        if config.get("prompt") != prompt or config.get("encoder") != self.encoder:
            return None
        return tuple(tensors[str(i)] for i in range(len(tensors)))

    def put(self, prompt: str, cond: Condition) -> Path:
        """Keep the embedding of a prompt."""
        path = self.path(prompt)
        tensors = {str(i): c for i, c in enumerate(cond)}
        save_tensors(path, tensors, {"kind": "prompt", "encoder": self.encoder, "prompt": prompt})
        return path


def read_pth(path: Path) -> dict[str, torch.Tensor]:
    """A dictionary {prompt: (1, L, D) embedding} as the course hands it out, read without running any code of it.

    Raises:
        UserError: there is no such file, or it holds anything but tensors by prompts.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; give a .pth of {{prompt: embedding}}")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle's own errors are many
        raise UserError(f"{path} is not a file of tensors that can be read safely: {str(error).splitlines()[0]}") from error
    good = (
        isinstance(found, dict)
        and found
        and all(
            isinstance(k, str) and isinstance(v, torch.Tensor) and v.ndim in (2, 3) and v.is_floating_point()
            for k, v in found.items()
        )
    )
    if not good:
        raise UserError(f"{path} does not hold a dictionary of embeddings by prompt")
    return {k: v if v.ndim == 3 else v[None] for k, v in found.items()}
