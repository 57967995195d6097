"""A part of a picture, and the settings of the splits that make parts."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .terms import Map


@dataclass(frozen=True)
class Part:
    """A part of a picture.

    Args:
        name: what the command line calls it.
        component: the linear map from a picture to the part. The components of a split sum to the identity.
        look: maps the finished picture (N, C, H, W) to how it appears when one looks for this part.
    """

    name: str
    component: Map
    look: Map


@dataclass(frozen=True, eq=False)
class SplitSettings:
    """The settings of splits; each split reads those that it needs.

    Args:
        sigmas: for `bands`: the standard deviations of the blurs between bands, in pixels, decreasing.
        kernel_size: for `bands`: the size of these blurs in pixels, odd.
        length: for `motion`: the length of the motion in pixels, odd.
        direction: for `motion`: a key of `DIRECTIONS`.
        mask: for `mask`: (1, 1, H, W) of 0 and 1.
        shares: for `scaling`: the weight of each part, on any scale.
    """

    sigmas: tuple[float, ...] = (2.0,)
    kernel_size: int = 33
    length: int = 9
    direction: str = "diagonal"
    mask: Tensor | None = None
    shares: tuple[float, ...] = (1.0, 1.0)
