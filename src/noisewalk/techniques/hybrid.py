"""Hybrid images: one prompt from far away, another from near."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from ..guidance.components import high_pass, low_pass
from ..guidance.illusions import combine_components
from ..guidance.splits import from_afar
from ..walk.prediction import Denoiser
from .panels import Panel, PromptView, guided_all, walk_panel
from .spec import Walk, argument, option, scaled
from .stages import Prepared, Stage


@dataclass(frozen=True, kw_only=True)
class Hybrid(Walk):
    """One picture whose coarse part is one prompt and whose fine part is another (Geng et al. 2024).

    x0 = G * model(x_t, far) + (1 - G) * model(x_t, near), G a Gaussian low pass.
    """

    far: str = field(kw_only=False, metadata=argument("what is seen from far away, or with eyes half closed"))
    near: str = field(kw_only=False, metadata=argument("what is seen from near"))
    sigma: float = option(
        2.0, "standard deviation of the low pass, pixels: more gives more to the near prompt", 0.01, 100, pixels=True
    )
    kernel_size: int = option(33, "size of the low pass, pixels, odd", 1, 999, pixels=True)


def guide(stage: Stage[Hybrid]) -> Denoiser:
    spec = stage.request
    parts = [low_pass(spec.sigma, spec.kernel_size), high_pass(spec.sigma, spec.kernel_size)]
    return combine_components(guided_all(stage, (spec.far, spec.near)), parts)


def panels(prepared: Prepared[Hybrid]) -> list[Panel]:
    spec, width = prepared.request, prepared.first.model.shape[-1]

    def afar(x: Tensor) -> Tensor:
        here = scaled(spec, x.shape[-1] / width)
        return from_afar(here.sigma, here.kernel_size)(x)

    views = (PromptView("near", spec.near, lambda x: x), PromptView("far", spec.far, afar))
    return [walk_panel(f"{spec.far} / {spec.near}", prepared, guide, prompt_views=views)]
