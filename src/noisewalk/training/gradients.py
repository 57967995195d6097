"""The gradient of a batch, of all of it at once or of parts of it one after the other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..walk.prediction import Condition

Loss = Callable[[Callable[..., Tensor], Tensor, Condition, torch.Generator], Tensor]
"""Maps (network, pictures in [-1, 1], condition, generator) to (N,) losses."""


def add_gradients(
    loss: Loss, network: Callable[..., Tensor], pictures: Tensor, cond: Condition, generator: torch.Generator, parts: int = 1
) -> float:
    """Add the gradient of a batch's mean loss to the weights' gradients, and return this loss.

    The batch is divided into parts, which need less memory. Each part sees the noise that is drawn for the whole batch, so the
    sum is the gradient of the whole batch, if a picture's loss depends on its own output alone. Layers that normalise over the
    batch see the parts.

    Args:
        loss: the loss of each picture.
        network: the network.
        pictures: (N, C, H, W) in [-1, 1].
        cond: their conditions.
        generator: draws times, noise and dropped conditions.
        parts: the number of parts, which divides N.
    """
    before, total, size = generator.get_state(), 0.0, len(pictures) // parts
    for first in range(0, len(pictures), size):
        rows = slice(first, first + size)
        generator.set_state(before)
        some = network if parts == 1 else _only(network, rows)
        value = loss(some, pictures, cond, generator)[rows].mean() / parts
        value.backward()  # type: ignore[no-untyped-call]
        total += value.item()
    return total


def _only(network: Callable[..., Tensor], rows: slice) -> Callable[..., Tensor]:
    """Return the network for some rows of its inputs, with zeros as the outputs of the others."""

    def call(*inputs: Tensor) -> Tensor:
        part = network(*(each[rows] for each in inputs))
        zeros = part.new_zeros(len(inputs[0]), *part.shape[1:])
        return torch.cat([zeros[: rows.start], part, zeros[rows.stop :]])

    return call
