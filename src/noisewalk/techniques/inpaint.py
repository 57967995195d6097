"""RePaint: repaint a part of a picture, while the rest is held in place at every level of noise."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..guidance.components import masked
from ..models.pretrained import Pretrained
from ..walk.constraints import pin
from ..walk.noise import SeededNoise
from ..walk.prediction import Denoiser
from ..walk.steps import Step
from .panels import Panel, guided, level_at, picture_panel, walk_panel
from .requests import Inpaint as Inpaint
from .stages import Prepared, Stage


def guide(stage: Stage[Inpaint]) -> Denoiser:
    """Guide the walk by the request's prompt; see `cfg`."""
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Inpaint]) -> list[Panel]:
    """Return the original picture, the part to repaint, and a walk for each number of resamples; see `pin`.

        x_s <- m x_s + (1 - m) (alpha_s x0 + sigma_s eps) after every step

    Args:
        prepared: the prepared request.

    Raises:
        UserError: the model does not know the prompt.

    Reference: Lugmayr et al., *RePaint: Inpainting using Denoising Diffusion Probabilistic Models*, 2022,
    https://arxiv.org/abs/2201.09865.
    """
    image, keep = _given(prepared.first)

    def repainted(num_resamples: int) -> Panel:
        def wrap(step: Step, stage: Stage[Inpaint], noise: SeededNoise) -> Step:
            image, keep = _given(stage)
            known, part = stage.model.to_walk(image), masked(_cells(keep, stage.model))
            return pin(step, known, part, noise, num_resamples if stage.number == 1 else 1)

        label = f"{num_resamples} resample{'s' * (num_resamples > 1)}: {prepared.request.prompt or '(any)'}"
        return walk_panel(label, prepared, guide, wrap=wrap)

    clean = level_at(prepared.first.model, 0)
    shown = [picture_panel("original", image, clean), picture_panel("to repaint", _hatched(image, keep), clean)]
    return shown + [repainted(num_resamples) for num_resamples in prepared.request.num_resamples]


def _given(stage: Stage[Inpaint]) -> tuple[Tensor, Tensor]:
    """Return the picture at the size of a stage, and 1 where it is kept."""
    image, mask = stage.pictures["image"], stage.pictures["mask"]
    return image, (mask < 0).to(image.dtype)


def _cells(keep: Tensor, model: Pretrained) -> Tensor:
    """Return the mask of what is walked: a latent is kept only if every pixel under it is."""
    repainted: Tensor = F.adaptive_max_pool2d(1 - keep, model.walk_shape[1:])
    return 1 - repainted


def _hatched(image: Tensor, keep: Tensor) -> Tensor:
    return keep * image  # 0, mid-grey, where it will be repainted
