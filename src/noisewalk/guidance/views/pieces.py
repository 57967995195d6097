"""Views that cut a picture into pieces, and turn and move each as a whole.

Pieces move by whole pixels and quarter turns, so every one of these views is an exact permutation. Where a size is a multiple
of 64 the pieces are those at 64 enlarged: a view then shows the same at every stage of a cascade (64, 256, 1024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import UserError
from .view import View, enlarge_order, from_order

STAGE = 64


@dataclass(frozen=True, eq=False)
class Cut:
    """How a square picture is cut.

    Args:
        owner: (S, S) number of the place each pixel belongs to; -1 for those that never move.
        centres: (P, 2) row and column of each place's centre, doubled so that they are whole numbers.
    """

    owner: Tensor
    centres: Tensor


def piece_order(cut: Cut, source: Sequence[int], turns: Sequence[int]) -> Tensor:
    """The order in which place p shows the piece of place source[p], turned anticlockwise by turns[p] quarters.

    The pieces must fit: turned so, each has the shape of its new place.
    """
    size = len(cut.owner)
    place = cut.owner.flatten().clamp(min=0)
    at = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij"), -1).view(-1, 2)
    y, x = (2 * at - cut.centres[place]).unbind(1)
    quarters = torch.tensor(turns)[place] % 4
    for k in (1, 2, 3):  # turn back clockwise, a quarter at a time
        again = quarters >= k
        y, x = torch.where(again, x, y), torch.where(again, -y, x)
    centre = cut.centres[torch.tensor(source)[place]]
    order = (centre[:, 0] + y) // 2 * size + (centre[:, 1] + x) // 2
    return torch.where(cut.owner.flatten() >= 0, order, torch.arange(size * size))


def stage_factor(size: int) -> int:
    """How many times the size of the first stage a picture is, 1 if it is no multiple of it."""
    return size // STAGE if size % STAGE == 0 else 1


def repeat_pixels(x: Tensor, factor: int) -> Tensor:
    """(H, W) -> (H * factor, W * factor), each entry a block."""
    return x.repeat_interleave(factor, 0).repeat_interleave(factor, 1)


def grid_cut(size: int, across: int) -> Cut:
    """across x across square cells, of whole pixels, in the middle of the picture; what is left over never moves."""
    cell = size // across
    margin = (size - cell * across) // 2
    line = (torch.arange(size) - margin).div(max(cell, 1), rounding_mode="floor")
    line = torch.where((line >= 0) & (line < across) & (cell > 0), line, -1)
    owner = torch.where((line[:, None] >= 0) & (line[None, :] >= 0), line[:, None] * across + line[None, :], -1)
    middle = 2 * margin + cell - 1 + 2 * cell * torch.arange(across)
    return Cut(owner, torch.cartesian_prod(middle, middle).view(-1, 2))


def patch_permute(seed: int = 0, across: int = 4) -> View:
    """A grid of across x across patches, shuffled."""

    def order(height: int, width: int) -> Tensor:
        cut = grid_cut(require_square(height, width, "patch-permute"), across)
        return piece_order(cut, _shuffled(across**2, seed), [0] * across**2)

    return from_order(seeded_name("patch-permute", seed), order)


def pixel_permute(seed: int = 0) -> View:
    """Every pixel shuffled; at multiples of 64, every block that was a pixel at 64."""

    def order(height: int, width: int) -> Tensor:
        size = require_square(height, width, "pixel-permute")
        factor = stage_factor(size)
        side = size // factor
        return enlarge_order(torch.tensor(_shuffled(side * side, seed)), factor)

    return from_order(seeded_name("pixel-permute", seed), order)


def square_hinge(across: int = 4) -> View:
    """A sheet of squares hinged at their corners, folded open and shut again: neighbours turn a quarter opposite ways."""

    def order(height: int, width: int) -> Tensor:
        cut = grid_cut(require_square(height, width, "square-hinge"), across)
        turns = [1 if (i + j) % 2 else 3 for i in range(across) for j in range(across)]
        return piece_order(cut, range(across**2), turns)

    return from_order("square-hinge", order)


def polar_rings(rings: int = 4) -> View:
    """Concentric rings of equal width, counted from the outside: ring k is turned by k quarters, the corners stay."""

    def order(height: int, width: int) -> Tensor:
        size = require_square(height, width, "polar-rings")
        factor = stage_factor(size)
        line = (2 * torch.arange(size // factor) - (size // factor - 1)).double()
        radius = (line[:, None] ** 2 + line[None, :] ** 2).sqrt() / len(line)  # 1 at the middle of a side's outer edge
        ring = ((1 - radius) * rings).floor().long().clamp(max=rings - 1)  # an odd size has a pixel at radius 0
        owner = repeat_pixels(torch.where(radius < 1, ring, -1), factor)
        return piece_order(Cut(owner, torch.full((rings, 2), size - 1)), range(rings), range(1, rings + 1))

    return from_order("polar-rings", order)


def _shuffled(count: int, seed: int) -> list[int]:
    return [int(i) for i in torch.randperm(count, generator=torch.Generator().manual_seed(seed))]


def require_square(height: int, width: int, name: str) -> int:
    """The side of a square picture."""
    if height != width:
        raise UserError(f"view '{name}' needs square pictures, not {width}x{height}")
    return height


def seeded_name(name: str, seed: int) -> str:
    """The name that `get_view` knows a seeded view by."""
    return f"{name}:{seed}" if seed else name
