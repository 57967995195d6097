"""Checkpoints: tensors as safetensors, the configuration as JSON in the same file's header. Never pickle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import UserError
from ..files import write_atomic


def save_tensors(path: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Write tensors and a JSON-able configuration into one safetensors file, atomically."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomic(path, save(whole, metadata={"noisewalk": json.dumps(config)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and configuration written by `save_tensors`.

    Raises:
        UserError: the file is missing, cut short, or was not written by noisewalk.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if "noisewalk" not in metadata:
                raise UserError(f"{path} is a safetensors file, but not one of noisewalk's (it has no configuration)")
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(metadata["noisewalk"])  # noqa: SIM118
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise UserError(f"cannot read the checkpoint {path}: {error}; it may be cut short, fetch or make it again") from error


def half(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Floating-point tensors in float16, for weights that are shipped."""
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}


def single(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Floating-point tensors in float32, for weights that are used."""
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def fingerprint(path: Path) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def state_dict(module: torch.nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """A module's tensors with a prefix before each name."""
    return {prefix + name: tensor for name, tensor in module.state_dict().items()}
