"""Inverse illusions: a part of a real picture is kept, the rest is drawn to fit a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ..guidance.components import DIRECTIONS
from ..guidance.splits import SPLITS, Part, SplitSettings
from ..walk.noise import SeededNoise
from ..walk.prediction import Denoiser
from ..walk.steps import Step, pin
from .panels import Panel, guided, level_at, still, walk_panel
from .spec import Source, Walk, argument, option, picture
from .stages import Prepared, Stage

KEEPS = {"far": "bands", "near": "bands", "grey": "colour", "colour": "colour", "moving": "motion", "still": "motion"}
"""Parts that can be kept, and the split each belongs to; parts by place are what `inpaint` keeps."""


@dataclass(frozen=True, kw_only=True)
class Inverse(Walk):
    """Keep a part of a real picture and draw the rest: a hybrid with a photo, or a photo coloured (Geng et al. 2024).

    x_s <- x_s - part(x_s) + part(alpha_s image + sigma_s eps) after every step.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture a part of which is kept", held=True))
    prompt: str = field(kw_only=False, metadata=argument("what the rest should show"))
    keep: str = option("far", f"the part to keep: {', '.join(KEEPS)}", choices=KEEPS)
    sigma: float = option(2.0, "of far and near: blur they are cut at, pixels", 0.01, 100, pixels=True)
    kernel_size: int = option(33, "of far and near: size of the blur, pixels, odd", 1, 999, pixels=True)
    length: int = option(9, "of moving and still: pixels, odd", 1, 999, pixels=True)
    direction: str = option("diagonal", f"of moving and still: {', '.join(DIRECTIONS)}", choices=DIRECTIONS)
    num_resamples: int = option(1, "times each step is made, so that both parts agree; calls grow in proportion", 1, 1000)


def kept_part(stage: Stage[Inverse]) -> Part:
    """The part to keep, checked on a picture of the stage's shape."""
    spec = stage.request
    parts = SPLITS[KEEPS[spec.keep]](SplitSettings((spec.sigma,), spec.kernel_size, spec.length, spec.direction))
    part = next(part for part in parts if part.name == spec.keep)
    part.component(torch.zeros(1, *stage.model.shape))
    return part


def guide(stage: Stage[Inverse]) -> Denoiser:
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Inverse]) -> list[Panel]:
    stage, spec = prepared.first, prepared.request
    image, part = stage.pictures["image"], kept_part(stage)

    def wrap(step: Step, stage: Stage[Inverse], noise: SeededNoise) -> Step:
        resamples = spec.num_resamples if stage.number == 1 else 1  # larger parts already agree in the smaller picture
        return pin(step, stage.model.to_walk(stage.pictures["image"]), kept_part(stage).component, noise, resamples)

    clean = level_at(stage.model, 0)
    walk = walk_panel(f"{spec.keep} kept: {spec.prompt or '(any)'}", prepared, guide, wrap=wrap)
    return [still("original", image, clean), still(f"its {spec.keep} part", part.component(image), clean), walk]
