"""Requests: frozen dataclasses that say everything about a picture.

A request is the single source of a technique's command-line flags, its keyword arguments, the metadata in its PNGs and its
documentation. Inheritance is of fields only: techniques that walk share those of `Walk`. To read this file loads no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..fields import argument, left_open, option, picture, same
from ..guidance.tables import DIRECTIONS, SPLITS
from ..models.defaults import Defaults
from ..walk.tables import GRIDS, STEP_RULES
from .base import R as R
from .base import Request as Request
from .base import Walk as Walk
from .base import prompts_of as prompts_of
from .base import scaled as scaled
from .base import seeds as seeds
from .base import with_seeds as with_seeds

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from ..images import Picture

    Source = str | Path | Image.Image | Picture
else:
    Source = object  # what reads pictures is loaded when a picture is read

METHODS = ("blur", "one-step", "iterative")
REDUCTIONS = ("mean", "alternate")
KEEPS = {"far": "bands", "near": "bands", "grey": "colour", "colour": "colour", "moving": "motion", "still": "motion"}
"""Parts that `inverse` can keep, and the split of each; `inpaint` keeps parts by place."""


def _are_boxes(value: Sequence[int]) -> bool:
    boxes = [value[i : i + 4] for i in range(0, len(value), 4)]
    return all(len(box) == 4 and box[0] < box[2] and box[1] < box[3] for box in boxes)


_BOXES = ("left top right bottom, with left < right and top < bottom, four whole numbers for each box", _are_boxes)


@dataclass(frozen=True, kw_only=True)
class Generate(Walk):
    """Make pictures of a prompt from pure noise.

    x_T = sigma_T eps, and then x_t -> x_s down the grid with x0 = x0_u + g (x0_c - x0_u).
    """

    prompt: str = field(kw_only=False, metadata=argument("what the picture should show; '' lets the model choose"))


@dataclass(frozen=True, kw_only=True)
class Forward(Request):
    """Add noise to a picture, in one jump to each level.

    x_t = alpha_t x0 + sigma_t eps.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture that noise is added to"))
    t: Sequence[int] = option(
        (250, 500, 750), "the timesteps to show, from 0 (almost clean) to 999 (almost only noise)", 0, 999
    )
    flow_time: Sequence[float] = option(
        (),
        "times of a flow model instead of --t: 0 is the picture and 1 is noise, x_t = (1 - t) x0 + s t eps, mostly s = 1",
        0.001,
        1,
    )
    velocity: bool = option(False, "also show the velocity, v = eps - x0, at half its size")


@dataclass(frozen=True, kw_only=True)
class Denoise(Walk):
    """Add noise to a picture and remove it again, by one method or by all of them side by side.

    blur: G * x_t / alpha. one-step: x0 = E[x0 | x_t]. iterative: a walk from t down to 0.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture that is noised and denoised"))
    t: Sequence[int] = option((690,), "the timesteps that it is noised to, from 0 to 999", 0, 999)
    flow_time: Sequence[float] = same(Forward, "flow_time")
    velocity: bool = option(False, "also show the velocity that one call of the model predicts, v = eps - x0, at half its size")
    method: str = option("all", "how the noise is removed: blur, one-step, iterative or all", choices=(*METHODS, "all"))
    prompt: str = option("", "what the picture shows, if the model should know it")
    guidance_scale: float | None = option(
        1.0, "the guidance scale: 1 gives the estimate; more exaggerates it, and makes it worse", -100, 100
    )
    sigma: float = option(1.5, "the standard deviation of the blur in pixels", 0.01, 100)
    kernel_size: int = option(7, "the size of the blur in pixels, odd", 1, 999)
    steps: int | None = option(34, "the number of steps of the whole grid; the walk makes the steps below t", 1, 1000)
    grid: str | None = option("course", "the grid, which says at which times the steps are", choices=GRIDS)


@dataclass(frozen=True, kw_only=True)
class Edit(Walk):
    """Turn a photo, a web picture or a drawing into a picture that the model knows (SDEdit, Meng et al. 2022).

    x_t = alpha_t x0 + sigma_t eps at the start, and then the usual walk from there. The later it starts, the more is kept.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture to edit"))
    prompt: str = option("", "what the picture should become; '' lets the model choose")
    start: Sequence[int] = option(
        (1, 3, 5, 7, 10, 20), "how many steps of the grid are skipped; more steps keep more of the picture", 0, 999
    )
    strength: Sequence[float] = option(
        (), "the share of the grid that is walked, from 0 to 1, instead of --start; less keeps more of the picture", 0, 1
    )
    steps: int | None = option(34, "the number of steps of the whole grid", 1, 1000)
    grid: str | None = option("course", "the grid, which says at which times the steps are", choices=GRIDS)


