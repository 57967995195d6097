"""Three ways to remove noise: a Gaussian blur, one call of the model, and a walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..guidance.components import gaussian_blur
from ..walk.grids import levels
from ..walk.prediction import Denoiser
from .panels import (
    CaptionedViews,
    Panel,
    as_output,
    check_pixels,
    guided,
    level_at,
    noised,
    picture_panel,
    times_from,
    walk_panel,
)
from .requests import Denoise as Denoise
from .stages import Prepared, Stage, asked_times, build_denoiser


def guide(stage: Stage[Denoise]) -> Denoiser:
    """Guide the walk, and the single call, by the request's prompt; see `cfg`."""
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Denoise]) -> list[Panel]:
    """Return the noised picture and what each method makes of it, one row for each timestep.

        blur: G * x_t / alpha,     one-step: x0 = E[x0 | x_t],     iterative: a walk from t down to 0

    Args:
        prepared: the prepared request.

    Raises:
        UserError: the blur does not fit the model's pictures, or the model does not know the prompt.
    """
    request, model = prepared.request, prepared.first.model
    if request.velocity:
        check_pixels(model)
    times = asked_times(request.t, request.flow_time, model)
    return [replace(panel, row=row) for row, each in enumerate(times) for panel in _at(prepared, *each)]


def _at(prepared: Prepared[Denoise], at: str, time: Tensor) -> list[Panel]:
    stage, request, model = prepared.first, prepared.request, prepared.first.model
    image, level = stage.pictures["image"], levels(model.schedule, time)[0]
    shape = (len(prepared.seeds), *model.shape)

    def noisy() -> Tensor:
        return noised(stage, image, level, prepared.seeds)

    def blurred() -> Tensor:
        return gaussian_blur(model.to_picture(noisy() / level.alpha.clamp(min=1e-3)), request.sigma, request.kernel_size).clamp(
            -1, 1
        )

    def once() -> Tensor:
        return model.to_picture(build_denoiser(guide, stage)(noisy(), level).x0)

    def velocity() -> Tensor:
        p = build_denoiser(guide, stage)(noisy(), level)
        return (p.eps(noisy(), level) - p.x0) / 2

    def compared(caption: str) -> Callable[[Tensor], CaptionedViews]:
        return lambda x: [(f"{caption}, {psnr(x, image):.1f} dB", x)]

    made: list[Panel] = []
    if request.method in ("blur", "all"):
        gaussian_blur(torch.zeros(1, *model.shape), request.sigma, request.kernel_size)  # said now, if it does not fit
        panel = as_output(picture_panel(f"{at}, blur", blurred, level, shape))
        made.append(replace(panel, show=compared(f"blur, sigma {request.sigma:g}")))
    if request.method in ("one-step", "all"):
        build_denoiser(guide, stage)
        panel = as_output(picture_panel(f"{at}, one-step", once, level, shape))
        made.append(replace(panel, show=compared("one-step")))
    if request.method in ("iterative", "all"):
        times = times_from(stage, time)
        show = compared(f"iterative, {len(times) - 1} steps")
        made.append(walk_panel(f"{at}, iterative", prepared, guide, image=image, times=times, show=show))
    shown = [picture_panel(f"noisy, {at}", lambda: model.to_picture(noisy()), level, shape)]
    if request.velocity:
        build_denoiser(guide, stage)
        shown.append(picture_panel(f"{at}, v / 2 = (eps - x0) / 2", velocity, level, shape))
    return [picture_panel("original", image, level_at(model, 0)), *shown, *made]


def psnr(x: Tensor, reference: Tensor) -> float:
    """Return the peak signal-to-noise ratio of pictures in [-1, 1], over the whole batch, in dB.

        PSNR = 10 log10(4 / mean((x - reference)^2)),     because the peak is 2

    An upsampled picture is first brought back to the reference's size by averaging.

    Args:
        x: (N, C, H, W).
        reference: (1 or N, C, h, w).
    """
    if x.shape[2:] != reference.shape[2:]:
        x = F.interpolate(x, reference.shape[2:], mode="area")
    error = (x.clamp(-1, 1) - reference).square().mean()
    return float(10 * torch.log10(4 / error.clamp(min=1e-12)))
