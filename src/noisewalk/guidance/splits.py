"""Ways to split a picture into parts that sum to it, and how one looks at the picture to see each part.

Reference: Geng et al., *Factorized Diffusion: Perceptual Illusions by Noise Decomposition*, 2024, section 3.3 (hybrid, triple
hybrid, colour, motion, masks, scaling), https://arxiv.org/abs/2404.11615.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, unknown
from .components import band_split, colour, complement, gaussian_blur, grey, masked, motion_blur
from .illusions import normalized_weights
from .parts import Part, SplitSettings
from .tables import SPLITS
from .terms import Map


def shrink_and_restore(sigma: float, kernel_size: int) -> Map:
    """Return the map to a picture as it is resolved from far away, at its own size.

    The picture is blurred, shrunk so that each block of about `sigma` pixels becomes one, and enlarged again.

    Args:
        sigma: the standard deviation of the blur in pixels.
        kernel_size: its size in pixels, odd.
    """

    def look(x: Tensor) -> Tensor:
        blurred = gaussian_blur(x, sigma, kernel_size)
        block = max(1, min(round(sigma), *x.shape[2:]))
        small = F.interpolate(blurred, size=[max(1, n // block) for n in x.shape[2:]], mode="area")
        return F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)

    return look


def stretch_contrast(x: Tensor) -> Tensor:
    """Stretch the values of each picture to [-1, 1], as the eye adapts to a faint picture."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return 2 * (x - low) / (high - low).clamp(min=1e-6) - 1


def from_afar(sigma: float, kernel_size: int) -> Map:
    """Return the map to what one sees of a picture from far away: shrunk, restored, and with its contrast stretched."""
    small = shrink_and_restore(sigma, kernel_size)
    return lambda x: stretch_contrast(small(x))


def bands(settings: SplitSettings) -> tuple[Part, ...]:
    """Split a picture into frequency bands, from far to near. Two bands are a hybrid image, three a triple hybrid."""
    count = len(settings.sigmas) + 1
    names = {2: ("far", "near"), 3: ("far", "middle", "near")}.get(count, tuple(f"band-{i}" for i in range(1, count + 1)))
    components = band_split(settings.sigmas, settings.kernel_size)
    looks = (*(from_afar(sigma, settings.kernel_size) for sigma in settings.sigmas), _identity)
    return tuple(Part(*each) for each in zip(names, components, looks, strict=True))


def colours(_: SplitSettings) -> tuple[Part, ...]:
    """Split a picture into its grey part and its colours."""

    def only_colour(x: Tensor) -> Tensor:
        _require_colours(x)
        return colour(x)

    def only_grey(x: Tensor) -> Tensor:
        _require_colours(x)
        return grey(x)

    return Part("grey", only_grey, grey), Part("colour", only_colour, _identity)


def motion(settings: SplitSettings) -> tuple[Part, ...]:
    """Split a picture into what is seen in motion, and what is only seen when it stands still."""
    blur = motion_blur(settings.length, settings.direction)
    return Part("moving", blur, blur), Part("still", complement(blur), _identity)


def scaling(settings: SplitSettings) -> tuple[Part, ...]:
    """Split a picture into shares of itself, part_i(x) = a_i x with a sum of 1, so that all prompts hold everywhere.

    Under guidance of scale g this is `compose` with the scales a_i g.

    Reference: Liu et al., *Compositional Visual Generation with Composable Diffusion Models*, 2022,
    https://arxiv.org/abs/2206.01714.
    """

    def share(weight: float) -> Map:
        return lambda x: weight * x

    weights = normalized_weights(len(settings.shares), settings.shares)
    return tuple(Part(f"share-{i}", share(weight), _identity) for i, weight in enumerate(weights, 1))


def spatial(settings: SplitSettings) -> tuple[Part, ...]:
    """Split a picture by a mask: where it is white, and where it is black.

    Raises:
        UserError: there is no mask.
    """
    if settings.mask is None:
        raise UserError("the split 'mask' needs a black and white picture, --mask FILE.png; or use left-right, circle, …")
    white, black = masked(settings.mask), masked(1 - settings.mask)
    return Part("white", white, white), Part("black", black, black)


def _by_place(names: tuple[str, str], where: Callable[[Tensor, Tensor], Tensor]) -> Callable[[SplitSettings], tuple[Part, ...]]:
    """Return a split by a mask that is known at any size; `where` takes y and x of the pixels' centres, from -1 to 1."""

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


left_right = _by_place(("left", "right"), lambda y, x: (x < 0) & (y == y))
top_bottom = _by_place(("top", "bottom"), lambda y, x: (y < 0) & (x == x))
circle = _by_place(("inside", "outside"), lambda y, x: y**2 + x**2 < 0.5)


def get_split(name: str, settings: SplitSettings) -> tuple[Part, ...]:
    """Return the parts of a split.

    Args:
        name: a key of `SPLITS`.
        settings: the settings that it reads.

    Raises:
        UserError: there is no such split, or a setting that it needs is missing.
    """
    if name not in SPLITS:
        raise unknown("split", name, SPLITS)
    return SPLITS[name](settings)


def _identity(x: Tensor) -> Tensor:
    return x


def _require_colours(x: Tensor) -> None:
    if x.shape[1] < 2:
        raise UserError("this model makes grey pictures, and the split 'colour' needs a model of colour pictures")
