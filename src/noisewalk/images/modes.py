"""Pictures of any kind as a person sees them, in eight bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UserError

DEEP = 65535.0
_GREY, _ALPHA = ("1", "L"), ("LA", "La", "PA", "RGBA", "RGBa")
_COLOUR = ("P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV")
LIGHT = 159
"""A pixel lighter than this can hardly be seen on white."""


def eight_bit(image: Image.Image, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a picture in mode L, RGB or RGBA, and what was assumed about its values.

    Args:
        image: a picture of any mode.
        name: its name, for the message.

    Raises:
        UserError: it holds no finite number, or colours that cannot be shown without a colour profile.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return _grey(np.asarray(image, dtype=np.float64), DEEP), ()
    if image.mode in ("I", "F"):
        return _numbers(np.asarray(image, dtype=np.float64), name, image.mode == "I")
    if image.mode in _ALPHA or "transparency" in image.info:
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
        return image.convert(straight).convert("RGBA"), ()
    if image.mode not in _GREY + _COLOUR:
        raise UserError(f"{name} has colours of the mode {image.mode}, which noisewalk does not read; save it as RGB")
    return image.convert("L" if image.mode in _GREY else "RGB"), ()


def flatten_transparency(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Put a picture of mode RGBA on white, or on black if everything that is visible is too light for white.

    Args:
        image: the picture.

    Returns:
        The picture in mode RGB, and what was done.
    """
    alpha = np.asarray(image.getchannel("A"), dtype=np.float64)
    if alpha.min() == 255:
        return image.convert("RGB"), ()
    light = np.asarray(image.convert("RGB").convert("L")) > LIGHT
    dark_ground = alpha.any() and alpha[light].sum() >= 0.95 * alpha.sum()
    ground = "black" if dark_ground else "white"
    flat = Image.alpha_composite(Image.new("RGBA", image.size, ground), image).convert("RGB")
    return flat, (f"put on {ground} where it was transparent" + (", because what is visible is light" * bool(dark_ground)),)


def _numbers(values: NDArray[Any], name: str, whole: bool) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a grey picture from numbers of which only the size tells what white is."""
    finite = np.isfinite(values)
    if not finite.any():
        raise UserError(f"{name} holds no finite number, so there is nothing to see")
    greatest = values[finite].max()
    above = 2.0**31 - 1 if whole else greatest
    top = next((top for most, top in ((2.0, 1.0), (255.0, 255.0), (DEEP, DEEP)) if greatest <= most), above)
    notes = [f"its numbers are read as 0 for black and {top:,.0f} for white"]
    if missing := int(np.isnan(values).sum()):
        notes.append(f"{missing:,} pixel{'s are' if missing > 1 else ' is'} not a number and read as black")
    return _grey(np.nan_to_num(values, nan=0.0, posinf=top, neginf=0.0), top), tuple(notes)


def _grey(values: NDArray[Any], top: float) -> Image.Image:
    return Image.fromarray((values.clip(0, top) / top * 255).round().astype(np.uint8))
