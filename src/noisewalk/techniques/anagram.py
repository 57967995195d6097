"""Visual anagrams: one picture that shows another prompt under each view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ..errors import UserError
from ..guidance.illusions import anagram
from ..guidance.views import get_view
from ..models.zoo import Pretrained
from ..walk.prediction import Denoiser
from .panels import Exhibits, Panel, guided_all, walk_panel
from .spec import Walk, argument, option


@dataclass(frozen=True, kw_only=True)
class Anagram(Walk):
    """One picture, several prompts, each under its own view (Geng et al. 2024).

    x0 = sum_i w_i view_i^-1( model( view_i(x_t), prompt_i ) ), sum_i w_i = 1.
    """

    prompts: Sequence[str] = field(kw_only=False, metadata=argument("what is seen under each view, two or more"))
    views: Sequence[str] = field(
        default=("identity", "rotate180"), kw_only=False, metadata={"help": "how it is looked at for each prompt"}
    )
    weights: Sequence[float] = option((), "say of each prompt, any scale; a prompt that dominates wants less", 0)


def guide(spec: Anagram, model: Pretrained) -> Denoiser:
    views = [get_view(name) for name in spec.views]
    return anagram(guided_all(model, spec, spec.prompts), views, spec.weights or None)


def panels(spec: Anagram, model: Pretrained) -> list[Panel]:
    views = [get_view(name) for name in spec.views]
    if len(views) != len(spec.prompts):
        raise UserError(f"{len(spec.prompts)} prompts need as many --views, {len(views)} were given: {' '.join(spec.views)}")
    if spec.weights and len(spec.weights) != len(spec.prompts):
        raise UserError(f"{len(spec.prompts)} prompts need as many --weights, {len(spec.weights)} were given")

    def show(x: Tensor) -> Exhibits:
        return [(f"{view.name}: {prompt}", view.forward(x)) for view, prompt in zip(views, spec.prompts, strict=True)]

    return [walk_panel(" / ".join(spec.prompts), model, spec, guide, show=show)]
