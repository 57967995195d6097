"""Animations of illusions, by one rule for every view.

A view that moves pixels is cut into pieces that it moves rigidly; they are found from where the view takes each pixel and its
neighbours. Each piece moves in a straight line to the place where it is seen, and turns around its own middle; a mirrored piece
turns over, like a card. Values that change (negation, colours) fade meanwhile, and a view that moves no pixels only fades. So
rotations turn, flips flip, and jigsaws come apart, without any code of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..guidance.views import View

Array = NDArray[np.float64]
AT_ONCE = 1_000_000
"""The points that are drawn at a time, which take about 100 MB."""


@dataclass(frozen=True, eq=False)
class Motion:
    """The motion of the P = H W pixels of a picture under a view, in K pieces.

    Args:
        source: (P, 2) the row and the column of each pixel.
        target: (P,) the number of the place where it is seen.
        piece: (P,) the number of its piece.
        middle: (K, 2) the middle of each piece before the motion.
        shift: (K, 2) how far the middle moves.
        turn: (K, 2, 2) how the piece turns around its middle; one of the eight symmetries of the square.
    """

    source: Array
    target: NDArray[np.int64]
    piece: NDArray[np.int64]
    middle: Array
    shift: Array
    turn: Array

    def at(self, s: float) -> tuple[Array, Array]:
        """Return the positions (P, 2) and the orientations (P, 2, 2) of the pixels at s in [0, 1]."""
        parts = np.stack([partial_turn(turn, s) for turn in self.turn])[self.piece]
        offset = self.source - self.middle[self.piece]
        moved = np.einsum("pij,pj->pi", parts, offset) + (self.middle + s * self.shift)[self.piece]
        return moved, parts


def motion_of(view: View, channels: int, height: int, width: int) -> Motion:
    """Find the pieces of a view, and how it moves them."""
    order = _order(view, channels, height, width)
    target = np.argsort(order)
    rows, columns = np.divmod(np.arange(height * width), width)
    source = np.stack([rows, columns], 1).astype(float)
    seen = np.stack(np.divmod(target, width), 1).astype(float)
    turn = _turns(seen.reshape(height, width, 2))
    offset = seen - np.einsum("pij,pj->pi", turn, source)
    keys = np.concatenate([turn.reshape(-1, 4), offset], 1).round().astype(np.int64)
    _, first, piece = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    piece = piece.reshape(-1)
    count = np.bincount(piece)[:, None]
    middle, after = (np.stack([np.bincount(piece, p[:, i]) for i in range(2)], 1) / count for p in (source, seen))
    return Motion(source, target, piece, middle, after - middle, turn[first])


def partial_turn(turn: Array, s: float) -> Array:
    """Return a part s in [0, 1] of a symmetry of the square: a rotation by s times its angle, or a part of turning over."""
    if np.linalg.det(turn) > 0:
        angle = s * math.atan2(turn[1, 0], turn[0, 0])
        return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return (1 - s) * np.eye(2) + s * turn  # I - 2 s n n^T: flat half-way


def frame(x: Tensor, seen: Tensor, motion: Motion, s: float, scale: int, margin: float = 0.22) -> NDArray[np.uint8]:
    """Return one picture of an animation.

    Args:
        x: (C, H, W) in [-1, 1], before.
        seen: (C, H, W) in [-1, 1], after.
        motion: the motion between them.
        s: how far it is, from 0 to 1.
        scale: how many pixels of the canvas make one pixel.
        margin: the white border, in sides of the picture.

    Returns:
        (height, width, 3) in 8 bits.
    """
    _, height, width = x.shape
    before, after = (_colours(each) for each in (x, seen))
    colours = (1 - s) * before + s * after[motion.target]
    centres, parts = motion.at(s)
    fine = 2 * scale  # points per pixel and axis: twice the canvas, so that turned pixels leave no holes
    line = (np.arange(fine) + 0.5) / fine - 0.5
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    distance = np.hypot(*motion.shift.T) + np.linalg.norm(motion.turn - np.eye(2), axis=(1, 2))
    first = np.argsort(distance[motion.piece], kind="stable")  # what moves most is drawn last, on top
    pad = math.ceil(margin * max(height, width) * scale)
    canvas = np.full((height * scale + 2 * pad, width * scale + 2 * pad, 3), 255, np.uint8)
    for chunk in np.array_split(first, -(-len(first) * len(grid) // AT_ONCE)):
        points = centres[chunk, None] + np.einsum("pij,gj->pgi", parts[chunk], grid)
        at = np.floor((points + 0.5) * scale).astype(np.int64) + pad
        inside = ((at >= 0) & (at < canvas.shape[:2])).all(-1)
        painted = np.broadcast_to(colours[chunk, None], (*at.shape[:2], 3))[inside]
        canvas[at[inside][:, 0], at[inside][:, 1]] = painted.round().astype(np.uint8)
    return canvas


def _order(view: View, channels: int, height: int, width: int) -> NDArray[np.int64]:
    """Return the pixel seen at each place; the identity if the view does more than move pixels and change their sign."""
    count = height * width
    numbers = torch.arange(1, count + 1, dtype=torch.float64).view(1, 1, height, width).expand(1, channels, -1, -1)
    seen = view.forward(numbers.contiguous())[0, 0].abs().flatten() - 1
    order = seen.round().long()
    if torch.equal(order.sort().values, torch.arange(count)) and bool((seen - order).abs().max() < 1e-6):
        return order.numpy()
    return np.arange(count)


def _turns(seen: Array) -> Array:
    """Return (P, 2, 2) how the neighbourhood of each pixel turns; the identity if its neighbours do not stay together."""
    height, width, _ = seen.shape
    down, right = np.zeros_like(seen), np.zeros_like(seen)
    for axis, found in ((0, down), (1, right)):
        step = np.diff(seen, axis=axis)
        good = np.abs(step).sum(-1, keepdims=True) == 1  # still a neighbour
        near = [slice(None)] * 3
        near[axis] = slice(0, -1)
        far = list(near)
        far[axis] = slice(1, None)
        found[tuple(far)] = np.where(good, step, 0)
        found[tuple(near)] = np.where(good, step, found[tuple(near)])
    lone_right = np.stack([-right[..., 1], right[..., 0]], -1) * -1.0  # the missing direction that makes it a rotation
    lone_down = np.stack([-down[..., 1], down[..., 0]], -1)
    has_down, has_right = (np.abs(v).sum(-1, keepdims=True) == 1 for v in (down, right))
    down, right = np.where(has_down, down, lone_right), np.where(has_right, right, lone_down)
    turn = np.stack([down, right], -1).reshape(height * width, 2, 2)
    orthogonal = np.abs(np.abs(np.linalg.det(turn)) - 1) < 0.5
    turn[~orthogonal] = np.eye(2)
    return turn


def _colours(x: Tensor) -> Array:
    """Return the colours (H W, 3) from 0 to 255 of a picture (C, H, W) in [-1, 1]."""
    rgb = x.expand(3, -1, -1) if len(x) == 1 else x
    return ((rgb.double().clamp(-1, 1) + 1) * 127.5).flatten(1).T.numpy()
