"""Three ways to remove noise: a Gaussian blur, one call of the model, and a walk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..guidance.components import gaussian_blur
from ..models.zoo import Pretrained
from ..walk.grids import GRIDS
from ..walk.prediction import Denoiser
from .panels import Exhibits, Panel, guided, level_at, noised, still, times_from, walk_panel
from .spec import Source, Walk, option, picture
from .upsample import whole

METHODS = ("blur", "one-step", "iterative")


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


def guide(spec: Denoise, model: Pretrained) -> Denoiser:
    return guided(model, spec, spec.prompt)


def panels(spec: Denoise, model: Pretrained) -> list[Panel]:
    image = spec.image.tensor.to(model.device, model.dtype)  # type: ignore[union-attr]
    return [replace(panel, row=row) for row, t in enumerate(spec.t) for panel in _at(spec, model, image, t)]


def _at(spec: Denoise, model: Pretrained, image: Tensor, t: int) -> list[Panel]:
    level = level_at(model, t)
    x_t = noised(model, image, level, spec)

    def compared(caption: str) -> Callable[[Tensor], Exhibits]:
        return lambda x: [(f"{caption}, {psnr(x, image):.1f} dB", x)]

    made: list[Panel] = []
    if spec.method in ("blur", "all"):
        blurred = gaussian_blur(model.to_picture(x_t / level.alpha.clamp(min=1e-3)), spec.sigma, spec.kernel_size).clamp(-1, 1)
        panel = still(f"t = {t}, blur", blurred, level, outcome=True)
        made.append(replace(panel, show=compared(f"blur, sigma {spec.sigma:g}")))
    if spec.method in ("one-step", "all"):
        with torch.no_grad():
            once = whole(guide, spec, model)(x_t, level).x0
        once = model.to_picture(once)
        made.append(replace(still(f"t = {t}, one-step", once, level, outcome=True), show=compared("one-step")))
    if spec.method in ("iterative", "all"):
        times = times_from(model, spec, t)
        show = compared(f"iterative, {len(times) - 1} steps")
        made.append(walk_panel(f"t = {t}, iterative", model, spec, guide, image=image, times=times, show=show))
    return [still("original", image, level_at(model, 0)), still(f"noisy, t = {t}", model.to_picture(x_t), level), *made]


def psnr(x: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [-1, 1] (peak 2), over the batch: 10 log10(4 / mean error^2).

    An upsampled picture is first brought back to the reference's size by averaging.
    """
    if x.shape[2:] != reference.shape[2:]:
        x = F.interpolate(x, reference.shape[2:], mode="area")
    error = (x.clamp(-1, 1) - reference).square().mean()
    return float(10 * torch.log10(4 / error.clamp(min=1e-12)))
