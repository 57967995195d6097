"""The forward process: a picture at chosen levels of noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ..walk.grids import levels
from ..walk.noise import NoiseLevel
from .panels import Panel, as_output, check_pixels, level_at, noised, picture_panel
from .requests import Forward as Forward
from .stages import Prepared, asked_times


def panels(prepared: Prepared[Forward]) -> list[Panel]:
    """Return the picture, and the picture with noise at each time, and the velocity if it is asked for.

        x_t = alpha_t x0 + sigma_t eps,     v = eps - x0

    On the linear path v is the derivative of x_t by t, and the same at every t. It is shown at half its size.

    Args:
        prepared: the prepared request.

    Raises:
        UserError: the model has no such times, or walks in latents, whose velocity is no picture.

    Reference: Ho et al., *Denoising Diffusion Probabilistic Models*, 2020, eq. 4, https://arxiv.org/abs/2006.11239.
    """
    stage, seeds = prepared.first, prepared.seeds
    model, image = stage.model, stage.pictures["image"]

    def jump(level: NoiseLevel) -> Callable[[], Tensor]:
        return lambda: model.to_picture(noised(stage, image, level, seeds))

    request, shape, shown = prepared.request, (len(seeds), *model.shape), []
    for caption, time in asked_times(request.t, request.flow_time, model):
        level = levels(model.schedule, time)[0]
        label = f"{caption}: alpha {level.alpha:.3f}, sigma {level.sigma:.3f}"
        shown.append(as_output(picture_panel(label, jump(level), level, shape)))
    if request.velocity:
        check_pixels(model)
        shown.append(
            picture_panel("v / 2 = (eps - x0) / 2", lambda: (stage.noise(seeds)(_rows(image, seeds)) - image) / 2, level, shape)
        )
    return [picture_panel("original", image, level_at(model, 0)), *shown]


def _rows(image: Tensor, seeds: Sequence[int]) -> Tensor:
    return image.expand(len(seeds), *image.shape[1:])
