"""Requests: frozen dataclasses that say everything about a picture.

A request is the single source of a technique's command-line flags, its keyword arguments, the metadata in its PNGs and its
documentation. Inheritance is of fields only: techniques that walk share those of `Walk`. To read this file loads no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..fields import argument, option, picture
from ..guidance.tables import DIRECTIONS, SPLITS
from ..walk.tables import GRIDS, STEP_RULES
from .base import R as R
from .base import Request as Request
from .base import Walk as Walk
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
BALANCES = {"none": (False, False), "vectors": (True, False), "variance": (False, True), "auto": (True, True)}
"""What `Balanced` is to do: (vectors, variance)."""
KEEPS = {"far": "bands", "near": "bands", "grey": "colour", "colour": "colour", "moving": "motion", "still": "motion"}
"""Parts that `inverse` can keep, and the split each belongs to; parts by place are what `inpaint` keeps."""


def _are_boxes(value: Sequence[int]) -> bool:
    boxes = [value[i : i + 4] for i in range(0, len(value), 4)]
    return all(len(box) == 4 and box[0] < box[2] and box[1] < box[3] for box in boxes)


_BOXES = ("left top right bottom (four whole numbers, several times if there are several)", _are_boxes)


@dataclass(frozen=True, kw_only=True)
class Generate(Walk):
    """Draw a prompt from pure noise.

    x_T = sigma_T eps, then x_t -> x_s down the grid with x0 = x0_u + g (x0_c - x0_u).
    """

    prompt: str = field(kw_only=False, metadata=argument("what to draw; '' lets the model choose"))


@dataclass(frozen=True, kw_only=True)
class Forward(Request):
    """Add noise to a picture, in one jump to each level.

    x_t = alpha_t x0 + sigma_t eps.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture to noise"))
    t: Sequence[int] = option((250, 500, 750), "timesteps, 0 (almost clean) to 999 (almost noise)", 0, 999)


@dataclass(frozen=True, kw_only=True)
class Denoise(Walk):
    """Noise a picture, then take the noise away again, by one method or by all side by side.

    blur: G * x_t / alpha. one-step: x0 = E[x0 | x_t]. iterative: a walk from t down to 0.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture to noise and denoise"))
    t: Sequence[int] = option((690,), "timesteps to noise it to, 0 to 999", 0, 999)
    method: str = option("all", "blur, one-step, iterative or all", choices=(*METHODS, "all"))
    prompt: str = option("", "what the picture shows, if the model is to be told")
    guidance_scale: float | None = option(1.0, "1 estimates; above 1 the estimate is exaggerated, and worse", -100, 100)
    sigma: float = option(1.5, "standard deviation of the blur, pixels", 0.01, 100)
    kernel_size: int = option(7, "size of the blur, pixels, odd", 1, 999)
    steps: int | None = option(34, "steps of the whole grid; the walk makes those below t", 1, 1000)
    grid: str | None = option("course", "where the steps are", choices=GRIDS)


@dataclass(frozen=True, kw_only=True)
class Edit(Walk):
    """Turn a photo, a web picture or a drawing into what the model knows (SDEdit, Meng et al. 2022).

    x_t = alpha_t x0 + sigma_t eps at the start, then the usual walk from there: the later it starts, the more is kept.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture to edit"))
    prompt: str = option("", "what it should become; '' lets the model choose")
    start: Sequence[int] = option((1, 3, 5, 7, 10, 20), "steps of the grid to skip: more keeps more of the picture", 0, 999)
    strength: Sequence[float] = option((), "share of the grid to walk, 0 to 1, instead of --start: less keeps more", 0, 1)
    steps: int | None = option(34, "steps of the whole grid", 1, 1000)
    grid: str | None = option("course", "where the steps are", choices=GRIDS)


@dataclass(frozen=True, kw_only=True)
class Inpaint(Walk):
    """Repaint where the mask is white (RePaint, Lugmayr et al. 2022).

    x_s <- m x_s + (1 - m) (alpha_s x0 + sigma_s eps) after every step, each step made num_resamples times (once in upsampling
    stages, where both parts already agree in the smaller picture).
    """

    image: Source = field(kw_only=False, metadata=picture("the picture to repaint a part of", held=True))
    mask: Source | None = field(
        default=None,
        kw_only=False,
        metadata=picture("picture of the same size: white is repainted, black is kept", role="mask", held=True),
    )
    box: Sequence[int] = option(
        (), "repaint this box instead of a mask: left top right bottom, pixels of the picture", 0, 1_000_000, rule=_BOXES
    )
    ellipse: Sequence[int] = option((), "repaint the ellipse in this box, as --box", 0, 1_000_000, rule=_BOXES)
    prompt: str = option("", "what the whole picture should show; '' lets the model choose")
    num_resamples: Sequence[int] = option(
        (10,),
        "times each step is made, so that both parts agree; calls grow in proportion; several are shown side by side",
        1,
        1000,
    )
    step_rule: str | None = option("ddpm", "how a step is made; resampling wants a random one", choices=STEP_RULES)


