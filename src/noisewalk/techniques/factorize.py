"""Factorized pictures: each part of a picture is decided by a prompt of its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..guidance.illusions import combine_components
from ..guidance.parts import Part, SplitSettings
from ..guidance.splits import get_split
from ..guidance.terms import Map
from ..walk.prediction import Denoiser
from .latents import own_latents, parts_of_one
from .panels import Panel, PromptView, guided_all, walk_panel
from .requests import Factorize as Factorize
from .requests import scaled
from .stages import Prepared, Stage


def parts_of(request: Factorize, white: Tensor | None, shape: tuple[int, ...]) -> tuple[Part, ...]:
    """Return the parts that a request asks for, checked on a picture of a shape.

    Args:
        request: the request.
        white: (1, C, H, W) the mask, positive where it is white, of any size; None if there is none.
        shape: (..., C, H, W) of the pictures.

    Raises:
        UserError: the split does not fit the pictures, or its mask is missing.
    """
    mask = None if white is None else F.interpolate((white > 0).float(), size=shape[-2:], mode="nearest")
    settings = SplitSettings(
        tuple(request.sigmas), request.kernel_size, request.length, request.direction, mask, tuple(request.shares)
    )
    parts = get_split(request.split, settings)
    for part in parts:
        part.component(torch.zeros(1, *shape[-3:]))
    return parts


def guide(stage: Stage[Factorize]) -> Denoiser:
    """Combine the prompts, one for each part of the picture; see `combine_components`.

        x0 = sum_i part_i( model(x_t, prompt_i) ),     sum_i part_i = identity

    Args:
        stage: the stage to guide.

    Reference: Geng et al., *Factorized Diffusion: Perceptual Illusions by Noise Decomposition*, 2024,
    https://arxiv.org/abs/2404.11615.
    """
    return combine_components(guided_all(stage, stage.request.prompts), _components(stage))


def _components(stage: Stage[Factorize]) -> list[Map]:
    return [part.component for part in parts_of(stage.request, stage.pictures.get("mask"), stage.model.shape)]


def panels(prepared: Prepared[Factorize]) -> list[Panel]:
    """Return the walk of a factorized picture.

    Args:
        prepared: the prepared request.

    Raises:
        UserError: there are not as many prompts as parts, or the split does not fit the model.
    """
    request, shape, white = prepared.request, prepared.first.model.shape, prepared.first.pictures.get("mask")
    parts = parts_of(request, white, shape)
    if len(parts) != len(request.prompts):
        names = ", ".join(part.name for part in parts)
        raise UserError(
            f"the split {request.split} has {len(parts)} parts ({names}) and needs as many prompts; "
            f"{len(request.prompts)} were given"
        )

    def looking_for(i: int) -> Callable[[Tensor], Tensor]:
        return lambda x: parts_of(scaled(request, x.shape[-1] / shape[-1]), white, x.shape)[i].look(x)

    named = enumerate(zip(parts, request.prompts, strict=True))
    seen = tuple(PromptView(part.name, prompt, looking_for(i)) for i, (part, prompt) in named)
    walked = own_latents(prepared, guide, request.prompts, lambda stage: parts_of_one(_components(stage)))
    return [walk_panel(" / ".join(request.prompts), *walked, prompt_views=seen)]
