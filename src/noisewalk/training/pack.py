"""Packing: the averaged weights of a run as float16 safetensors with a card, ready to ship."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import check_file, write_atomic
from ..models.checkpoint import RUN_CHECKPOINT, read_card, save_tensors, to_float16
from .saving import MAX_FILE, RunProgress, averaged_weights, read_progress


def pack(run: Path, weights: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write the weights (.safetensors) of a run, and their card (.json).

    Args:
        run: a run folder with a checkpoint.
        weights: the file to write. Its name must end in .safetensors, so that no two files of weights share a card.
        card: what the run does not know: kind, data and licence, defaults, measured quality.

    Returns:
        The whole card.

    Raises:
        UserError: the name has another ending, the run has no good checkpoint, or the card would replace a file that is not
            one.
    """
    check_file(weights, "a packed model", ".safetensors")
    place = weights.with_suffix(".json")
    if place.exists() and "sha256" not in read_card(place):
        raise UserError(f"the card would replace {place}, which is not a card; choose another name with --out")
    tensors, config = averaged_weights(run / RUN_CHECKPOINT)
    was = read_progress(run / RUN_CHECKPOINT, config)
    save_tensors(
        weights, to_float16(tensors), {k: v for k, v in config.items() if k not in RunProgress.__annotations__}, MAX_FILE
    )
    card = {
        **card,
        "recipe": asdict(was["train"]),
        "trained": {
            "steps": was["step"],
            "of": was["total_steps"],
            "pictures_seen": was["step"] * was["train"].batch_size,
        },
        "parameters": sum(t.numel() for t in tensors.values()),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    write_atomic(place, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return card
