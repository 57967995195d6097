"""Specs: frozen dataclasses that say everything about a picture.

A spec is the single source of a technique's command-line flags, of the metadata in its PNGs and of the documentation.
Inheritance is of fields only: techniques that walk share those of `Walk`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from PIL import Image

from ..errors import UserError, shorten
from ..guidance.threshold import THRESHOLDS
from ..images import Picture, encode_png, open_bytes
from ..walk.grids import GRIDS
from ..walk.steps import STEP_RULES
from .checking import checked as checked

Source = str | Path | Image.Image | Picture
R = TypeVar("R", bound="Request")
KEPT = "sha256:"
"""Begins what stands for a picture that is kept outside of the JSON."""
MOST_PIXELS = 4096 * 4096
MOST_LARGER = 4
"""Limits of the pictures in JSON: pixels of each, and how many upsampling stages."""


def option(
    default: Any,
    help: str,
    least: float | None = None,
    most: float | None = None,
    *,
    pixels: bool = False,
    choices: Collection[str] = (),
    rule: tuple[str, Callable[[Any], bool]] | None = None,
) -> Any:
    """A keyword field of a request: its default, its help text, and what `checked` allows.

    Args:
        least, most: bounds, both inclusive; of each item for sequences.
        pixels: it is a length in pixels, and grows with the picture in upsampling stages.
        choices: the names that are allowed.
        rule: a further condition, in words that follow "must be" and as a function.
    """
    metadata = {"help": help, "least": least, "most": most, "pixels": pixels, "choices": choices, "rule": rule}
    return field(default=default, metadata=metadata)


def argument(help: str) -> dict[str, Any]:
    """Metadata of a field given by position, on the command line too: `field(kw_only=False, metadata=argument("..."))`."""
    return {"help": help, "positional": True}


def picture(help: str, role: str = "picture", held: bool = False) -> dict[str, Any]:
    """Metadata of a picture given by position; `role` is "picture" or "mask".

    Args:
        held: a part of it is held in upsampling stages too, so it is read at their sizes as well.
    """
    return {"help": help, "positional": True, "role": role, "held": held}


def _is_interval(value: Sequence[int]) -> bool:
    return not value or (len(value) == 2 and value[0] < value[1])


@dataclass(frozen=True, kw_only=True)
class Request:
    """What every request has: which pictures are made. Each has a seed, and depends on no other."""

    seed: int = option(0, "seed of the first picture", 0, 2**62)
    num: int = option(1, "number of pictures, of seeds seed, seed + 1, ...", 1, 4096)
    seeds: Sequence[int] = option((), "make exactly these seeds, instead of seed, seed + 1, ...", 0, 2**62)


@dataclass(frozen=True, kw_only=True)
class Walk(Request):
    """What every walk has. Fields that are None take the model's defaults."""

    steps: int | None = option(None, "steps of the walk", 1, 1000)
    step_rule: str | None = option(None, f"how a step is made: {', '.join(STEP_RULES)}", choices=STEP_RULES)
    grid: str | None = option(None, f"where the steps are: {', '.join(GRIDS)}", choices=GRIDS)
    guidance_scale: float | None = option(None, "1 follows the prompt, above exaggerates it, 0 ignores it", -100, 100)
    guidance_interval: Sequence[int] | None = option(
        None, "only from one timestep to another, as 200 800", 0, 999, rule=("two timesteps, the smaller first", _is_interval)
    )
    negative_prompt: str = option("", "what guidance pushes away from")
    threshold: str | None = option(None, f"how x0 is kept in range: {', '.join(THRESHOLDS)}", choices=THRESHOLDS)
    upsample: int | None = option(None, "how many upsampling stages follow, for models that have them", 0, 2)
    upsample_steps: Sequence[int] = option((), "steps of each upsampling stage, instead of the model's", 1, 1000)
    upsample_guidance_scale: Sequence[float] = option((), "guidance of each, instead of the model's", -100, 100)
    noise_level: Sequence[int] = option((), "timestep to which each noises the smaller picture", 0, 999)


def seeds(request: Request) -> tuple[int, ...]:
    """The seeds of a request's pictures."""
    return tuple(request.seeds or range(request.seed, request.seed + request.num))


def with_seeds(request: R, chosen: tuple[int, ...]) -> R:
    """The request for some of its pictures."""
    listed = {"seeds": chosen} if request.seeds else {}
    return replace(request, seed=chosen[0], num=len(chosen), **listed)


def scaled(request: R, factor: float) -> R:
    """A request with its lengths in pixels multiplied: a kernel of 33 at 64x64 is one of 133 (odd) at 256x256."""
    lengths = {f.name: getattr(request, f.name) for f in fields(request) if f.metadata.get("pixels")}
    return replace(request, **{name: _scaled(value, factor) for name, value in lengths.items()})


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_scaled(item, factor) for item in value)
    return value * factor if isinstance(value, float) else round(value * factor) | 1  # kernels stay odd


def to_json(spec: Request, keep: Callable[[bytes], str] | None = None) -> dict[str, Any]:
    """A spec as JSON.

    Args:
        keep: puts a picture (PNG bytes) somewhere and says what stands for it in the JSON; None writes it there in base64, so
            that the JSON needs no other file.
    """
    return {f.name: _encode(getattr(spec, f.name), keep or _base64) for f in fields(spec)}


def from_json(kind: type[R], data: Mapping[str, Any], inputs: Mapping[str, bytes] | None = None) -> R:
    """The inverse of `to_json`.

    Args:
        inputs: what was kept, by what stands for it in the JSON.

    Raises:
        UserError: a field is unknown, missing, or not what it should be.
    """
    name = kind.__name__.lower()
    try:
        decoded = {key: _decode(value, inputs or {}) for key, value in data.items()}
        return checked(kind(**decoded), recorded=True)
    except (TypeError, ValueError, KeyError, OSError, msgspec.ValidationError) as error:
        raise UserError(f"this is not a spec of {name}: {error}") from error


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
    """A picture that was kept, of mode L or RGB; its size is limited before it is decoded."""
    if text.startswith(KEPT) and text not in inputs:
        raise ValueError(f"the picture '{name}' ({text}) is no longer in the file")
    data = inputs[text] if text in inputs else base64.b64decode(text, validate=True)
    image = open_bytes(data, f"'{shorten(name, 80)}'", ("PNG",), MOST_PIXELS).image
    if image.mode not in ("L", "RGB"):
        raise ValueError(f"the picture '{name}' is of mode {image.mode}, not L or RGB")
    return image
