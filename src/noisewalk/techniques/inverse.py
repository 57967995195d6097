"""Inverse illusions: a part of a real picture is kept, the rest is drawn to fit a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ..guidance.components import DIRECTIONS
from ..guidance.splits import SPLITS, Knobs, Part
from ..models.zoo import Pretrained
from ..walk.noise import SeededNoise
from ..walk.prediction import Denoiser
from ..walk.steps import Step, pin
from .panels import Panel, guided, level_at, still, walk_panel
from .spec import Source, Walk, argument, option, picture

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


def kept_part(spec: Inverse, model: Pretrained) -> Part:
    """The part to keep, checked on a picture of the model's shape."""
    parts = SPLITS[KEEPS[spec.keep]](Knobs((spec.sigma,), spec.kernel_size, spec.length, spec.direction))
    part = next(part for part in parts if part.name == spec.keep)
    part.component(torch.zeros(1, *model.shape))
    return part


def guide(spec: Inverse, model: Pretrained) -> Denoiser:
    return guided(model, spec, spec.prompt)


def panels(spec: Inverse, model: Pretrained) -> list[Panel]:
    image = spec.image.tensor.to(model.device, model.dtype)  # type: ignore[union-attr]
    part = kept_part(spec, model)

    def wrap(step: Step, spec: Inverse, model: Pretrained, noise: SeededNoise) -> Step:
        image = spec.image.at(model.shape).to(model.device, model.dtype)  # type: ignore[union-attr]
        resamples = 1 if model.beside else spec.num_resamples  # a larger stage's parts already agree in the smaller picture
        return pin(step, model.to_walk(image), kept_part(spec, model).component, noise, resamples)

    clean = level_at(model, 0)
    walk = walk_panel(f"{spec.keep} kept: {spec.prompt or '(any)'}", model, spec, guide, wrap=wrap)
    return [still("original", image, clean), still(f"its {spec.keep} part", part.component(image), clean), walk]
