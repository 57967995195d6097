"""Components: linear parts of a picture that sum to it."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, unknown
from .terms import Map


def gaussian_blur(x: Tensor, sigma: float, kernel_size: int) -> Tensor:
    """Blur with a truncated, normalised Gaussian; pictures are continued by reflection.

    Args:
        x: (N, C, H, W).
        sigma: standard deviation, pixels; above 0.
        kernel_size: odd, at most twice the smaller side less one (reflection cannot go further).
    """
    if sigma <= 0 or kernel_size < 1 or kernel_size % 2 == 0:
        raise UserError(f"a blur needs sigma > 0 and an odd kernel size, got sigma {sigma} and kernel size {kernel_size}")
    pad = kernel_size // 2
    if pad >= min(x.shape[2:]):
        most = 2 * min(x.shape[2:]) - 1
        raise UserError(f"kernel size {kernel_size} is too large for {x.shape[3]}x{x.shape[2]} pixels; at most {most}")
    u = torch.arange(-pad, pad + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (u / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(x.device, x.dtype)
    channels = x.shape[1]
    x = F.pad(x, (pad, pad, pad, pad), mode="reflect")
    x = F.conv2d(x, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(x, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)


def low_pass(sigma: float, kernel_size: int) -> Map:
    """What is left of a picture from far away."""
    return lambda x: gaussian_blur(x, sigma, kernel_size)


def high_pass(sigma: float, kernel_size: int) -> Map:
    """What a low pass takes away: seen from near."""
    return lambda x: x - gaussian_blur(x, sigma, kernel_size)


def band_split(sigmas: tuple[float, ...], kernel_size: int) -> tuple[Map, ...]:
    """Bands from coarse to fine, cut at decreasing blurs, that sum to the identity: len(sigmas) + 1 of them."""
    if list(sigmas) != sorted(sigmas, reverse=True) or not sigmas:
        raise UserError(f"bands are cut at decreasing sigmas, got {sigmas}")

    def between(wide: float, narrow: float) -> Map:
        return lambda x: gaussian_blur(x, narrow, kernel_size) - gaussian_blur(x, wide, kernel_size)

    middle = [between(wide, narrow) for wide, narrow in pairwise(sigmas)]
    return (low_pass(sigmas[0], kernel_size), *middle, high_pass(sigmas[-1], kernel_size))


def grey(x: Tensor) -> Tensor:
    """The mean over colours, in every colour."""
    return x.mean(1, keepdim=True).expand_as(x)


def colour(x: Tensor) -> Tensor:
    """What the grey part leaves."""
    return x - grey(x)


def masked(mask: Tensor) -> Map:
    """The pixels where `mask` (broadcastable to (N, C, H, W), 0 or 1) is 1."""
    return lambda x: mask.to(x.device, x.dtype) * x


def motion_blur(length: int, direction: str = "diagonal") -> Map:
    """What is left of a picture in motion: the mean of `length` copies along a line, continued by reflection.

    Args:
        length: pixels, odd.
        direction: a key of `DIRECTIONS`.
    """
    if length < 1 or length % 2 == 0:
        raise UserError(f"a motion blur is an odd number of pixels long, got {length}")
    if direction not in DIRECTIONS:
        raise unknown("direction", direction, DIRECTIONS)
    down, right = DIRECTIONS[direction]
    reach = length // 2

    def blur(x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if reach >= min(height, width):
            raise UserError(
                f"a motion of {length} pixels is too long for {width}x{height}; at most {2 * min(height, width) - 1}"
            )
        padded = F.pad(x, (reach, reach, reach, reach), mode="reflect")
        copies = [
            padded[:, :, reach + k * down : reach + k * down + height, reach + k * right : reach + k * right + width]
            for k in range(-reach, reach + 1)
        ]
        return torch.stack(copies).mean(0)

    return blur


def complement(part: Map) -> Map:
    """What a component leaves: x - part(x)."""
    return lambda x: x - part(x)


DIRECTIONS = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1), "antidiagonal": (1, -1)}
"""Directions of motion, (down, right)."""
