"""The limits of one request of a studio. Several people share one machine, and some of them may be hostile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import UserError, shorten
from ..techniques.requests import Request, seeds
from ..techniques.view_files import FILE


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that one request may have.

    Args:
        num: the number of pictures.
        steps: the number of steps of a walk, and of the timesteps, starts and other items of a list.
        resamples: how often a step is repeated.
        upsample: the number of upsampling stages, each of which makes the picture larger.
        seconds: the time of computing, after which a request is stopped and keeps what is finished.
        prompt: the number of characters of a text.
        prompts: the number of texts of one field.
        upload: the size of a picture file in bytes.
        pixels: the number of pixels of a picture.
        seeds: the number of seeds of a search.
        minutes: the time of a training in minutes.
        folder: the size of all temporary files together in bytes.
    """

    num: int = 16
    steps: int = 100
    resamples: int = 20
    upsample: int = 1
    seconds: float = 60.0
    prompt: int = 300
    prompts: int = 4
    upload: int = 8_000_000
    pixels: int = 16_000_000
    seeds: int = 64
    minutes: float = 2.0
    folder: int = 200_000_000


LIMITS = {
    "normal": Limits(),
    "generous": Limits(
        num=64, steps=1000, resamples=100, upsample=2, seconds=3600.0, prompt=2000, prompts=8, upload=64_000_000,
        pixels=50_000_000, seeds=2000, minutes=240.0, folder=2_000_000_000,
    ),
}  # fmt: skip
"""The limits by name, for a page that others can reach and for one's own machine."""

LENGTHS = ("views", "weights", "prompts")
"""The fields of several items that count like prompts."""


def check(request: Request, limits: Limits) -> None:
    """Refuse a request that asks for more than the limits, or that names a file of the server.

    Raises:
        UserError: the first field that is too large, with its value and the limit.
    """
    _most("--num", len(seeds(request)), limits.num, "pictures")
    most = {
        "steps": limits.steps,
        "upsample_steps": limits.steps,
        "num_resamples": limits.resamples,
        "upsample": limits.upsample,
    }
    for f in fields(request):
        value, flag = getattr(request, f.name), f"--{f.name.replace('_', '-')}"
        if f.metadata.get("role") and isinstance(value, str | Path):
            raise UserError(f"{flag} must be a picture that is uploaded, drawn or pasted; the studio opens no files by name")
        items: Sequence[Any] = value if isinstance(value, tuple | list) else (value,)
        if len(items) > 1:
            _most(flag, len(items), limits.prompts if f.name in LENGTHS else limits.steps, "items")
        for item in items:
            _check_item(flag, item, most.get(f.name), limits)


def check_seconds(name: str, value: float, most: float, unit: str) -> None:
    """Refuse a number that is not above 0 or above its limit; NaN is refused too.

    Raises:
        UserError: it is refused.
    """
    if not 0 < value <= most:
        raise UserError(f"{name} must be above 0 and at most {most:g} {unit} here, but {value:g} was asked for")


def _check_item(flag: str, item: Any, most: int | None, limits: Limits) -> None:
    if isinstance(item, str):
        _most(flag, len(item), limits.prompt, "characters")
        if item.strip().lower().startswith(FILE):
            raise UserError(f"{flag} may not be '{shorten(item)}' here: the studio opens no files of its server")
    if most is not None and isinstance(item, int):
        _most(flag, item, most, "")


def _most(flag: str, value: int, most: int, unit: str) -> None:
    if value > most:
        words = f"{most:,} {unit}".strip()
        raise UserError(f"{flag} may be at most {words} in this studio, but {value:,} was asked for (see --limits)")
