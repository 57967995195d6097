"""Views that turn, mirror, shift or recolour the whole picture."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import UserError
from ..terms import Map
from .view import View, permutation


def identity(x: Tensor) -> Tensor:
    """The picture."""
    return x


def rotate(quarters: int) -> Map:
    """Turned anticlockwise by quarters, of a square picture."""

    def turn(x: Tensor) -> Tensor:
        if quarters % 2 and x.shape[2] != x.shape[3]:
            raise UserError(f"a quarter turn needs a square picture, not {x.shape[3]}x{x.shape[2]}; rotate180 works on any")
        return torch.rot90(x, quarters, (2, 3))

    return turn


def shear_lines(dim: int, direction: int) -> Map:
    """Lines along `dim` (2: columns, 3: rows) shifted round, each by one pixel more than its neighbour, the middle one not."""
    across = 5 - dim

    def shear(x: Tensor) -> Tensor:
        middle = x.shape[across] // 2
        lines = [line.roll(direction * (i - middle), dims=-1) for i, line in enumerate(x.unbind(across))]
        return torch.stack(lines, dim=across)

    return shear


def inner_circle(x: Tensor) -> Tensor:
    """Half a turn of the largest circle; the corners stay."""
    height, width = x.shape[2:]
    y = torch.arange(height, device=x.device)[:, None] - (height - 1) / 2
    z = torch.arange(width, device=x.device)[None, :] - (width - 1) / 2
    inside = y**2 + z**2 < (min(height, width) / 2) ** 2
    return torch.where(inside, torch.rot90(x, 2, (2, 3)), x)


def block_swap(direction: int) -> Map:
    """Diagonal quarters change places."""
    return lambda x: x.roll((direction * (x.shape[2] // 2), direction * (x.shape[3] // 2)), dims=(2, 3))


def colour_permute(order: str = "gbr") -> View:
    """Colours change places: red, green and blue are shown the channels named in `order`.

    >>> colour_permute("bgr").forward(torch.tensor([1.0, 2, 3]).view(1, 3, 1, 1)).flatten().tolist()
    [3.0, 2.0, 1.0]
    """
    if sorted(order) != ["b", "g", "r"]:
        raise UserError(f"a view of permuted colours is named colour-permute:ORDER, ORDER an order of rgb; '{order}' is none")
    there = ["rgb".index(c) for c in order]
    back = [order.index(c) for c in "rgb"]

    def by(channels: list[int]) -> Map:
        def move(x: Tensor) -> Tensor:
            if x.shape[1] != 3:
                raise UserError(f"view 'colour-permute' needs pictures of 3 colours; this model's have {x.shape[1]}")
            return x[:, channels]

        return move

    return permutation("colour-permute" if order == "gbr" else f"colour-permute:{order}", by(there), by(back))


SIMPLE = (
    permutation("identity", identity, identity),
    permutation("flip-horizontal", lambda x: x.flip(3), lambda x: x.flip(3)),
    permutation("flip-vertical", lambda x: x.flip(2), lambda x: x.flip(2)),
    permutation("rotate90", rotate(1), rotate(-1)),
    permutation("rotate180", rotate(2), rotate(2)),
    permutation("rotate270", rotate(3), rotate(-3)),
    View("negate", torch.neg, torch.neg, identity),
    permutation("skew", shear_lines(2, 1), shear_lines(2, -1)),
    permutation("row-shear", shear_lines(3, 1), shear_lines(3, -1)),
    permutation("inner-circle", inner_circle, inner_circle),
    permutation("block-swap", block_swap(1), block_swap(-1)),
    colour_permute(),
)
