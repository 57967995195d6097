"""What requests have in common: which pictures are made, and how a walk goes. To read this file loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from ..fields import left_open, option
from ..models.defaults import Defaults

MODELS = "the model's"
MOST_WALKS = 64
"""Of a population that is steered to one picture."""
R = TypeVar("R", bound="Request")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What every request has: which pictures are made. Each has a seed, and depends on no other."""

    seed: int = option(0, "the seed of the first picture", 0, 2**62)
    num: int = option(1, "the number of pictures; their seeds are seed, seed + 1, ...", 1, 4096)
    seeds: Sequence[int] = option((), "make pictures of exactly these seeds, instead of seed, seed + 1, ...", 0, 2**62)


@dataclass(frozen=True, kw_only=True)
class Walk(Request):
    """What every walk has. Fields that are None take the model's defaults."""

    steps: int | None = left_open(Defaults, "steps", MODELS)
    step_rule: str | None = left_open(Defaults, "step_rule", MODELS)
    grid: str | None = left_open(Defaults, "grid", MODELS)
    guidance_scale: float | None = left_open(Defaults, "guidance_scale", MODELS)
    guidance_interval: Sequence[int] | None = left_open(Defaults, "guidance_interval", MODELS)
    negative_prompt: str = option("", "the prompt that guidance pushes away from")
    threshold: str | None = left_open(Defaults, "threshold", MODELS)
    upsample: int | None = left_open(Defaults, "upsample", MODELS)
    upsample_steps: Sequence[int] = option((), "the number of steps of each upsampling stage, instead of the model's", 1, 1000)
    upsample_guidance_scale: Sequence[float] = option(
        (), "the guidance scale of each upsampling stage, instead of the model's", -100, 100
    )
    noise_level: Sequence[int] = option((), "the timestep to which each upsampling stage noises the smaller picture", 0, 999)
    steer: int = option(
        0,
        "make each picture the best of so many walks; on the way, those that score well are copied and others are given up",
        0,
        MOST_WALKS,
        rule=("0 (no steering) or at least 2", lambda walks: walks != 1),
    )
    steer_scale: float = option(4.0, "how strongly steering prefers a better score", 0, 1000)
    steer_at: Sequence[float] = option((0.2, 0.4, 0.6, 0.8), "the shares of the walk after which steering scores", 0, 1)
    steer_scorer: str = option(
        "auto",
        "the scorer that steers: auto (the model's own), digits or emoji",
        rule=("a name", lambda name: ":" not in name),  # a record's scorer is never fetched from a hub
    )


def seeds(request: Request) -> tuple[int, ...]:
    """Return the seeds of a request's pictures."""
    return tuple(request.seeds or range(request.seed, request.seed + request.num))


def prompts_of(request: Request) -> tuple[str, ...]:
    """Return the prompts of a request; () if its technique has none."""
    held = [getattr(request, name) for name in ("prompt", "prompts", "far", "near") if hasattr(request, name)]
    return tuple(prompt for each in held for prompt in ((each,) if isinstance(each, str) else each))


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


def with_seeds(request: R, chosen: tuple[int, ...]) -> R:
    """Return the request for some of its pictures."""
    listed = {"seeds": chosen} if request.seeds else {}
    return replace(request, seed=chosen[0], num=len(chosen), **listed)
