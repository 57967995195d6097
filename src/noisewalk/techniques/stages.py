"""A prepared request: the stages of the cascade that it walks through, each with its model, settings and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch
from torch import Tensor

from ..errors import UserError
from ..guidance.prompts import within
from ..models.pretrained import Defaults, Pretrained, Upscaler
from ..walk.grids import levels, walk_times
from ..walk.noise import NoiseLevel, SeededNoise
from ..walk.prediction import Denoiser
from ..walk.steps import Step
from .requests import Request, with_seeds

R = TypeVar("R", bound=Request)
R_co = TypeVar("R_co", bound=Request, covariant=True)


@dataclass(frozen=True, eq=False)
class Stage(Generic[R_co]):
    """One stage of a cascade.

    The first stage starts from noise or from a picture, and each further one enlarges the picture before it.

    Args:
        number: 1, 2, ...
        model: the model of the walk.
        request: the request of the user, with lengths in the pixels of this stage.
        settings: the settings of this walk: those of the user, or else the defaults of this stage's model.
        pictures: (1, C, H, W) in [-1, 1] by the name of the request's field, at the size of this stage.
        upscaler: conditions the model on the picture before; None in the first stage.
        noise_level: the timestep to which the picture before is noised.
    """

    number: int
    model: Pretrained
    request: R_co
    settings: Defaults
    pictures: Mapping[str, Tensor]
    upscaler: Upscaler | None = None
    noise_level: int = 0

    @property
    def times(self) -> Tensor:
        """(steps + 1,) the times of the walk, from the noisiest to 0."""
        return walk_times(self.settings.grid, self.model.schedule, self.settings.steps)

    @property
    def path(self) -> list[NoiseLevel]:
        """The noise levels at these times."""
        return levels(self.model.schedule, self.times)

    def noise(self, seeds: Sequence[int], purpose: str = "") -> SeededNoise:
        """Return noise of this stage alone: for the start of the walk, or for another purpose ("step", "pin", "low")."""
        if self.number == 1:
            return SeededNoise(seeds, purpose or "init")
        return SeededNoise(seeds, ", ".join(filter(None, (f"stage {self.number}", purpose))))

    def conditioned_on(self, low: Tensor | None, seeds: Sequence[int]) -> Stage[R_co]:
        """Return the stage with its model conditioned on the picture (N, C, h, w) before it; the first has none."""
        if self.upscaler is None or low is None:
            return self
        return replace(self, model=self.upscaler.conditioned_on(low, self.noise(seeds, "low"), self.noise_level))


Guide = Callable[[Stage[R]], Denoiser]
"""Maps a stage to the technique's guidance at its size, before any threshold."""

Wrap = Callable[[Step, Stage[R], SeededNoise], Step]
"""Maps (step, stage, noise of its own) to the step under the technique's constraint, at the size of the stage."""


@dataclass(frozen=True, eq=False)
class Prepared(Generic[R_co]):
    """A request for which everything is decided.

    Args:
        request: the request of the user, unchanged.
        record: the same with every default filled in and every picture read; it makes the same pictures again.
        seeds: one for each picture.
        stages: the stages to walk through, in order.
    """

    request: R_co
    record: R_co
    seeds: tuple[int, ...]
    stages: tuple[Stage[R_co], ...]

    @property
    def first(self) -> Stage[R_co]:
        """The first stage."""
        return self.stages[0]

    def take(self, start: int, count: int) -> Prepared[R_co]:
        """Return `count` of the pictures, from number `start` on."""
        seeds = self.seeds[start : start + count]
        return replace(self, seeds=seeds, record=with_seeds(self.record, seeds))


def build_denoiser(guide: Guide[R], stage: Stage[R]) -> Denoiser:
    """Return a technique's guidance at a stage, within the interval that was asked for, and under the threshold."""
    denoiser, settings = guide(stage), stage.settings
    if settings.guidance_interval:
        last, first = (level_at(stage.model, timestep) for timestep in settings.guidance_interval)
        plain = guide(replace(stage, settings=replace(settings, guidance_scale=1.0)))
        denoiser = within(denoiser, plain, first, last)
    return stage.model.with_threshold(denoiser, settings.threshold)


def time_of(timestep: int) -> Tensor:
    """Return (1,) the time of a timestep counted 0 ... 999, as in the course and in diffusers: (timestep + 1) / 1000."""
    return torch.tensor([(timestep + 1) / 1000], dtype=torch.float64)


def level_at(model: Pretrained, timestep: int) -> NoiseLevel:
    """Return the model's noise level at a timestep, see `time_of`."""
    return levels(model.schedule, time_of(timestep))[0]


def asked_times(timesteps: Sequence[int], flow_times: Sequence[float], model: Pretrained) -> list[tuple[str, Tensor]]:
    """Return the times (1,) that a request asks for, with their captions: timesteps, or times of flow matching.

    Args:
        timesteps: from 0 to 999, see `time_of`.
        flow_times: if there are any, they are used instead of the timesteps.
        model: the model.

    Raises:
        UserError: there are times of flow matching, and the model walks another path.
    """
    if not all(is_flow(model, t) for t in flow_times):
        raise UserError(
            f"--flow-time is for models of flow matching, which have x_t = (1 - t) x0 + s t eps; '{model.name}' has other "
            "noise levels: use --t with timesteps from 0 to 999"
        )
    if flow_times:
        return [(f"t = {t:g}", torch.tensor([t], dtype=torch.float64)) for t in flow_times]
    return [(f"t = {t}", time_of(t)) for t in timesteps]


def is_flow(model: Pretrained, t: float = 0.5) -> bool:
    """Return whether a model has the levels of flow matching, x_t = (1 - t) x0 + s t eps; its noise scale s is mostly 1."""
    return abs(float(levels(model.schedule, torch.tensor([t], dtype=torch.float64))[0].alpha) - (1 - t)) <= 1e-6


class Clock:
    """Names a model's levels by timesteps, 0 to 999, as the commands do."""

    def __init__(self, model: Pretrained) -> None:
        every = (torch.arange(1000, dtype=torch.float64) + 1) / 1000
        self._angles = torch.stack([_angle(level) for level in levels(model.schedule, every)])

    def __call__(self, level: NoiseLevel) -> int:
        """Return the timestep nearest to a level; 0 if there is no noise."""
        return 0 if float(level.sigma) == 0 else int((self._angles - _angle(level)).abs().argmin())


def _angle(level: NoiseLevel) -> Tensor:
    return torch.atan2(level.sigma.double(), level.alpha.double()).reshape(()).cpu()
