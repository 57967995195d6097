"""Recolouring vector drawings: the colours of an SVG with one hue move to another, and shading and outlines stay."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor


@dataclass(frozen=True)
class Paint:
    """A colour word as a target in HLS.

    Args:
        hue: the hue in degrees.
        lightness: the new middle lightness of the drawing, in [0, 1].
        saturation: the smallest saturation in [0, 1]; for neutral colours the largest.
        neutral: whether it is black, white or grey.
    """

    hue: float
    lightness: float
    saturation: float = 0.65
    neutral: bool = False


PAINTS: dict[str, Paint] = {
    "red": Paint(2, 0.50, 0.75),
    "orange": Paint(28, 0.54, 0.85),
    "yellow": Paint(50, 0.56, 0.85),
    "green": Paint(125, 0.42, 0.5),
    "blue": Paint(216, 0.52, 0.7),
    "purple": Paint(276, 0.50, 0.5),
    "pink": Paint(335, 0.74, 0.75),
    "brown": Paint(22, 0.32, 0.45),
    "black": Paint(0, 0.17, 0.06, neutral=True),
    "white": Paint(0, 0.93, 0.06, neutral=True),
    "grey": Paint(0, 0.55, 0.06, neutral=True),
}
"""Colour words that can be asked for."""

_LITERAL = re.compile(
    r"(?<![\w(])#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b(?!\")"
    r"|(?<=fill=\")(?!none|url|current)[a-z#][\w#]*|(?<=stroke=\")(?!none|url|current)[a-z#][\w#]*"
    r"|(?<=stop-color=\")[a-z#][\w#]*|(?<=flood-color=\")[a-z#][\w#]*"
)
_MATRIX = re.compile(r'values="0 0 0 0 ([\d.]+) 0 0 0 0 ([\d.]+) 0 0 0 0 ([\d.]+)')


@dataclass(frozen=True)
class Palette:
    """The main colours of a drawing, which cover most of it.

    Args:
        hue: the middle hue of the coloured part in degrees; None for a grey drawing.
        lightness: its mean lightness, in [0, 1].
    """

    hue: float | None
    lightness: float


def palette(pixels: NDArray[np.uint8]) -> Palette | None:
    """Return the palette of an RGBA picture (H, W, 4) with one hue or in grey; None for others."""
    seen = pixels[pixels[..., 3] > 200][:, :3].astype(np.float64) / 255
    if len(seen) < 50:
        return None
    high, low = seen.max(1), seen.min(1)
    chroma, light = high - low, (high + low) / 2
    vivid = (chroma > 0.2) & (high > 0.25)
    angle = np.radians([360 * colorsys.rgb_to_hls(*rgb)[0] for rgb in seen[vivid]])
    if vivid.mean() > 0.35:
        hue = float(np.degrees(np.angle(np.exp(1j * angle).mean()))) % 360
        inside = np.abs((np.degrees(angle) - hue + 180) % 360 - 180) < 35
        return Palette(hue, float(light[vivid][inside].mean())) if inside.mean() > 0.75 else None
    grey = (chroma <= 0.2) & (light > 0.25)
    if vivid.mean() < 0.2 and grey.mean() > 0.4:
        return Palette(None, float(light[grey].mean()))
    return None


def recoloured(svg: str, own: Palette, colour: str) -> str:
    """Return an SVG with its main colours changed to `colour`, one of `PAINTS`; outlines, eyes and other hues stay."""
    change = partial(_changed, own=own, paint=PAINTS[colour])
    svg = _LITERAL.sub(lambda found: _hex(change(_rgb(found[0]))) if _known(found[0]) else found[0], svg)
    return _MATRIX.sub(lambda found: _matrix(change((float(found[1]), float(found[2]), float(found[3])))), svg)


Rgb = tuple[float, float, float]


def _changed(rgb: Rgb, own: Palette, paint: Paint) -> Rgb:
    hue, light, saturation = colorsys.rgb_to_hls(*rgb)
    chroma = max(rgb) - min(rgb)
    if own.hue is None:
        if chroma > 0.25 or light < 0.2:
            return rgb
    elif chroma < 0.12 or abs((360 * hue - own.hue + 180) % 360 - 180) > 45:
        return rgb
    light = min(0.97, max(0.05, paint.lightness + 0.8 * (light - own.lightness)))
    saturation = min(saturation, paint.saturation) if paint.neutral else max(0.9 * saturation, paint.saturation)
    return colorsys.hls_to_rgb(paint.hue / 360, light, saturation)


def _known(text: str) -> bool:
    try:
        ImageColor.getrgb(text)
    except ValueError:
        return False
    return True


def _rgb(text: str) -> Rgb:
    red, green, blue = ImageColor.getrgb(text)[:3]
    return red / 255, green / 255, blue / 255


def _hex(rgb: Rgb) -> str:
    return "#" + "".join(f"{round(255 * each):02x}" for each in rgb)


def _matrix(rgb: Rgb) -> str:
    red, green, blue = (f"{each:.4f}" for each in rgb)
    return f'values="0 0 0 0 {red} 0 0 0 0 {green} 0 0 0 0 {blue}'
