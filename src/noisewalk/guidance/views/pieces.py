"""Views that cut a picture into pieces, and move and turn each piece as a whole.

Pieces move by whole pixels and quarter turns, so every one of these views is an exact permutation. Where a size is a multiple
of 64 pixels, the pieces are those at 64, enlarged. A view then shows the same at every stage of a cascade (64, 256, 1024).
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
        owner: (S, S) the number of the place that each pixel belongs to; -1 for pixels that never move.
        centres: (P, 2) row and column of each place's centre, doubled so that they are whole numbers.
    """

    owner: Tensor
    centres: Tensor


def piece_order(cut: Cut, source: Sequence[int], turns: Sequence[int]) -> Tensor:
    """Return the order of pixels in which place p shows the piece of place source[p], turned anticlockwise by turns[p].

    The pieces must fit: after its turns, each has the shape of its new place.

    Args:
        cut: how the picture is cut.
        source: for each place, the number of its new piece.
        turns: for each place, the quarter turns of that piece.

    Returns:
        (S * S,) seen pixel i is the picture's pixel order[i].
    """
    size = len(cut.owner)
    place = cut.owner.flatten().clamp(min=0)
    at = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij"), -1).view(-1, 2)
    y, x = (2 * at - cut.centres[place]).unbind(1)
    quarters = torch.tensor(turns)[place] % 4
    for k in (1, 2, 3):  # turn back clockwise, one quarter at a time
        again = quarters >= k
        y, x = torch.where(again, x, y), torch.where(again, -y, x)
    centre = cut.centres[torch.tensor(source)[place]]
    order = (centre[:, 0] + y) // 2 * size + (centre[:, 1] + x) // 2
    return torch.where(cut.owner.flatten() >= 0, order, torch.arange(size * size))


def stage_factor(size: int) -> int:
    """Return how many times the size of the first stage a picture is; 1 if it is not a multiple of it."""
    return size // STAGE if size % STAGE == 0 else 1


def repeat_pixels(x: Tensor, factor: int) -> Tensor:
    """Enlarge (H, W) to (H * factor, W * factor); each entry becomes a block."""
    return x.repeat_interleave(factor, 0).repeat_interleave(factor, 1)


def grid_cut(size: int, across: int) -> Cut:
    """Cut a picture into a grid of square cells of whole pixels, in its middle; the rest never moves.

    Args:
        size: the side of the picture in pixels.
        across: the number of cells in a row.

    Raises:
        UserError: the picture has fewer pixels in a row.
    """
    if (factor := stage_factor(size)) > 1:
        small = grid_cut(size // factor, across)
        return Cut(repeat_pixels(small.owner, factor), factor * (small.centres + 1) - 1)
    if size < across:
        raise UserError(f"a picture of {size}x{size} pixels cannot be cut into {across} pieces in a row; take fewer")
    cell = size // across
    margin = (size - cell * across) // 2
    line = (torch.arange(size) - margin).div(cell, rounding_mode="floor")
    line = torch.where((line >= 0) & (line < across), line, -1)
    owner = torch.where((line[:, None] >= 0) & (line[None, :] >= 0), line[:, None] * across + line[None, :], -1)
    middle = 2 * margin + cell - 1 + 2 * cell * torch.arange(across)
    return Cut(owner, torch.cartesian_prod(middle, middle).view(-1, 2))


def patch_permute(seed: int = 0, patches: int = 4) -> View:
    """Return the view that shuffles a grid of patches.

    Args:
        seed: decides the order.
        patches: the number of patches in a row.
    """

    def order(height: int, width: int) -> Tensor:
        cut = grid_cut(require_square(height, width, "patch-permute"), patches)
        return piece_order(cut, _shuffled(patches**2, seed), [0] * patches**2)

    return from_order(seeded_name("patch-permute", seed), order)


def pixel_permute(seed: int = 0, side: int | None = None) -> View:
    """Return the view that shuffles every pixel; at multiples of a side, every block that was a pixel at that side.

    Args:
        seed: decides the order.
        side: the side of the first stage's pictures in pixels; None for 64, or for the picture's own if it is no multiple.
    """

    def order(height: int, width: int) -> Tensor:
        size = require_square(height, width, "pixel-permute")
        small = side or size // stage_factor(size)
        if size % small:
            raise UserError(f"pixel-permute:side={small} needs pictures whose side is a multiple of it; these have {size}")
        return enlarge_order(torch.tensor(_shuffled(small * small, seed)), size // small)

    return from_order(seeded_name("pixel-permute", seed), order)


def square_hinge(squares: int = 4) -> View:
    """Return the view of a sheet of squares that are hinged at their corners, folded open and shut again.

    Neighbouring squares turn by a quarter in opposite directions.

    Args:
        squares: the number of squares in a row.
    """

    def order(height: int, width: int) -> Tensor:
        cut = grid_cut(require_square(height, width, "square-hinge"), squares)
        turns = [1 if (i + j) % 2 else 3 for i in range(squares) for j in range(squares)]
        return piece_order(cut, range(squares**2), turns)

    return from_order("square-hinge", order)


def polar_rings(rings: int = 4) -> View:
    """Return the view of concentric rings of equal width, in which ring k (from the outside) turns by k quarters.

    The corners stay.
    """

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
    """Return the side of a square picture.

    Raises:
        UserError: the picture is not square.
    """
    if height != width:
        raise UserError(f"the view '{name}' needs square pictures; these have {width}x{height} pixels")
    return height


def seeded_name(name: str, seed: int) -> str:
    """Return the name by which `get_view` finds a seeded view."""
    return f"{name}:{seed}" if seed else name
