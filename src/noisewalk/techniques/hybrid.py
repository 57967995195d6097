"""Hybrid images: one prompt from far away, another one from near."""

from __future__ import annotations

from torch import Tensor

from ..guidance.components import high_pass, low_pass
from ..guidance.illusions import combine_components
from ..guidance.splits import from_afar
from ..guidance.terms import Map
from ..walk.prediction import Denoiser
from .latents import own_latents, parts_of_one
from .panels import Panel, PromptView, guided_all, walk_panel
from .requests import Hybrid as Hybrid
from .requests import scaled
from .stages import Prepared, Stage


def guide(stage: Stage[Hybrid]) -> Denoiser:
    """Combine the low frequencies of one prompt with the high frequencies of another; see `combine_components`.

        x0 = G * model(x_t, far) + (1 - G) * model(x_t, near),     G a Gaussian low-pass filter

    Args:
        stage: the stage to guide.

    Reference: Geng et al., *Factorized Diffusion: Perceptual Illusions by Noise Decomposition*, 2024,
    https://arxiv.org/abs/2404.11615; Oliva et al., *Hybrid Images*, 2006, https://doi.org/10.1145/1141911.1141919.
    """
    return combine_components(guided_all(stage, (stage.request.far, stage.request.near)), _parts(stage))


def _parts(stage: Stage[Hybrid]) -> list[Map]:
    request = stage.request
    parts = [low_pass(request.sigma, request.kernel_size), high_pass(request.sigma, request.kernel_size)]
    if request.near_sigma is not None or request.near_kernel_size is not None:
        parts = _shared(
            parts[0], low_pass(request.near_sigma or request.sigma, request.near_kernel_size or request.kernel_size)
        )
    return parts


def _shared(low: Map, near_low: Map) -> list[Map]:
    """Return a low pass G and a high pass 1 - H as parts that sum to the picture: (G + H) / 2 and the rest."""

    def mean(x: Tensor) -> Tensor:
        return (low(x) + near_low(x)) / 2

    return [mean, lambda x: x - mean(x)]


def panels(prepared: Prepared[Hybrid]) -> list[Panel]:
    """Return the walk of a hybrid image.

    Args:
        prepared: the prepared request.

    Raises:
        UserError: the filter does not fit the model's pictures, or the model does not know a prompt.
    """
    request, width = prepared.request, prepared.first.model.shape[-1]

    def afar(x: Tensor) -> Tensor:
        here = scaled(request, x.shape[-1] / width)
        return from_afar(here.sigma, here.kernel_size)(x)

    views = (PromptView("near", request.near, lambda x: x), PromptView("far", request.far, afar))
    walked = own_latents(prepared, guide, (request.far, request.near), lambda stage: parts_of_one(_parts(stage)))
    return [walk_panel(f"{request.far} / {request.near}", *walked, prompt_views=views)]
