"""Parts of scenes, each around one thing: what a scorer must read to find the things of a scene."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .captions import with_article


def around(box: Sequence[float], draw: random.Random) -> tuple[float, float, float]:
    """Return a random square around a box, as its top, its left and its side, all in per cent of the picture.

    The side is one to one and a half times the longer side of the box, and the square lies within the picture. It holds what
    the picture shows of the box.

    Args:
        box: left, top, width and height, in per cent.
        draw: chooses the side and the place.
    """
    left, top, width, height = box
    side = min(100.0, max(width, height) * draw.uniform(1.0, 1.5))

    def begin(low: float, length: float) -> float:
        return min(max(draw.uniform(low + length - side, low), 0.0), 100.0 - side)

    return begin(top, height), begin(left, width), side


def parts(index: Sequence[dict[str, Any]], seed: int = 0) -> Iterator[tuple[int, str, tuple[float, float, float]]]:
    """Yield the row, the noun and a square around each thing with a known box."""
    draw = random.Random(seed)
    for row, said in enumerate(index):
        if said["kind"] not in ("several", "coloured"):  # whose words are not one noun for each box
            for noun, box in zip(said["things"], said["boxes"]):  # noqa: B905 (a place has no box)
                yield row, noun, around(box, draw)


def crop(picture: Tensor, square: Sequence[float], size: int) -> Tensor:
    """Return a square part (3, size, size) of a picture (3, S, S) with values of any range, resized bilinearly.

    Args:
        picture: the picture.
        square: the top row, the left column and the side, in per cent.
        size: the side of the result.
    """
    top, left, side = (round(number * picture.shape[-1] / 100) for number in square)
    cut = picture[None, :, top : top + max(side, 1), left : left + max(side, 1)].float()
    return F.interpolate(cut, (size, size), mode="bilinear", align_corners=False, antialias=True)[0]


def crops(pictures: Tensor, index: Sequence[dict[str, Any]], size: int) -> tuple[Tensor, list[str]]:
    """Return the parts of scenes, (M, 3, size, size) uint8, and their M captions.

    Args:
        pictures: (N, 3, S, S) uint8 scenes.
        index: their descriptions.
        size: the side of the parts in pixels.
    """
    found = list(parts(index))
    cut = [crop(pictures[row], square, size).round().to(torch.uint8) for row, _, square in found]
    return torch.stack(cut), [with_article(noun) for _, noun, _ in found]
