"""Illusions of models in latents: every prompt walks in latents of its own, and in each step they agree on one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeVar

import torch
from torch import Tensor

from ..guidance.separate import agreeing, each, separately
from ..guidance.terms import Map
from ..models.pretrained import Codec
from ..walk.prediction import Denoiser
from .panels import guided_all
from .requests import Walk
from .stages import Guide, Prepared, Stage

W = TypeVar("W", bound=Walk)

Merge = Callable[[Sequence[Tensor]], Tensor]
"""Maps what each prompt shows, K pictures (N, C, H, W), to the one picture that all of them are seen in."""

Sights = tuple[Sequence[Map], Merge]
"""How each prompt looks at the picture, and how what they show is merged."""


@dataclass(frozen=True, eq=False)
class JointCodec(Codec):
    """The autoencoder of several latents of one picture, stacked along the channels.

    Args:
        agree: maps predicted latents (N, K c, h, w) to latents that show the same picture.
        look: maps a picture (N, C, H, W) to what each prompt sees of it, (N, K C, H, W).
    """

    agree: Map
    look: Map


def joint_codec(codec: Codec, looks: Sequence[Map], merge: Merge) -> JointCodec:
    """Return the autoencoder of latents that each prompt has for itself.

        x = merge(D(z_1), ..., D(z_K)),     z_i <- z_i + E(look_i(x)) - E(D(z_i))

    A view of a picture is no view of its latents, so the latents are decoded, the pictures are merged, and what each prompt
    sees of the merged picture is encoded. An autoencoder loses some detail on the way there and back. The difference of two
    encoded pictures does not: latents that agree already stay as they are, whatever the autoencoder is.

    Args:
        codec: the autoencoder of the model.
        looks: how each of the K prompts looks at the picture.
        merge: maps what the prompts show to the picture.

    Reference: Chang et al., *LookingGlass: Generative Anamorphoses via Laplacian Pyramid Warping*, 2025, section 4.1 (there
    the residual z_i - E(D(z_i)) is merged as well, under the views of latents, which views of colours do not have),
    https://arxiv.org/abs/2504.08902.
    """
    count = len(looks)
    encode, decode = each(count, codec.encode), each(count, codec.decode)

    def look(picture: Tensor) -> Tensor:
        return torch.cat([sees(picture) for sees in looks], 1)

    def merged(shown: Tensor) -> Tensor:
        return merge(shown.chunk(count, 1))

    def agree(z: Tensor) -> Tensor:
        shown = decode(z)
        return z + (encode(look(merged(shown))) - encode(shown))

    shape = (count * codec.shape[0], *codec.shape[1:])
    return JointCodec(shape, lambda x: encode(look(x)), lambda z: merged(decode(z)), agree, look)


def own_latents(
    prepared: Prepared[W], guide: Guide[W], prompts: Sequence[str], sights: Callable[[Stage[W]], Sights]
) -> tuple[Prepared[W], Guide[W]]:
    """Return a request and its guidance in which every prompt has latents of its own, in the stages that walk in latents.

    Args:
        prepared: the request; its stages in pixels stay as they are.
        guide: the guidance of stages in pixels.
        prompts: the prompts.
        sights: maps a stage to how its prompts look at a picture, and to how what they show is merged.
    """

    def own(stage: Stage[W]) -> Stage[W]:
        if stage.model.codec is None:
            return stage
        model = replace(stage.model, codec=joint_codec(stage.model.codec, *sights(stage)))
        return replace(stage, model=model, upscaler=stage.upscaler and replace(stage.upscaler, pretrained=model))

    def guided(stage: Stage[W]) -> Denoiser:
        codec = stage.model.codec
        if not isinstance(codec, JointCodec):
            return guide(stage)
        model = replace(stage.model, low_res=tuple(map(codec.look, stage.model.low_res)))
        return agreeing(separately(guided_all(replace(stage, model=model), prompts)), codec.agree)

    return replace(prepared, stages=tuple(map(own, prepared.stages))), guided


def parts_of_one(components: Sequence[Map]) -> Sights:
    """Return how prompts look at a picture of which each decides a part: all see the whole, and the parts are added.

    Args:
        components: linear maps that sum to the identity, one for each prompt.
    """

    def merge(shown: Sequence[Tensor]) -> Tensor:
        return reduce(torch.add, [component(x) for component, x in zip(components, shown, strict=True)])

    return [lambda x: x] * len(components), merge
