"""Upsampling: the stages of a cascade, each under the same guidance and views as the walk before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..guidance.prompts import within
from ..models.pretrained import Pretrained, Upscaler
from ..walk.grids import levels, walk_times
from ..walk.noise import NoiseLevel, SeededNoise
from ..walk.prediction import Denoiser
from ..walk.sampling import State, sample
from ..walk.steps import STEP_RULES, Step
from .spec import resolve, seeds

Guide = Callable[[Any, Pretrained], Denoiser]
"""(spec, model) -> the technique's guidance at the size of that model, before any threshold."""

Wrap = Callable[[Step, Any, Pretrained, SeededNoise], Step]
"""(step, spec, model, noise of its own) -> the step under the technique's constraint, at the size of that model."""


def whole(guide: Guide, spec: Any, model: Pretrained) -> Denoiser:
    """A technique's guidance within the spec's interval, and its threshold around it."""
    denoiser = guide(spec, model)
    if spec.guidance_interval:
        last, first = (levels(model.schedule, time_of(timestep))[0] for timestep in spec.guidance_interval)
        denoiser = within(denoiser, guide(replace(spec, guidance_scale=1.0), model), first, last)
    return model.limited(denoiser, spec.threshold or "none")


def time_of(timestep: int) -> Tensor:
    """(1,) the time of a timestep counted 0 ... 999, as in the course and in diffusers: (timestep + 1) / 1000."""
    return torch.tensor([(timestep + 1) / 1000], dtype=torch.float64)


@dataclass(frozen=True)
class Stage:
    """One upsampling stage of a spec.

    Args:
        number: 2, 3, ... (the walk before the first is stage 1).
        upscaler: its model.
        spec: the spec as this stage reads it: its own steps, grid and guidance scale, lengths in its own pixels.
        noise_level: timestep to which the smaller picture is noised.
    """

    number: int
    upscaler: Upscaler
    spec: Any
    noise_level: int

    @property
    def path(self) -> list[NoiseLevel]:
        schedule = self.upscaler.pretrained.schedule
        return levels(schedule, walk_times(self.spec.grid, schedule, self.spec.steps))

    def walk(self, low: Tensor, guide: Guide, wrap: Wrap | None = None) -> Iterator[State]:
        """From noise to a picture of this stage's size, given the picture (N, C, h, w) of the stage before."""
        noise = SeededNoise(seeds(self.spec), f"stage {self.number}")
        model = self.upscaler.given(low, noise.stream(f"stage {self.number}, low"), self.noise_level)
        path = self.path
        denoiser = whole(guide, self.spec, model)
        step = STEP_RULES[self.spec.step_rule]()
        step = wrap(step, self.spec, model, noise.stream(f"stage {self.number}, pin")) if wrap else step
        x = model.start(path[0], len(low), noise)
        return sample(denoiser, x, path, step, noise.stream(f"stage {self.number}, step"))


def stages(spec: Any, model: Pretrained) -> list[Stage]:
    """The upsampling stages a spec asks for, their models loaded.

    A step rule or threshold that is not the first model's default is the user's, and holds for all stages.

    Raises:
        UserError: the model's cascade has fewer stages.
    """
    made: list[Stage] = []
    name, size = model.name, model.shape[-1]
    kept = [key for key in ("step_rule", "threshold") if getattr(spec, key) == getattr(model.defaults, key)]
    for i in range(spec.upsample or 0):
        if model.upscaler is None:
            remedy = f"lower --upsample to {i}" if i else "name one with --upscaler, or leave out --upsample"
            raise UserError(f"the model '{name}' has {i or 'no'} upscaler, --upsample {spec.upsample} asks for more; {remedy}")
        upscaler = model.upscaler()
        model = upscaler.pretrained
        own = replace(
            scaled(spec, model.shape[-1] / size),
            steps=_nth(spec.upsample_steps, i),
            guidance_scale=_nth(spec.upsample_guidance_scale, i),
            grid=None,
            guidance_interval=None,
            **dict.fromkeys(kept),
        )
        noise_level = _nth(spec.noise_level, i)
        level = upscaler.noise_level if noise_level is None else noise_level
        if level > upscaler.most_noise:
            raise UserError(f"--noise-level of '{model.name}' must be at most {upscaler.most_noise}, {level} was asked for")
        made.append(Stage(i + 2, upscaler, resolve(own, model), level))
    return made


def scaled(spec: Any, factor: float) -> Any:
    """A spec with its lengths in pixels multiplied: a kernel of 33 at 64x64 is one of 133 (odd) at 256x256."""
    lengths = {f.name: getattr(spec, f.name) for f in fields(spec) if f.metadata.get("pixels")}
    return replace(spec, **{name: _scaled(value, factor) for name, value in lengths.items()})


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_scaled(item, factor) for item in value)
    return value * factor if isinstance(value, float) else round(value * factor) | 1  # kernels stay odd


def _nth(values: tuple[Any, ...], i: int) -> Any:
    return values[i] if i < len(values) else None
