"""Factorized pictures: each part of a picture is decided by a prompt of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..guidance.components import DIRECTIONS
from ..guidance.illusions import combine_components
from ..guidance.splits import SPLITS, Part, SplitSettings, get_split
from ..walk.prediction import Denoiser
from .panels import Panel, PromptView, guided_all, walk_panel
from .spec import Source, Walk, argument, option, scaled
from .stages import Prepared, Stage


@dataclass(frozen=True, kw_only=True)
class Factorize(Walk):
    """One picture whose parts are decided by different prompts: bands, grey and colour, moving and still, places (Geng 2024).

    x0 = sum_i part_i( model(x_t, prompt_i) ), where the parts sum to the picture.
    """

    prompts: Sequence[str] = field(kw_only=False, metadata=argument("one for each part: from far to near, grey then colour, …"))
    split: str = option("bands", f"the parts: {', '.join(SPLITS)}", choices=SPLITS)
    sigmas: Sequence[float] = option(
        (2.0,), "of bands: blurs they are cut at, pixels, decreasing; two make a triple", 0.01, 100
    )
    kernel_size: int = option(33, "of bands: size of the blurs, pixels, odd", 1, 999, pixels=True)
    length: int = option(9, "of motion: pixels, odd", 1, 999, pixels=True)
    direction: str = option("diagonal", f"of motion: {', '.join(DIRECTIONS)}", choices=DIRECTIONS)
    mask: Source | None = field(default=None, metadata={"help": "of mask: a picture, first prompt where white", "role": "mask"})


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
