"""Components: linear parts of a picture that sum to it."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, unknown
from .tables import DIRECTIONS
from .terms import Map


def gaussian_blur(x: Tensor, sigma: float, kernel_size: int) -> Tensor:
    """Blur pictures with a truncated, normalised Gaussian; the picture is continued by reflection.

    Args:
        x: (N, C, H, W).
        sigma: the standard deviation in pixels, above 0.
        kernel_size: the size of the kernel in pixels: odd, and at most twice the smaller side minus 1, because reflection
            cannot go further.

    Returns:
        (N, C, H, W).

    Raises:
        UserError: sigma or the kernel size is out of range.
    """
    if sigma <= 0 or kernel_size < 1 or kernel_size % 2 == 0:
        raise UserError(
            f"a blur needs a sigma above 0 and an odd kernel size; sigma {sigma} and kernel size {kernel_size} were given"
        )
    pad = kernel_size // 2
    if pad >= min(x.shape[2:]):
        most = 2 * min(x.shape[2:]) - 1
        raise UserError(
            f"the kernel size {kernel_size} is too large for {x.shape[3]}x{x.shape[2]} pixels; it can be at most {most}"
        )
    u = torch.arange(-pad, pad + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (u / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(x.device, x.dtype)
    num, channels = x.shape[:2]
    if num * channels == 1:  # PyTorch convolves one grey picture by an algorithm of its own, with other last digits
        x = x.expand(2, -1, -1, -1)
    x = F.pad(x, (pad, pad, pad, pad), mode="reflect")
    x = F.conv2d(x, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(x, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)[:num]


def low_pass(sigma: float, kernel_size: int) -> Map:
    """Return the map to the coarse part of a picture, which is what one sees from far away: its Gaussian blur."""
    return lambda x: gaussian_blur(x, sigma, kernel_size)


def high_pass(sigma: float, kernel_size: int) -> Map:
    """Return the map to the fine part of a picture, which is what one sees from near: x minus its Gaussian blur."""
    return lambda x: x - gaussian_blur(x, sigma, kernel_size)


def band_split(sigmas: tuple[float, ...], kernel_size: int) -> tuple[Map, ...]:
    """Return the maps to frequency bands, from coarse to fine, which sum to the identity.

    Args:
        sigmas: the standard deviations of the blurs between the bands, in pixels, decreasing.
        kernel_size: the size of the blurs in pixels, odd.

    Returns:
        len(sigmas) + 1 maps.

    Raises:
        UserError: the sigmas do not decrease, or there are none.
    """
    if list(sigmas) != sorted(sigmas, reverse=True) or not sigmas:
        raise UserError(f"the sigmas of bands must decrease; {sigmas} were given")

    def between(wide: float, narrow: float) -> Map:
        return lambda x: gaussian_blur(x, narrow, kernel_size) - gaussian_blur(x, wide, kernel_size)

    middle = [between(wide, narrow) for wide, narrow in pairwise(sigmas)]
    return (low_pass(sigmas[0], kernel_size), *middle, high_pass(sigmas[-1], kernel_size))


def grey(x: Tensor) -> Tensor:
    """Return the mean over the colours, in every colour; (N, C, H, W) -> (N, C, H, W)."""
    return x.mean(1, keepdim=True).expand_as(x)


def colour(x: Tensor) -> Tensor:
    """Return what the grey part leaves; (N, C, H, W) -> (N, C, H, W)."""
    return x - grey(x)


def masked(mask: Tensor) -> Map:
    """Return the map to the pixels where `mask` is 1; it is 0 or 1, and broadcasts to (N, C, H, W)."""
    return lambda x: mask.to(x.device, x.dtype) * x


def motion_blur(length: int, direction: str = "diagonal") -> Map:
    """Return the map to a picture blurred by motion: the mean of `length` copies along a line, continued by reflection.

    Args:
        length: the length of the motion in pixels, odd.
        direction: a key of `DIRECTIONS`.

    Raises:
        UserError: the length is not odd, or there is no such direction; when it is used, that the picture is too small.
    """
    if length < 1 or length % 2 == 0:
        raise UserError(f"a motion blur must be an odd number of pixels long; {length} was given")
    if direction not in DIRECTIONS:
        raise unknown("direction", direction, DIRECTIONS)
    down, right = DIRECTIONS[direction]
    reach = length // 2

    def blur(x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if reach >= min(height, width):
            raise UserError(
                f"a motion of {length} pixels is too long for {width}x{height} pixels; it can be at most "
                f"{2 * min(height, width) - 1}"
            )
        padded = F.pad(x, (reach, reach, reach, reach), mode="reflect")
        copies = [
            padded[:, :, reach + k * down : reach + k * down + height, reach + k * right : reach + k * right + width]
            for k in range(-reach, reach + 1)
        ]
        return sum(copies[1:], copies[0]) / length  # `mean` adds in another order in another batch

    return blur


def complement(part: Map) -> Map:
    """Return the map to what a component leaves, x - part(x)."""
    return lambda x: x - part(x)
