"""Visual anagrams: one picture that shows another prompt under each view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import UserError
from ..guidance.balance import Balanced
from ..guidance.illusions import alternate_views, combine_views
from ..walk.prediction import Denoiser
from .panels import Panel, PromptView, guided_all, walk_panel
from .spec import Walk, argument, option
from .stages import Prepared, Stage
from .view_files import find_views

REDUCTIONS = ("mean", "alternate")
BALANCES = {"none": (False, False), "vectors": (True, False), "variance": (False, True), "auto": (True, True)}
"""What `Balanced` is to do: (vectors, variance)."""


@dataclass(frozen=True, kw_only=True)
class Anagram(Walk):
    """One picture, several prompts, each under its own view (Geng et al. 2024).

    x0 = sum_i w_i view_i^-1( model( view_i(x_t), prompt_i ) ), sum_i w_i = 1.
    """

    prompts: Sequence[str] = field(kw_only=False, metadata=argument("what is seen under each view, two or more"))
    views: Sequence[str] = field(
        default=("identity", "rotate180"), kw_only=False, metadata={"help": "how it is looked at for each prompt"}
    )
    weights: Sequence[float] = option((), "say of each prompt, any scale; a prompt that dominates wants less", 0, 1e9)
    reduction: str = option(
        "mean", "how estimates become one: their mean, or alternate (the prompts take turns)", choices=REDUCTIONS
    )
    balance: str = option(
        "none",
        "weights that follow the walk so that no prompt dominates (vectors), the contrast a mean loses put right (variance), "
        "both (auto), or none",
        choices=BALANCES,
    )


def guide(stage: Stage[Anagram]) -> Denoiser:
    spec, model = stage.request, stage.model
    views = find_views(spec.views, model.shape)
    weights = spec.weights or None
    if spec.reduction == "alternate":
        return alternate_views(guided_all(stage, spec.prompts), views, stage.path, weights)
    if spec.balance == "none":
        return combine_views(guided_all(stage, spec.prompts), views, weights)
    conds = tuple(model.bind(prompt) for prompt in spec.prompts)
    uncond = model.bind(spec.negative_prompt)
    given = None if weights is None else tuple(weights)
    return Balanced(conds, uncond, stage.settings.guidance_scale, tuple(views), given, *BALANCES[spec.balance])


def panels(prepared: Prepared[Anagram]) -> list[Panel]:
    spec = prepared.request
    if len(spec.views) != len(spec.prompts):
        raise UserError(
            f"{len(spec.prompts)} prompts need as many --views, {len(spec.views)} were given: {' '.join(spec.views)}"
        )
    if spec.weights and len(spec.weights) != len(spec.prompts):
        raise UserError(f"{len(spec.prompts)} prompts need as many --weights, {len(spec.weights)} were given")
    if spec.reduction == "alternate" and spec.balance != "none":
        raise UserError(f"--balance {spec.balance} weighs a mean; with --reduction alternate there is none to weigh")
    views = find_views(spec.views, prepared.first.model.shape)
    seen = tuple(PromptView(view.name, prompt, view.forward) for view, prompt in zip(views, spec.prompts, strict=True))
    return [walk_panel(" / ".join(spec.prompts), prepared, guide, prompt_views=seen)]
