"""Ways to split a picture into parts that sum to it, and how one looks at the picture to see each part.

Reference: Geng et al., *Factorized Diffusion*, 2024, section 3.3 (hybrid, triple hybrid, colour, motion).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, unknown
from .components import band_split, colour, complement, gaussian_blur, grey, masked, motion_blur
from .terms import Map


@dataclass(frozen=True)
class Part:
    """A part of a picture.

    Args:
        name: what the command line calls it.
        component: picture -> part; linear. The components of a split sum to the identity.
        look: (N, C, H, W) -> the same: the finished picture as one looks at it to see this part.
    """

    name: str
    component: Map
    look: Map


@dataclass(frozen=True, eq=False)
class SplitSettings:
    """What splits can be asked for.

    Args:
        sigmas: standard deviations, pixels, decreasing, at which `bands` are cut.
        kernel_size: of those blurs, pixels, odd.
        length: of a motion, pixels, odd.
        direction: of a motion, a key of `DIRECTIONS`.
        mask: (1, 1, H, W) of 0 and 1, for `mask`.
    """

    sigmas: tuple[float, ...] = (2.0,)
    kernel_size: int = 33
    length: int = 9
    direction: str = "diagonal"
    mask: Tensor | None = None


def shrink_and_restore(sigma: float, kernel_size: int) -> Map:
    """A picture from far away: blurred, and so small that each block of about `sigma` pixels is one; brought back to size."""

    def look(x: Tensor) -> Tensor:
        blurred = gaussian_blur(x, sigma, kernel_size)
        block = max(1, min(round(sigma), *x.shape[2:]))
        small = F.interpolate(blurred, size=[max(1, n // block) for n in x.shape[2:]], mode="area")
        return F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)

    return look


def stretch_contrast(x: Tensor) -> Tensor:
    """Each picture's values stretched to [-1, 1], as the eye adapts to a faint picture."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return 2 * (x - low) / (high - low).clamp(min=1e-6) - 1


def from_afar(sigma: float, kernel_size: int) -> Map:
    """What is seen of a picture from far away."""
    small = shrink_and_restore(sigma, kernel_size)
    return lambda x: stretch_contrast(small(x))


def bands(settings: SplitSettings) -> tuple[Part, ...]:
    """From far to near: two bands are a hybrid, three a triple hybrid."""
    count = len(settings.sigmas) + 1
    names = {2: ("far", "near"), 3: ("far", "middle", "near")}.get(count, tuple(f"band-{i}" for i in range(1, count + 1)))
    components = band_split(settings.sigmas, settings.kernel_size)
    looks = (*(from_afar(sigma, settings.kernel_size) for sigma in settings.sigmas), _identity)
    return tuple(Part(*each) for each in zip(names, components, looks, strict=True))


def colours(_: SplitSettings) -> tuple[Part, ...]:
    """Without and with colour."""

    def only_colour(x: Tensor) -> Tensor:
        _require_colours(x)
        return colour(x)

    def only_grey(x: Tensor) -> Tensor:
        _require_colours(x)
        return grey(x)

    return Part("grey", only_grey, grey), Part("colour", only_colour, _identity)


def motion(settings: SplitSettings) -> tuple[Part, ...]:
    """Moving and still."""
    blur = motion_blur(settings.length, settings.direction)
    return Part("moving", blur, blur), Part("still", complement(blur), _identity)


def spatial(settings: SplitSettings) -> tuple[Part, ...]:
    """Where a mask is white, and where it is black."""
    if settings.mask is None:
        raise UserError("the split 'mask' needs a picture of black and white: --mask FILE.png; or take left-right, circle, …")
    white, black = masked(settings.mask), masked(1 - settings.mask)
    return Part("white", white, white), Part("black", black, black)


def _by_place(names: tuple[str, str], where: Callable[[Tensor, Tensor], Tensor]) -> Callable[[SplitSettings], tuple[Part, ...]]:
    """A split by a mask that is known at any size; `where` is given y and x of the pixels' centres, -1 to 1."""

    def part(first: bool) -> Map:
        def take(x: Tensor) -> Tensor:
            height, width = x.shape[2:]
            y = (2 * torch.arange(height, device=x.device) + 1) / height - 1
            z = (2 * torch.arange(width, device=x.device) + 1) / width - 1
            inside = where(y[:, None], z[None, :])
            return torch.where(inside == first, x, torch.zeros_like(x))

        return take

    def split(_: SplitSettings) -> tuple[Part, ...]:
        return tuple(Part(name, part(first), part(first)) for name, first in zip(names, (True, False), strict=True))

    return split


SPLITS: dict[str, Callable[[SplitSettings], tuple[Part, ...]]] = {
    "bands": bands,
    "colour": colours,
    "motion": motion,
    "mask": spatial,
    "left-right": _by_place(("left", "right"), lambda y, x: (x < 0) & (y == y)),
    "top-bottom": _by_place(("top", "bottom"), lambda y, x: (y < 0) & (x == x)),
    "circle": _by_place(("inside", "outside"), lambda y, x: y**2 + x**2 < 0.5),
}
"""Splits by name."""


def get_split(name: str, settings: SplitSettings) -> tuple[Part, ...]:
    """The parts of that split.

    Raises:
        UserError: there is no such split, or it lacks something.
    """
    if name not in SPLITS:
        raise unknown("split", name, SPLITS)
    return SPLITS[name](settings)


def _identity(x: Tensor) -> Tensor:
    return x


def _require_colours(x: Tensor) -> None:
    if x.shape[1] < 2:
        raise UserError("this model draws in grey, so grey is all there is; the split 'colour' needs a model of colours")
