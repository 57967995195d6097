"""Requests as JSON, with the pictures in them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec
from PIL import Image

from ..checking import checked
from ..errors import UserError, shorten
from ..images import Picture, encode_png, open_bytes
from .requests import R, Request

KEPT = "sha256:"
"""Begins what stands for a picture that is kept outside of the JSON."""
MOST_PIXELS = 4096 * 4096
MOST_LARGER = 4
"""Limits of the pictures in JSON: pixels of each, and how many upsampling stages."""


def to_json(request: Request, keep: Callable[[bytes], str] | None = None) -> dict[str, Any]:
    """Return a request as JSON.

    Args:
        request: the request.
        keep: keeps a picture (PNG bytes) somewhere, and returns what stands for it in the JSON. None writes the picture into
            the JSON in base64.
    """
    return {f.name: _encode(getattr(request, f.name), keep or _base64) for f in fields(request)}


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
