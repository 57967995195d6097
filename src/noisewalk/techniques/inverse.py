"""Inverse illusions: a part of a real picture is kept, and the rest is made to fit a prompt."""

from __future__ import annotations

import torch

from ..guidance.parts import Part, SplitSettings
from ..guidance.tables import SPLITS
from ..walk.constraints import pin
from ..walk.noise import SeededNoise
from ..walk.prediction import Denoiser
from ..walk.steps import Step
from .panels import Panel, guided, level_at, picture_panel, walk_panel
from .requests import KEEPS
from .requests import Inverse as Inverse
from .stages import Prepared, Stage


def kept_part(stage: Stage[Inverse]) -> Part:
    """Return the part to keep, checked on a picture of the stage's shape."""
    request = stage.request
    parts = SPLITS[KEEPS[request.keep]](SplitSettings((request.sigma,), request.kernel_size, request.length, request.direction))
    part = next(part for part in parts if part.name == request.keep)
    part.component(torch.zeros(1, *stage.model.shape))
    return part


def guide(stage: Stage[Inverse]) -> Denoiser:
    """Guide the walk by the request's prompt; see `cfg`."""
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Inverse]) -> list[Panel]:
    """Return the original picture, its kept part, and the walk; see `pin`.

        x_s <- x_s - part(x_s) + part(alpha_s image + sigma_s eps) after every step

    Args:
        prepared: the prepared request.

    Raises:
        UserError: the part does not fit the model's pictures, or the model does not know the prompt.

    Reference: Geng et al., *Factorized Diffusion: Perceptual Illusions by Noise Decomposition*, 2024 (inverse hybrids),
    https://arxiv.org/abs/2404.11615.
    """
    stage, request = prepared.first, prepared.request
    image, part = stage.pictures["image"], kept_part(stage)

    def wrap(step: Step, stage: Stage[Inverse], noise: SeededNoise) -> Step:
        resamples = request.num_resamples if stage.number == 1 else 1  # larger parts already agree in the smaller picture
        return pin(step, stage.model.to_walk(stage.pictures["image"]), kept_part(stage).component, noise, resamples)

    clean = level_at(stage.model, 0)
    walk = walk_panel(f"{request.keep} kept: {request.prompt or '(any)'}", prepared, guide, wrap=wrap)
    return [
        picture_panel("original", image, clean),
        picture_panel(f"its {request.keep} part", part.component(image), clean),
        walk,
    ]
