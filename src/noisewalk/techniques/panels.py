"""Panels: a technique is a list of captioned walks, made of the pieces below."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..guidance.prompts import cfg
from ..models.zoo import Pretrained
from ..walk.grids import levels, truncate, walk_times
from ..walk.noise import NoiseLevel, SeededNoise, add_noise
from ..walk.prediction import Denoiser
from ..walk.sampling import State, sample
from ..walk.steps import STEP_RULES
from .spec import seeds
from .upsample import Guide, Wrap, stages, time_of, whole

Exhibits = list[tuple[str, Tensor]]
"""Captioned batches (N, C, H, W): the ways to look at a result."""


def _same(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True)
class Sight:
    """What a picture is meant to show, and how one looks at it to see that: what a scorer measures.

    Args:
        label: the way of looking, "" if it is just looking.
        prompt: what should be seen.
        look: (N, C, H, W) -> what is seen, same shape.
    """

    label: str
    prompt: str
    look: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Panel:
    """One walk of a technique.

    Args:
        label: what it is.
        steps: how many states the walk will yield.
        walk: the walk; its last state holds the result.
        show: the ways to look at the result; itself under its label if None.
        outcome: False for what is only shown for comparison (the original, the mask).
        row: row of the figure it is shown in.
        sights: what it is meant to show.
        decode: what is walked (N, c, h, w) -> pictures (N, C, H, W), for latent models.
    """

    label: str
    steps: int
    walk: Iterator[State]
    show: Callable[[Tensor], Exhibits] | None = None
    outcome: bool = True
    row: int = 0
    sights: tuple[Sight, ...] = ()
    decode: Callable[[Tensor], Tensor] = _same

    def exhibits(self, x: Tensor) -> Exhibits:
        if self.show:
            return self.show(x)
        if len(self.sights) > 1:
            return [(f"{sight.label}: {sight.prompt}", sight.look(x)) for sight in self.sights]
        return [(self.label, x)]


def still(label: str, x: Tensor, level: NoiseLevel, outcome: bool = False) -> Panel:
    """A panel that needs no walk."""
    return Panel(label, 1, iter([State(0, level, x, x)]), outcome=outcome)


def warn_of_latents(model: Pretrained) -> None:
    """Illusions want pixels: say so if the model at hand walks in latents."""
    if model.codec:
        warnings.warn(
            f"'{model.name}' walks in latents; turning or splitting them is not turning or splitting the picture, for its "
            "autoencoder treats directions differently, so illusions smear; models in pixels (deepfloyd, prxpixel) are exact",
            stacklevel=2,
        )


def guided(model: Pretrained, spec: Any, prompt: str) -> Denoiser:
    """A prompt under the spec's classifier-free guidance and negative prompt."""
    if prompt == spec.negative_prompt:  # nothing to go away from: half the work
        return model.bind(prompt)
    return cfg(model.bind(prompt), model.bind(spec.negative_prompt), spec.guidance_scale)


def guided_all(model: Pretrained, spec: Any, prompts: Sequence[str]) -> list[Denoiser]:
    """Several prompts under guidance that share one negative branch (and so its network calls, where inputs agree)."""
    uncond = model.bind(spec.negative_prompt)
    return [cfg(model.bind(prompt), uncond, spec.guidance_scale) for prompt in prompts]


def level_at(model: Pretrained, timestep: int) -> NoiseLevel:
    """The model's level at a timestep, see `time_of`."""
    return levels(model.schedule, time_of(timestep))[0]


def walk_panel(
    label: str,
    model: Pretrained,
    spec: Any,
    guide: Guide,
    *,
    image: Tensor | None = None,
    start: int = 0,
    times: Tensor | None = None,
    wrap: Wrap | None = None,
    show: Callable[[Tensor], Exhibits] | None = None,
    sights: Sequence[Sight] = (),
) -> Panel:
    """The walk a spec describes, and the upsampling stages that follow it.

    Args:
        guide: the guidance, made anew for every stage; the spec's threshold is put around it here.
        image: (1, C, H, W) to start from, noised to the first level (SDEdit); None starts from noise.
        start: index in the grid to start from.
        times: a grid to use instead of the spec's.
        wrap: a constraint around the step, made anew for every stage.
        sights: what the result is meant to show; the spec's prompt if it has one and none are given.
    """
    times = truncate(times_of(spec, model) if times is None else times, start)
    path = levels(model.schedule, times)
    step = STEP_RULES[spec.step_rule]()
    step = wrap(step, spec, model, SeededNoise(seeds(spec), "pin")) if wrap else step
    denoiser = whole(guide, spec, model)
    above = stages(spec, model)

    def walk() -> Iterator[State]:
        noise = SeededNoise(seeds(spec))
        x = model.start(path[0], spec.num, noise) if image is None else noised(model, image, path[0], spec)
        for state in sample(denoiser, x, path, step, noise.stream("step")):
            yield state
            x = state.x_t
        for stage in above:
            for state in stage.walk(decode(x), guide, wrap):
                yield state
                x = state.x_t

    def decode(x: Tensor) -> Tensor:
        for m in (model, *(stage.upscaler.pretrained for stage in above)):
            x = m.to_picture(x)  # only the model whose latents these are does anything
        return x

    if len(sights) > 1:
        warn_of_latents(model)
    if not sights and hasattr(spec, "prompt"):
        sights = (Sight("", spec.prompt, lambda x: x),)
    count = len(path) - 1 + sum(len(stage.path) - 1 for stage in above)
    return Panel(label, count, walk(), show, decode=decode, sights=tuple(sights))


def noised(model: Pretrained, image: Tensor, level: NoiseLevel, spec: Any) -> Tensor:
    """(num, C, H, W): a picture (1, C, H, W) as the model walks it, at a level, with the noise that this spec starts from."""
    image = model.to_walk(image)
    return add_noise(image.expand(spec.num, *image.shape[1:]), level, SeededNoise(seeds(spec)))


def times_of(spec: Any, model: Pretrained) -> Tensor:
    """The grid of a spec."""
    return walk_times(spec.grid, model.schedule, spec.steps)


def times_from(model: Pretrained, spec: Any, timestep: int) -> Tensor:
    """The grid of a spec, entered at exactly the given timestep."""
    first = time_of(timestep)
    rest = times_of(spec, model)
    return torch.cat([first, rest[rest < first - 1e-9]])
