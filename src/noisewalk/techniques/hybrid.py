"""Hybrid images: one prompt from far away, another from near."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from ..guidance.components import high_pass, low_pass
from ..guidance.illusions import factorize
from ..guidance.splits import from_afar
from ..models.zoo import Pretrained
from ..walk.prediction import Denoiser
from .panels import Panel, Sight, guided_all, walk_panel
from .spec import Walk, argument, option
from .upsample import scaled


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


def guide(spec: Hybrid, model: Pretrained) -> Denoiser:
    parts = [low_pass(spec.sigma, spec.kernel_size), high_pass(spec.sigma, spec.kernel_size)]
    return factorize(guided_all(model, spec, (spec.far, spec.near)), parts)


def panels(spec: Hybrid, model: Pretrained) -> list[Panel]:
    def afar(x: Tensor) -> Tensor:
        here = scaled(spec, x.shape[-1] / model.shape[-1])
        return from_afar(here.sigma, here.kernel_size)(x)

    sights = (Sight("near", spec.near, lambda x: x), Sight("far", spec.far, afar))
    return [walk_panel(f"{spec.far} / {spec.near}", model, spec, guide, sights=sights)]
