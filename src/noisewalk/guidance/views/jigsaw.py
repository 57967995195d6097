"""A jigsaw: interlocking pieces that fit together in more than one way.

In a 4 x 4 puzzle, each cell has knobs on two opposite sides and holes on the other two, alternating like the squares of a
chessboard. Every inner piece then fits every inner place, and so do the corners and the two kinds of edge pieces.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .pieces import Cut, grid_cut, piece_order, repeat_pixels, require_square, seeded_name, stage_factor
from .view import View, from_order

ACROSS = 4
FLAT, KNOB, HOLE = 0, 1, 2
SIDES = ((-1, 0), (0, -1), (1, 0), (0, 1))
"""Top, left, bottom and right: an anticlockwise turn takes each of them to the next."""


def jigsaw(seed: int = 0) -> View:
    """Return the view that puts the pieces of a 4 x 4 jigsaw together in another way; no piece stays where it was.

    Args:
        seed: decides which piece goes where.
    """

    def order(height: int, width: int) -> Tensor:
        return piece_order(jigsaw_cut(require_square(height, width, "jigsaw")), *_solution(seed))

    return from_order(seeded_name("jigsaw", seed), order)


def jigsaw_cut(size: int) -> Cut:
    """Return which piece every pixel belongs to; at multiples of 64 pixels the shapes are those at 64, enlarged."""
    factor = stage_factor(size)
    small = grid_cut(size // factor, ACROSS)
    owner = small.owner.clone()
    for place in range(ACROSS**2):
        for side, (down, right) in enumerate(SIDES):
            if _outline(place)[side] == KNOB:
                neighbour = place + down * ACROSS + right
                depth, along = _from_edge(small, neighbour, down, right)
                knob = (small.owner == neighbour) & ((depth - 0.12) ** 2 + along**2 < 0.2**2)
                owner[knob] = place
    return Cut(repeat_pixels(owner, factor), grid_cut(size, ACROSS).centres)


def _outline(place: int) -> tuple[int, ...]:
    """Return what the piece of a place has at its top, left, bottom and right."""
    row, column = divmod(place, ACROSS)

    def at(side: int) -> int:
        down, right = SIDES[side]
        if not (0 <= row + down < ACROSS and 0 <= column + right < ACROSS):
            return FLAT
        return KNOB if (row + column + side) % 2 else HOLE

    return tuple(at(side) for side in range(4))


def _from_edge(cut: Cut, place: int, down: int, right: int) -> tuple[Tensor, Tensor]:
    """Return, for every pixel and in cells, its depth behind an edge of a place and its distance along that edge.

    The edge is the one through which the direction (down, right) enters the place.
    """
    size = len(cut.owner)
    cell = size // ACROSS
    line = 2 * torch.arange(size)
    y = (line - cut.centres[place, 0])[:, None].expand(size, size) / (2 * max(cell, 1))
    x = (line - cut.centres[place, 1])[None, :].expand(size, size) / (2 * max(cell, 1))
    return (y * down + x * right) + 0.5, y * right + x * down


def _solution(seed: int) -> tuple[list[int], list[int]]:
    """Return another way to put the puzzle together: the piece that goes to each place, and its quarter turns."""
    draw = torch.Generator().manual_seed(seed)
    source, turns = list(range(ACROSS**2)), [0] * ACROSS**2
    places_by_shape: dict[tuple[int, ...], list[int]] = {}
    for place in range(ACROSS**2):
        places_by_shape.setdefault(min(_turned(_outline(place), k) for k in range(4)), []).append(place)
    for places in places_by_shape.values():
        ring = [places[i] for i in torch.randperm(len(places), generator=draw)]
        for i, place in enumerate(ring):
            piece = ring[i - 1]
            fits = [k for k in range(4) if _turned(_outline(piece), k) == _outline(place)]
            source[place] = piece
            turns[place] = fits[int(torch.randint(len(fits), (1,), generator=draw))]
    return source, turns


def _turned(outline: tuple[int, ...], quarters: int) -> tuple[int, ...]:
    """Return the outline of a piece after anticlockwise quarter turns."""
    return tuple(outline[(side - quarters) % 4] for side in range(4))
