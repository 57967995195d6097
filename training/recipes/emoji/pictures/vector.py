"""Vector drawings that can be placed anywhere at any size and in other colours, with their visible boxes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from noisewalk.files import write_atomic
from noisewalk.images import open_bytes

from .captions import SILHOUETTES
from .colours import Palette, palette, recoloured
from .icons import Icon
from .nouns import noun

_SIDE = 64
_HEAD = re.compile(r'viewBox="([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+)"')
_ID = re.compile(r'(\bid="|url\(#|href="#)([^")]+)')


class Box(NamedTuple):
    """A rectangle by left, top, width and height; in a scene they are in per cent of the side."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Drawing:
    """An icon without the empty space around it.

    Args:
        icon: the original icon.
        noun: its noun in captions.
        visible: the box of its visible part, in the units of its view box.
        own: its main colours, if it has one hue or is grey.
        skin: the box of its yellow part relative to the visible part, with numbers in [0, 1], if there is one.
    """

    icon: Icon
    noun: str
    visible: Box
    own: Palette | None
    skin: Box | None = None

    @property
    def aspect(self) -> float:
        """The width over the height."""
        return self.visible.w / self.visible.h


def drawing(icon: Icon, noun: str) -> Drawing | None:
    """Render and measure an icon; return None if it is empty."""
    pixels = rgba(icon.svg)
    rows, columns = np.nonzero(pixels[..., 3] > 32)
    head = _HEAD.search(icon.svg)
    if len(rows) < 20 or head is None:
        return None
    left, top, width, height = (float(each) for each in head.groups())
    unit = max(width, height) / _SIDE
    x, y = columns.min(), rows.min()
    w, h = columns.max() + 1 - x, rows.max() + 1 - y
    visible = Box(left + float(x) * unit, top + float(y) * unit, float(w) * unit, float(h) * unit)
    return Drawing(icon, noun, visible, palette(pixels), _skin(pixels[y : y + h, x : x + w]))


def measured(icons: Iterable[Icon], kept: Path) -> Iterator[Drawing]:
    """Return icons in colour and without symbols as drawings; their measures are kept in a JSON file for the next time.

    Args:
        kept: the file; delete it if the measures change.
    """
    known: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    before = len(known)
    for icon in icons:
        if icon.style == SILHOUETTES or icon.concept.group == "symbols":
            continue
        key = f"{icon.style}/{icon.name}"
        if key not in known:
            found = drawing(icon, "")
            known[key] = found and [found.visible, found.own and [found.own.hue, found.own.lightness], found.skin]
        if known[key]:
            visible, own, skin = known[key]
            name = noun(icon.concept.names[0])
            yield Drawing(icon, name, Box(*visible), Palette(*own) if own else None, Box(*skin) if skin else None)
    if len(known) > before:
        write_atomic(kept, json.dumps(known).encode())


def rgba(svg: str, size: int = _SIDE) -> NDArray[np.uint8]:
    """Render an SVG with transparency as (height, width, 4) uint8, `size` pixels wide."""
    from resvg_py import svg_to_bytes

    png = bytes(svg_to_bytes(svg_string=svg, width=size, skip_system_fonts=True))
    return np.asarray(open_bytes(png, "the rendered drawing", ("PNG",)).image.convert("RGBA"))


def _skin(pixels: NDArray[np.uint8]) -> Box | None:
    """Return the box of the yellow skin in a cropped picture, without single pixels at its ends."""
    colour = pixels.astype(np.int32)
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    yellow = (pixels[..., 3] > 200) & (red > 200) & (green > 140) & (green < 225) & (blue < 150) & (red - blue > 80)
    rows, columns = np.nonzero(yellow)
    if len(rows) < 0.05 * yellow.size:
        return None
    top, bottom = np.quantile(rows, (0.02, 0.98))
    left, right = np.quantile(columns, (0.02, 0.98))
    height, width = yellow.shape
    return Box(*(float(n) for n in (left / width, top / height, (right + 1 - left) / width, (bottom + 1 - top) / height)))


class Canvas:
    """SVG elements from back to front, on a square with sides of 100."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._numbers = count()

    def add(self, element: str) -> None:
        """Add an SVG element in front of the others."""
        self.parts.append(element)

    def put(self, what: Drawing, box: Box, colour: str = "", mirror: bool = False) -> Box:
        """Put a drawing into a box, as large as possible, at the middle of the lower edge; return the box that it fills."""
        w = min(box.w, box.h * what.aspect)
        h = w / what.aspect
        x, y = box.x + (box.w - w) / 2, box.y + box.h - h
        body = what.icon.svg[what.icon.svg.index(">") + 1 : -len("</svg>")]
        if colour and what.own:
            body = recoloured(body, what.own, colour)
        number = next(self._numbers)
        body = _ID.sub(lambda found: f"{found[1]}n{number}-{found[2]}", body)
        view = " ".join(f"{each:.3f}" for each in what.visible)
        placed = f'<svg x="{x:.2f}" y="{y:.2f}" width="{w:.2f}" height="{h:.2f}" viewBox="{view}">{body}</svg>'
        self.add(f'<g transform="translate({2 * x + w:.2f} 0) scale(-1 1)">{placed}</g>' if mirror else placed)
        return Box(x, y, w, h)

    def svg(self) -> str:
        """Return the whole picture as SVG."""
        space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        return f'<svg {space} viewBox="0 0 100 100" width="100" height="100">{"".join(self.parts)}</svg>'
