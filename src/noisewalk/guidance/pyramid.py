"""Laplacian pyramids, and pictures that are blended in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

_COARSEST = 32
"""Pictures whose smaller side is less than this are not halved further."""


def laplacian_pyramid(x: Tensor) -> list[Tensor]:
    """Split pictures into bands of detail, each an octave coarser than the one before, and what remains of them.

        band_l = x_l - enlarge(x_{l+1}),     x_{l+1} = shrink(x_l),     x_0 = x

    The last element is the coarsest x_l itself, whose smaller side has 16 to 31 pixels in large pictures.

    Args:
        x: (N, C, H, W).

    Returns:
        The bands from fine to coarse, (N, C, H, W), (N, C, H/2, W/2), ...; a small picture is its own only element.

    Reference: Burt & Adelson, *The Laplacian Pyramid as a Compact Image Code*, 1983, https://doi.org/10.1109/TCOM.1983.1095851.
    """
    bands = []
    while min(x.shape[2:]) >= _COARSEST:
        small = F.interpolate(x, [n // 2 for n in x.shape[2:]], mode="bilinear", antialias=True)
        bands.append(x - _enlarged(small, x))
        x = small
    return [*bands, x]


def from_pyramid(bands: Sequence[Tensor]) -> Tensor:
    """Return the pictures (N, C, H, W) of a pyramid; it undoes `laplacian_pyramid` whatever the bands are."""
    return reduce(lambda x, band: _enlarged(x, band) + band, reversed(bands))


def blend(pictures: Sequence[Tensor], weights: Sequence[float], detail: float = 0.0) -> Tensor:
    """Blend pictures in their Laplacian pyramids: by a mean, but one that lets the stronger detail win.

        band = (1 - a) sum_i w_i b_i + a sum_i w_i |b_i| b_i / sum_i w_i |b_i|

    A mean halves the detail that only one of two pictures has, and the second sum keeps it. The coarsest level is always the
    mean. With a = 0 this is the mean of the pictures.

    Args:
        pictures: K batches (N, C, H, W).
        weights: w_i, K numbers that sum to 1.
        detail: a, from 0 to 1.

    Returns:
        (N, C, H, W).

    Reference: Chang et al., *LookingGlass: Generative Anamorphoses via Laplacian Pyramid Warping*, 2025 (detail-preserving
    averaging), https://arxiv.org/abs/2504.08902.
    """
    *bands, coarsest = (torch.stack(level) for level in zip(*map(laplacian_pyramid, pictures), strict=True))
    share = coarsest.new_tensor(weights).view(-1, 1, 1, 1, 1)

    def blended(band: Tensor) -> Tensor:
        pull = share * band.abs()
        strongest = (pull * band).sum(0) / pull.sum(0).clamp(min=torch.finfo(band.dtype).tiny)
        return torch.lerp((share * band).sum(0), strongest, detail)

    return from_pyramid([*map(blended, bands), (share * coarsest).sum(0)])


def _enlarged(small: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(small, like.shape[2:], mode="bilinear", align_corners=False)