@dataclass(frozen=True, kw_only=True)
class Anagram(Walk):
    """One picture, several prompts, each under its own view (Geng et al. 2024).

    x0 = sum_i w_i view_i^-1( model( view_i(x_t), prompt_i ) ), sum_i w_i = 1.
    """

    prompts: Sequence[str] = field(kw_only=False, metadata=argument("what is seen under each view, two or more"))
    views: Sequence[str] = field(
        default=("identity", "rotate180"), kw_only=False, metadata={"help": "how it is looked at for each prompt"}
    )
    weights: Sequence[float] = option((), "say of each prompt, any scale; a prompt that dominates wants less", 0, 1e9)
    reduction: str = option(
        "mean", "how estimates become one: their mean, or alternate (the prompts take turns)", choices=REDUCTIONS
    )
    balance: str = option(
        "none",
        "weights that follow the walk so that no prompt dominates (vectors), the contrast a mean loses put right (variance), "
        "both (auto), or none",
        choices=BALANCES,
    )


@dataclass(frozen=True, kw_only=True)
class Hybrid(Walk):
    """One picture whose coarse part is one prompt and whose fine part is another (Geng et al. 2024).

    x0 = G * model(x_t, far) + (1 - G) * model(x_t, near), G a Gaussian low pass. With a high pass 1 - H of its own, G is
    replaced by (G + H) / 2: what both or neither would keep is shared equally, so that the parts still sum to the picture.
    """

    far: str = field(kw_only=False, metadata=argument("what is seen from far away, or with eyes half closed"))
    near: str = field(kw_only=False, metadata=argument("what is seen from near"))
    sigma: float = option(
        2.0, "standard deviation of the low pass, pixels: more gives more to the near prompt", 0.01, 100, pixels=True
    )
    kernel_size: int = option(33, "size of the low pass, pixels, odd", 1, 999, pixels=True)
    near_sigma: float | None = option(
        None,
        "standard deviation of the blur that the high pass takes away",
        0.01,
        100,
        pixels=True,
        unset="that of the low pass",
    )
    near_kernel_size: int | None = option(
        None, "size of the blur that the high pass takes away, odd", 1, 999, pixels=True, unset="that of the low pass"
    )


@dataclass(frozen=True, kw_only=True)
class Factorize(Walk):
    """One picture whose parts are decided by different prompts: bands, grey and colour, moving and still, places (Geng 2024).

    x0 = sum_i part_i( model(x_t, prompt_i) ), where the parts sum to the picture.
    """

    prompts: Sequence[str] = field(kw_only=False, metadata=argument("one for each part: from far to near, grey then colour, …"))
    split: str = option("bands", "the parts", choices=SPLITS)
    sigmas: Sequence[float] = option(
        (2.0,), "of bands: blurs they are cut at, pixels, decreasing; two make a triple", 0.01, 100
    )
    kernel_size: int = option(33, "of bands: size of the blurs, pixels, odd", 1, 999, pixels=True)
    length: int = option(9, "of motion: pixels, odd", 1, 999, pixels=True)
    direction: str = option("diagonal", "of motion", choices=DIRECTIONS)
    mask: Source | None = field(default=None, metadata={"help": "of mask: a picture, first prompt where white", "role": "mask"})


@dataclass(frozen=True, kw_only=True)
class Inverse(Walk):
    """Keep a part of a real picture and draw the rest: a hybrid with a photo, or a photo coloured (Geng et al. 2024).

    x_s <- x_s - part(x_s) + part(alpha_s image + sigma_s eps) after every step.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture a part of which is kept", held=True))
    prompt: str = field(kw_only=False, metadata=argument("what the rest should show"))
    keep: str = option("far", "the part to keep", choices=KEEPS)
    sigma: float = option(2.0, "of far and near: blur they are cut at, pixels", 0.01, 100, pixels=True)
    kernel_size: int = option(33, "of far and near: size of the blur, pixels, odd", 1, 999, pixels=True)
    length: int = option(9, "of moving and still: pixels, odd", 1, 999, pixels=True)
    direction: str = option("diagonal", "of moving and still", choices=DIRECTIONS)
    num_resamples: int = option(1, "times each step is made, so that both parts agree; calls grow in proportion", 1, 1000)
