"""Views that turn, mirror, shift or recolour the whole picture."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import UserError
from ..terms import Map
from .view import View, permutation


def identity(x: Tensor) -> Tensor:
    """Return the picture."""
    return x


def rotate(quarters: int) -> Map:
    """Return the map that turns a square picture anticlockwise by quarters."""

    def turn(x: Tensor) -> Tensor:
        if quarters % 2 and x.shape[2] != x.shape[3]:
            raise UserError(
                f"a quarter turn needs a square picture, but this one has {x.shape[3]}x{x.shape[2]} pixels; use rotate180"
            )
        return torch.rot90(x, quarters, (2, 3))

    return turn


def skew(factor: float = 1) -> View:
    """Return the view that shifts each column of a picture round by `factor` pixels more than its neighbour."""
    return permutation("skew", shear_lines(2, factor), shear_lines(2, -factor))


def row_shear(factor: float = 1) -> View:
    """Return the view that shifts each row of a picture round by `factor` pixels more than its neighbour."""
    return permutation("row-shear", shear_lines(3, factor), shear_lines(3, -factor))


def shear_lines(dim: int, factor: float) -> Map:
    """Return the map that shifts each line of a picture round by some pixels more than its neighbour, rounded.

    The middle line stays.

    Args:
        dim: the dimension that the lines lie along: 2 for columns, 3 for rows.
        factor: the difference of the shifts of two neighbours in pixels.
    """
    across = 5 - dim

    def shear(x: Tensor) -> Tensor:
        middle = x.shape[across] // 2
        lines = [line.roll(round(factor * (i - middle)), dims=-1) for i, line in enumerate(x.unbind(across))]
        return torch.stack(lines, dim=across)

    return shear


def inner_circle(radius: float = 1) -> View:
    """Return the view that turns a circle in the middle of the picture by half a turn; what is outside stays.

    Args:
        radius: the radius of the circle, as a share of half the picture's side.
    """

    def turn(x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        y = torch.arange(height, device=x.device)[:, None] - (height - 1) / 2
        z = torch.arange(width, device=x.device)[None, :] - (width - 1) / 2
        inside = y**2 + z**2 < (radius * min(height, width) / 2) ** 2
        return torch.where(inside, torch.rot90(x, 2, (2, 3)), x)

    return permutation("inner-circle", turn, turn)


def block_swap(direction: int) -> Map:
    """Return the map that exchanges diagonally opposite quarters."""
    return lambda x: x.roll((direction * (x.shape[2] // 2), direction * (x.shape[3] // 2)), dims=(2, 3))


def colour_permute(order: str = "gbr") -> View:
    """Return the view that permutes colours: red, green and blue show the channels that `order` names.

    Raises:
        UserError: `order` is not an order of the letters r, g and b.

    >>> colour_permute("bgr").forward(torch.tensor([1.0, 2, 3]).view(1, 3, 1, 1)).flatten().tolist()
    [3.0, 2.0, 1.0]
    """
    if sorted(order) != ["b", "g", "r"]:
        raise UserError(
            f"write colour-permute:ORDER with an order of the letters rgb, such as colour-permute:bgr; '{order}' was given"
        )
    there = ["rgb".index(c) for c in order]
    back = [order.index(c) for c in "rgb"]

    def by(channels: list[int]) -> Map:
        def move(x: Tensor) -> Tensor:
            if x.shape[1] != 3:
                raise UserError(f"the view 'colour-permute' needs pictures of 3 colours; those of this model have {x.shape[1]}")
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
    skew(),
    row_shear(),
    inner_circle(),
    permutation("block-swap", block_swap(1), block_swap(-1)),
    colour_permute(),
)
