"""An estimate of the memory that a request needs, before any of it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from ..errors import UserError
from ..models.machine import free_memory
from ..techniques.panels import Panel

_BYTES = 4
_COPIES = 3
"""The copies of finished pictures: as they were walked, concatenated with the others, and in 8 bits with their figure."""


def estimate(panels: Sequence[Panel], count: int, num: int, keep_states: bool) -> int:
    """Return the bytes that the result of a request will need.

    Args:
        panels: the panels of one part of the pictures.
        count: the number of pictures in that part.
        num: the number of pictures of the whole request.
        keep_states: whether every state of the walks is kept.
    """
    states = sum(
        2 * prod(stage.shape) * (stage.steps if keep_states else 1) + _COPIES * prod(stage.shape)
        for panel in panels
        for stage in panel.stages
    )
    return _BYTES * states * num // count


def check_memory(panels: Sequence[Panel], count: int, num: int, keep_states: bool) -> None:
    """Raise a `UserError` if the result of a request does not fit into the free memory; see `estimate`."""
    needed, free = estimate(panels, count, num, keep_states), free_memory(torch.device("cpu"))
    if needed > free:
        kept = ", or leave out the trajectory (--trajectory)" if keep_states else ""
        raise UserError(
            f"this needs about {needed / 1e9:,.1f} GB of memory, but {free / 1e9:,.1f} GB are free; lower --num or "
            f"--steps{kept}"
        )
