"""Factorized pictures: each part of a picture is decided by a prompt of its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..guidance.illusions import combine_components
from ..guidance.splits import Part, SplitSettings, get_split
from ..walk.prediction import Denoiser
from .panels import Panel, PromptView, guided_all, walk_panel
from .requests import Factorize as Factorize
from .spec import scaled
from .stages import Prepared, Stage


def parts_of(spec: Factorize, white: Tensor | None, shape: tuple[int, ...]) -> tuple[Part, ...]:
    """The parts that are asked for, checked on a picture of that shape.

    Args:
        white: (1, C, H, W) the mask, positive where it is white, of any size; None if none was given.
    """
    mask = None if white is None else F.interpolate((white > 0).float(), size=shape[-2:], mode="nearest")
    settings = SplitSettings(tuple(spec.sigmas), spec.kernel_size, spec.length, spec.direction, mask)
    parts = get_split(spec.split, settings)
    for part in parts:
        part.component(torch.zeros(1, *shape[-3:]))
    return parts


def guide(stage: Stage[Factorize]) -> Denoiser:
    parts = parts_of(stage.request, stage.pictures.get("mask"), stage.model.walk_shape)
    return combine_components(guided_all(stage, stage.request.prompts), [part.component for part in parts])


def panels(prepared: Prepared[Factorize]) -> list[Panel]:
    spec, shape, white = prepared.request, prepared.first.model.shape, prepared.first.pictures.get("mask")
    parts = parts_of(spec, white, shape)
    if len(parts) != len(spec.prompts):
        names = ", ".join(part.name for part in parts)
        raise UserError(f"{spec.split} are {len(parts)} parts ({names}) and need as many prompts; got {len(spec.prompts)}")

    def looking_for(i: int) -> Callable[[Tensor], Tensor]:
        return lambda x: parts_of(scaled(spec, x.shape[-1] / shape[-1]), white, x.shape)[i].look(x)

    named = enumerate(zip(parts, spec.prompts, strict=True))
    seen = tuple(PromptView(part.name, prompt, looking_for(i)) for i, (part, prompt) in named)
    return [walk_panel(" / ".join(spec.prompts), prepared, guide, prompt_views=seen)]
