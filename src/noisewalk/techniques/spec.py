"""Requests as JSON, with the pictures in them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
from PIL import Image

from ..checking import checked as checked
from ..errors import UserError, shorten
from ..fields import argument as argument
from ..fields import option as option
from ..fields import picture as picture
from ..images import Picture, encode_png, open_bytes
from .requests import R
from .requests import Request as Request
from .requests import Source as Source
from .requests import Walk as Walk
from .requests import seeds as seeds
from .requests import with_seeds as with_seeds

KEPT = "sha256:"
"""Begins what stands for a picture that is kept outside of the JSON."""
MOST_PIXELS = 4096 * 4096
MOST_LARGER = 4
"""Limits of the pictures in JSON: pixels of each, and how many upsampling stages."""


def scaled(request: R, factor: float) -> R:
    """Return a request with its lengths in pixels multiplied: a kernel of 33 at 64x64 becomes 133 (odd) at 256x256."""
    lengths = {f.name: getattr(request, f.name) for f in fields(request) if f.metadata.get("pixels")}
    return replace(request, **{name: _scaled(value, factor) for name, value in lengths.items()})


def _scaled(value: Any, factor: float) -> Any:
    if value is None:
        return None
    if isinstance(value, tuple):
        return tuple(_scaled(item, factor) for item in value)
    return value * factor if isinstance(value, float) else round(value * factor) | 1  # kernels stay odd


def to_json(spec: Request, keep: Callable[[bytes], str] | None = None) -> dict[str, Any]:
    """Return a request as JSON.

    Args:
        spec: the request.
        keep: keeps a picture (PNG bytes) somewhere, and returns what stands for it in the JSON. None writes the picture into
            the JSON in base64.
    """
    return {f.name: _encode(getattr(spec, f.name), keep or _base64) for f in fields(spec)}


def from_json(kind: type[R], data: Mapping[str, Any], inputs: Mapping[str, bytes] | None = None) -> R:
    """Return a request from its JSON, the inverse of `to_json`.

    Args:
        kind: the class of the request.
        data: the JSON.
        inputs: the pictures that were kept elsewhere, by what stands for them in the JSON.

    Raises:
        UserError: a field is unknown, missing, or has a wrong value.
    """
    name = kind.__name__.lower()
    try:
        decoded = {key: _decode(value, inputs or {}) for key, value in data.items()}
        return checked(kind(**decoded), recorded=True)
    except (TypeError, ValueError, KeyError, OSError, msgspec.ValidationError) as error:
        raise UserError(f"this is not a request of {name}: {error}") from error


@dataclass(frozen=True)
class Kept:
    """A picture in JSON: its name, and what stands for it at the model's size and at those of the upsampling stages."""

    picture: str
    png: str
    larger: tuple[str, ...] = ()


def _encode(value: Any, keep: Callable[[bytes], str]) -> Any:
    if isinstance(value, Picture):
        larger = {"larger": [keep(encode_png(image)) for image in value.larger]} if value.larger else {}
        return {"picture": value.name, "png": keep(encode_png(value.image)), **larger}
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _decode(value: Any, inputs: Mapping[str, bytes]) -> Any:
    if isinstance(value, dict):
        kept = msgspec.convert(value, Kept)
        larger = tuple(_image(text, kept.picture, inputs) for text in kept.larger[:MOST_LARGER])
        return Picture(_image(kept.png, kept.picture, inputs), kept.picture, larger=larger)
    return tuple(value) if isinstance(value, list) else value


def _base64(png: bytes) -> str:
    return base64.b64encode(png).decode()


def _image(text: str, name: str, inputs: Mapping[str, bytes]) -> Image.Image:
    """Return a picture that was kept, in mode L or RGB; its size is limited before it is decoded."""
    if text.startswith(KEPT) and text not in inputs:
        raise ValueError(f"the picture '{name}' ({text}) is no longer in the file")
    data = inputs[text] if text in inputs else base64.b64decode(text, validate=True)
    image = open_bytes(data, f"'{shorten(name, 80)}'", ("PNG",), MOST_PIXELS).image
    if image.mode not in ("L", "RGB"):
        raise ValueError(f"the picture '{name}' has the mode {image.mode}, which is not L or RGB")
    return image
