"""The forward process: a picture at chosen levels of noise."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..walk.noise import NoiseLevel
from .panels import Panel, as_output, level_at, noised, picture_panel
from .requests import Forward as Forward
from .stages import Prepared


def panels(prepared: Prepared[Forward]) -> list[Panel]:
    """Return the picture, and the picture with noise at each timestep.

        x_t = alpha_t x0 + sigma_t eps

    Args:
        prepared: the prepared request.

    Reference: Ho et al., *Denoising Diffusion Probabilistic Models*, 2020, eq. 4, https://arxiv.org/abs/2006.11239.
    """
    stage, seeds = prepared.first, prepared.seeds
    model, image = stage.model, stage.pictures["image"]

    def jump(level: NoiseLevel) -> Callable[[], Tensor]:
        return lambda: model.to_picture(noised(stage, image, level, seeds))

    shown = []
    for t in prepared.request.t:
        level = level_at(model, t)
        label = f"t = {t}: alpha {level.alpha:.3f}, sigma {level.sigma:.3f}"
        shown.append(as_output(picture_panel(label, jump(level), level, (len(seeds), *model.shape))))
    return [picture_panel("original", image, level_at(model, 0)), *shown]
