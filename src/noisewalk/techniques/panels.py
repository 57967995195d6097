"""Panels: a technique is a list of captioned walks, made of the pieces below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import UserError
from ..guidance.prompts import cfg
from ..models.pretrained import Pretrained
from ..walk.grids import levels, truncate
from ..walk.noise import NoiseLevel, add_noise
from ..walk.prediction import Denoiser
from ..walk.sampling import State, sample
from ..walk.tables import STEP_RULES
from .prompt_view import PromptView as PromptView
from .requests import Walk
from .stages import Guide, Prepared, R, Stage, Wrap, build_denoiser
from .stages import level_at as level_at
from .steering import Steering, steering_of

Shape = tuple[int, ...]
CaptionedViews = list[tuple[str, Tensor]]
"""Captions and batches (N, C, H, W): the ways to look at a result."""


@dataclass(frozen=True, eq=False)
class StageWalk:
    """The part of a panel that is walked in one stage.

    Args:
        number: the number of the stage, from 1.
        steps: how many states it yields.
        shape: (N, c, h, w) of these states.
        start: maps the picture (N, C, h, w) of the stage before, None in the first stage, to the states.
        to_picture: maps what is walked to pictures, for latent models.
    """

    number: int
    steps: int
    shape: Shape
    start: Callable[[Tensor | None], Iterator[State]]
    to_picture: Callable[[Tensor], Tensor]
    begin: Callable[[], State] | None = None


@dataclass(frozen=True, eq=False)
class Panel:
    """A captioned walk through one stage or several.

    Args:
        label: what it is.
        stages: its walks; the last state of the last one holds the result.
        show: maps a result to the ways to look at it; None for the result itself under its label.
        is_output: False for what is only shown for comparison (the original, the mask).
        row: the row of the figure that it is shown in.
        prompt_views: what the result should show.
    """

    label: str
    stages: tuple[StageWalk, ...]
    show: Callable[[Tensor], CaptionedViews] | None = None
    is_output: bool = True
    row: int = 0
    shared: bool = False
    prompt_views: tuple[PromptView, ...] = ()

    @property
    def steps(self) -> int:
        """How many states the walk yields."""
        return sum(stage.steps for stage in self.stages)

    def walk(self) -> Iterator[tuple[int, State]]:
        """Yield the number of the stage and the state, one stage after the other; closing the generator cancels the walk."""
        x: Tensor | None = None
        for stage in self.stages:
            for state in stage.start(None if x is None else self.decode(x)):
                yield stage.number, state
                x = state.x_t

    def decode(self, x: Tensor) -> Tensor:
        """Return states of any stage as pictures (N, C, H, W)."""
        for stage in self.stages:
            x = stage.to_picture(x)  # only the model of these latents changes them
        return x

    def captioned(self, x: Tensor) -> CaptionedViews:
        """Return the ways to look at a result."""
        if self.show:
            return self.show(x)
        if len(self.prompt_views) > 1:
            return [(f"{view.label}: {view.prompt}", view.look(x)) for view in self.prompt_views]
        return [(self.label, x)]


def picture_panel(label: str, picture: Tensor | Callable[[], Tensor], level: NoiseLevel, shape: Shape = ()) -> Panel:
    """Return a panel of a picture that needs no walk, for comparison.

    Args:
        label: its caption.
        picture: (N, C, H, W), or a function that makes it when it is needed.
        level: the noise level of the picture.
        shape: the shape of what the function makes.
    """

    def start(low: Tensor | None) -> Iterator[State]:
        with torch.no_grad():
            x = picture if isinstance(picture, Tensor) else picture()
        yield State(0, level, x, x)

    shared = isinstance(picture, Tensor)
    size = tuple(picture.shape) if isinstance(picture, Tensor) else shape
    return Panel(label, (StageWalk(1, 1, size, start, lambda x: x),), is_output=False, shared=shared)


def guided(stage: Stage[Walk], prompt: str) -> Denoiser:
    """Return a prompt under the stage's classifier-free guidance and the request's negative prompt."""
    if prompt == stage.request.negative_prompt:  # there is nothing to go away from, so one branch is enough
        return stage.model.bind(prompt)
    return guided_all(stage, (prompt,))[0]


def guided_all(stage: Stage[Walk], prompts: Sequence[str]) -> list[Denoiser]:
    """Return several prompts under guidance with one negative prompt, which costs one network call for all of them."""
    conds, scale = [stage.model.bind(prompt) for prompt in prompts], stage.settings.guidance_scale
    if scale == 1:  # a model that always needs a prompt is not asked without one
        return [*conds]
    uncond = stage.model.bind(stage.request.negative_prompt)
    return [cfg(cond, uncond, scale) for cond in conds]


def walk_panel(
    label: str,
    prepared: Prepared[R],
    guide: Guide[R],
    *,
    image: Tensor | None = None,
    start: int = 0,
    times: Tensor | None = None,
    wrap: Wrap[R] | None = None,
    show: Callable[[Tensor], CaptionedViews] | None = None,
    prompt_views: Sequence[PromptView] = (),
) -> Panel:
    """Return the walk of a prepared request through all of its stages.

    The guidance of each stage is built here once, to check it.

    Args:
        label: the caption.
        prepared: the prepared request.
        guide: makes the guidance of a stage; the interval and the threshold are added here.
        image: (1, C, H, W) to start from, noised to the first level (SDEdit); None starts from noise.
        start: the index in the grid to start from.
        times: a grid for the first stage, instead of its own.
        wrap: makes the constraint around the step of a stage.
        show: maps a result to the ways to look at it.
        prompt_views: what the result should show; by default the request's prompt, if it has one.
    """
    first = prepared.first
    prompt = getattr(prepared.request, "prompt", None)
    if not prompt_views and prompt is not None:
        prompt_views = (PromptView("", prompt, lambda x: x),)
    grid = truncate(first.times if times is None else times, start)
    paths = [levels(first.model.schedule, grid), *(stage.path for stage in prepared.stages[1:])]
    asked = first.request
    steering = steering_of(asked, first.model, prompt_views) if isinstance(asked, Walk) and asked.steer else None
    walks = []
    for stage, path in zip(prepared.stages, paths, strict=True):
        build_denoiser(guide, stage.conditioned_on(torch.zeros(1, *first.model.shape), prepared.seeds[:1]))
        starts = (image, steering) if stage is first else (None, None)
        walks.append(_stage_walk(stage, path, prepared.seeds, guide, wrap, *starts))
    return Panel(label, tuple(walks), show, prompt_views=tuple(prompt_views))


def _stage_walk(
    stage: Stage[R],
    path: list[NoiseLevel],
    seeds: tuple[int, ...],
    guide: Guide[R],
    wrap: Wrap[R] | None,
    image: Tensor | None,
    steering: Steering | None,
) -> StageWalk:
    walks = steering.walk_seeds(seeds) if steering else seeds

    def first(here: Stage[R]) -> Tensor:
        noise = here.noise(walks)
        return here.model.start(path[0], len(walks), noise) if image is None else noised(here, image, path[0], walks)

    def begin() -> State:
        x = first(stage)
        return State(-1, path[0], x, x)

    def start(low: Tensor | None) -> Iterator[State]:
        here = stage.conditioned_on(low, seeds)
        step = STEP_RULES[here.settings.step_rule]()
        step = wrap(step, here, here.noise(walks, "pin")) if wrap else step
        denoiser = build_denoiser(guide, here)
        x = first(here)
        if steering:
            return steering.sample(denoiser, x, path, step, here.noise(walks, "step"), here.noise(walks, "steer"))
        return sample(denoiser, x, path, step, here.noise(walks, "step"))

    shape = (len(seeds), *stage.model.walk_shape)
    known = begin if stage.number == 1 and not steering else None
    return StageWalk(stage.number, len(path) - 1, shape, start, stage.model.to_picture, known)


def noised(stage: Stage[R], image: Tensor, level: NoiseLevel, seeds: Sequence[int]) -> Tensor:
    """Return (N, C, H, W): a picture (1, C, H, W) at a level, with the noise that walks of these seeds start from."""
    image = stage.model.to_walk(image)
    return add_noise(image.expand(len(seeds), *image.shape[1:]), level, stage.noise(seeds))


def times_from(stage: Stage[R], first: Tensor) -> Tensor:
    """Return the grid of a stage, entered at exactly the given time (1,)."""
    rest = stage.times
    return torch.cat([first, rest[rest < first - 1e-9]])


def as_output(panel: Panel) -> Panel:
    """Return a panel as one of the pictures that were asked for."""
    return replace(panel, is_output=True, shared=False)


def check_pixels(model: Pretrained) -> None:
    """Check that a model walks in pixels, where a velocity is a picture.

    Raises:
        UserError: it walks in latents.
    """
    if model.codec:
        raise UserError(f"--velocity shows a picture, and the velocity of '{model.name}' is one of latents; leave it out")
