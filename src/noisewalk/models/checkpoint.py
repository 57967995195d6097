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

RUN_CHECKPOINT = Path("checkpoints") / "last.safetensors"
"""Where a training run keeps its checkpoint, inside its folder."""


def save_tensors(path: Path, tensors: dict[str, Tensor], config: dict[str, Any], max_bytes: int = 0) -> None:
    """Write tensors and a JSON-able configuration into one safetensors file, or several, atomically.

    Args:
        max_bytes: most bytes of tensors in a file; 0 for no limit. What does not fit goes into files beside it,
            "NAME.DIGEST.safetensors", which the first names with their SHA-256; the first is written last, so that at any
            moment it names whole files, and files it names no longer are then removed.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    first, *rest = _parts(whole, max_bytes)
    shards = {}
    for part in rest:
        data = save(part, metadata={"noisewalk": "{}"})
        digest = hashlib.sha256(data).hexdigest()
        shards[f"{path.stem}.{digest[:16]}.safetensors"] = digest
        write_atomic(path.with_name(f"{path.stem}.{digest[:16]}.safetensors"), data)
    config = {**config, "shards": shards} if shards else config
    write_atomic(path, save(first, metadata={"noisewalk": json.dumps(config)}))
    for old in path.parent.glob(f"{path.stem}.{'?' * 16}.safetensors"):
        if old.name not in shards:
            old.unlink(missing_ok=True)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and configuration written by `save_tensors`.

    Raises:
        UserError: a file is missing, cut short, changed, or was not written by noisewalk.
    """
    tensors, config = _load_file(path)
    for name, digest in config.pop("shards", {}).items():
        shard = path.with_name(name)
        if not shard.is_file() or hashlib.sha256(shard.read_bytes()).hexdigest() != digest:
            raise UserError(f"{path} needs {name} beside it, which is missing or changed (SHA-256); fetch or make both again")
        tensors |= _load_file(shard)[0]
    return tensors, config


def _parts(tensors: dict[str, Tensor], max_bytes: int) -> list[dict[str, Tensor]]:
    """Tensors in their order, cut into runs of at most `max_bytes` (a single larger tensor stays whole)."""
    parts: list[dict[str, Tensor]] = [{}]
    size, margin = 0, 64 * 1024  # a file also holds its header
    for name, tensor in tensors.items():
        size += tensor.nbytes
        if max_bytes and size > max_bytes - margin and parts[-1]:
            parts.append({})
            size = tensor.nbytes
        parts[-1][name] = tensor
    return parts


def _load_file(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
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


def network_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights of a packed file, or the averaged ones of a run's checkpoint, in float32, and what they are weights of."""
    tensors, config = load_tensors(path)
    averaged = {k.removeprefix("averaged."): v for k, v in tensors.items() if k.startswith("averaged.")}
    return single(averaged or tensors), config


def fingerprint(path: Path) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def checked(path: Path) -> dict[str, Any]:
    """The card beside packed weights, {} if there is none; the weights must be the ones it names.

    Raises:
        UserError: the weights are missing, or not those of the card (both SHA-256 are said).
    """
    if not path.is_file():
        raise UserError(f"there are no weights at {path}; reinstall noisewalk, or make them (see bench/TRAINING_QUEUE.md)")
    try:
        card: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    except FileNotFoundError:
        return {}
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path.with_suffix('.json')} cannot be read ({error}); reinstall noisewalk") from error
    found = fingerprint(path)
    if found != card.get("sha256", found)[:16]:
        raise UserError(
            f"the weights {path} are damaged (SHA-256 {found}…, not {card['sha256'][:16]}…); make or fetch them again"
        )
    return card


def state_dict(module: torch.nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """A module's tensors with a prefix before each name."""
    return {prefix + name: tensor for name, tensor in module.state_dict().items()}
