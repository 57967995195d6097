"""Visual anagrams: one picture that shows another prompt under each view."""

from __future__ import annotations

from ..errors import UserError
from ..guidance.balance import Balanced
from ..guidance.illusions import alternate_views, combine_views
from ..guidance.tables import BALANCES
from ..walk.prediction import Denoiser
from .panels import Panel, PromptView, guided_all, walk_panel
from .requests import Anagram as Anagram
from .stages import Prepared, Stage
from .view_files import find_views


def guide(stage: Stage[Anagram]) -> Denoiser:
    """Combine the prompts of an anagram, each under its own view, by their mean, in turns, or balanced.

        x0 = sum_i w_i view_i^-1( model( view_i(x_t), prompt_i ) ),     sum_i w_i = 1

    See `combine_views`, `alternate_views` and `Balanced`.

    Args:
        stage: the stage to guide.

    Reference: Geng et al., *Visual Anagrams: Generating Multi-View Optical Illusions with Diffusion Models*, 2024,
    https://arxiv.org/abs/2311.17919.
    """
    spec, model = stage.request, stage.model
    views = find_views(spec.views, model.shape)
    weights = spec.weights or None
    if spec.reduction == "alternate":
        return alternate_views(guided_all(stage, spec.prompts), views, stage.path, weights)
    if stage.settings.balance == "none":
        return combine_views(guided_all(stage, spec.prompts), views, weights)
    conds = tuple(model.bind(prompt) for prompt in spec.prompts)
    uncond = model.bind(spec.negative_prompt)
    given = None if weights is None else tuple(weights)
    return Balanced(conds, uncond, stage.settings.guidance_scale, tuple(views), given, *BALANCES[stage.settings.balance])


def panels(prepared: Prepared[Anagram]) -> list[Panel]:
    """Return the walk of an anagram.

    Args:
        prepared: the prepared request.

    Raises:
        UserError: the numbers of prompts, views and weights differ, a view does not fit the model, or two options exclude each
            other.
    """
    spec = prepared.request
    if len(spec.views) != len(spec.prompts):
        raise UserError(
            f"{len(spec.prompts)} prompts need as many --views; {len(spec.views)} were given: {' '.join(spec.views)}"
        )
    if spec.weights and len(spec.weights) != len(spec.prompts):
        raise UserError(f"{len(spec.prompts)} prompts need as many --weights; {len(spec.weights)} were given")
    balance = prepared.first.settings.balance
    if spec.reduction == "alternate" and balance != "none":
        raise UserError(f"--balance {balance} works on a mean, and --reduction alternate has none; leave out one of the two")
    views = find_views(spec.views, prepared.first.model.shape)
    seen = tuple(PromptView(view.name, prompt, view.forward) for view, prompt in zip(views, spec.prompts, strict=True))
    return [walk_panel(" / ".join(spec.prompts), prepared, guide, prompt_views=seen)]
