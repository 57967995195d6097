"""Packing: the averaged weights of a run as float16 safetensors with a card beside them, ready to ship."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..files import write_atomic
from ..models.checkpoint import RUN_CHECKPOINT, half, save_tensors
from .saving import MAX_FILE, averaged_weights


def pack(run: Path, weights: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write `weights` (.safetensors) and its card (.json) from a run folder; returns the card.

    Args:
        card: what the run does not know: kind, data and licence, defaults, measured quality.
    """
    tensors, config = averaged_weights(run / RUN_CHECKPOINT)
    train = config.pop("train")
    step, total, _ = config.pop("step"), config.pop("total_steps"), config.pop("seconds", 0)
    save_tensors(weights, half(tensors), config, MAX_FILE)
    seen = step * train["batch_size"]
    card = {
        **card,
        "recipe": train,
        "trained": {"steps": step, "of": total, "pictures_seen": seen},
        "parameters": sum(t.numel() for t in tensors.values()),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    write_atomic(weights.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return card