@dataclass(frozen=True, kw_only=True)
class Inpaint(Walk):
    """Repaint a picture where a mask is white (RePaint, Lugmayr et al. 2022).

    x_s <- m x_s + (1 - m) (alpha_s x0 + sigma_s eps) after every step. Each step is made num_resamples times, and once in
    upsampling stages, where both parts already fit together in the smaller picture.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture of which a part is repainted", held=True))
    mask: Source | None = field(
        default=None,
        kw_only=False,
        metadata=picture("a picture of the same size: white is repainted, and black is kept", role="mask", held=True),
    )
    box: Sequence[int] = option(
        (), "repaint this box instead of a mask: left top right bottom, pixels of the picture", 0, 1_000_000, rule=_BOXES
    )
    ellipse: Sequence[int] = option(
        (), "repaint the ellipse in this box, which is given as in --box", 0, 1_000_000, rule=_BOXES
    )
    prompt: str = option("", "what the whole picture should show; '' lets the model choose")
    num_resamples: Sequence[int] = option(
        (10,),
        "how often each step is made, so that both parts fit together; calls grow with it; several values are compared",
        1,
        1000,
    )
    step_rule: str | None = option(
        "ddpm", "the step rule, which says how a step is made; resampling needs a random one", choices=STEP_RULES
    )


@dataclass(frozen=True, kw_only=True)
class Anagram(Walk):
    """Make a picture that shows several prompts, each under its own view (Visual Anagrams, Geng et al. 2024).

    x0 = sum_i w_i view_i^-1( model( view_i(x_t), prompt_i ) ), sum_i w_i = 1. Models in latents keep latents for each prompt,
    which agree on one picture in every step (LookingGlass, Chang et al. 2025).
    """

    prompts: Sequence[str] = field(kw_only=False, metadata=argument("what one should see under each view; two prompts or more"))
    views: Sequence[str] = field(default=("identity", "rotate180"), kw_only=False, metadata={"help": "the view of each prompt"})
    weights: Sequence[float] = option(
        (), "the weight of each prompt, on any scale; give less weight to a prompt that dominates", 0, 1e9
    )
    reduction: str = option(
        "mean", "how the prompts' estimates are combined: mean, or alternate (the prompts take turns)", choices=REDUCTIONS
    )
    balance: str | None = left_open(Defaults, "balance", "the model's")
    num_resamples: int = option(1, "how often each step from 20 to 80 % of the walk is made, so that the prompts fit", 1, 1000)
    detail: float = option(0.5, "for models in latents: how far the stronger detail of a prompt wins over the mean", 0, 1)


@dataclass(frozen=True, kw_only=True)
class Hybrid(Walk):
    """Make a picture that shows one prompt from far away and another from near (Geng et al. 2024).

    x0 = G * model(x_t, far) + (1 - G) * model(x_t, near), G a Gaussian low pass. With a high pass 1 - H of its own, G is
    replaced by (G + H) / 2: what both or neither would keep is shared equally, so that the parts still sum to the picture.
    """

    far: str = field(kw_only=False, metadata=argument("what one should see from far away, or with half-closed eyes"))
    near: str = field(kw_only=False, metadata=argument("what one should see from near"))
    sigma: float = option(
        2.0,
        "the standard deviation of the low-pass filter in pixels; more gives more of the picture to the near prompt",
        0.01,
        100,
        pixels=True,
    )
    kernel_size: int = option(33, "the size of the low-pass filter in pixels, odd", 1, 999, pixels=True)
    near_sigma: float | None = option(
        None,
        "the standard deviation of the blur that the high pass takes away",
        0.01,
        100,
        pixels=True,
        unset="that of the low pass",
    )
    near_kernel_size: int | None = option(
        None, "the size of the blur that the high pass takes away, odd", 1, 999, pixels=True, unset="that of the low pass"
    )


@dataclass(frozen=True, kw_only=True)
class Factorize(Walk):
    """Give each part of a picture its own prompt: bands, grey and colour, moving and still, places, shares (Geng et al. 2024).

    x0 = sum_i part_i( model(x_t, prompt_i) ), where the parts sum to the picture.
    """

    prompts: Sequence[str] = field(
        kw_only=False, metadata=argument("one prompt for each part: from far to near, grey and then colour, and so on")
    )
    split: str = option("bands", "the parts that the picture is split into", choices=SPLITS)
    sigmas: Sequence[float] = option(
        (2.0,),
        "for bands: the standard deviations of the blurs between them in pixels, decreasing; two of them make three bands",
        0.01,
        100,
    )
    kernel_size: int = option(33, "for bands: the size of the blurs in pixels, odd", 1, 999, pixels=True)
    length: int = option(9, "for motion: its length in pixels, odd", 1, 999, pixels=True)
    direction: str = option("diagonal", "for motion: its direction", choices=DIRECTIONS)
    shares: Sequence[float] = option(
        (1.0, 1.0), "for scaling: the weight of each prompt, on any scale; every prompt holds for the whole picture", 0, 1e9
    )
    mask: Source | None = field(
        default=None, metadata={"help": "for mask: a picture that is white where the first prompt should be", "role": "mask"}
    )


@dataclass(frozen=True, kw_only=True)
class Inverse(Walk):
    """Keep a part of a real picture and make the rest: a hybrid with a photo, or a coloured photo (Geng et al. 2024).

    x_s <- x_s - part(x_s) + part(alpha_s image + sigma_s eps) after every step.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture of which a part is kept", held=True))
    prompt: str = field(kw_only=False, metadata=argument("what the rest should show"))
    keep: str = option("far", "the part that is kept", choices=KEEPS)
    sigma: float = option(
        2.0, "for far and near: the standard deviation of the blur between them in pixels", 0.01, 100, pixels=True
    )
    kernel_size: int = option(33, "for far and near: the size of the blur in pixels, odd", 1, 999, pixels=True)
    length: int = option(9, "for moving and still: the length of the motion in pixels, odd", 1, 999, pixels=True)
    direction: str = option("diagonal", "for moving and still: the direction of the motion", choices=DIRECTIONS)
    num_resamples: int = option(
        1, "how often each step is made, so that both parts fit together; the network calls grow with it", 1, 1000
    )
