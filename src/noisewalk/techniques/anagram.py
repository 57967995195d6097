"""Visual anagrams: one picture that shows another prompt under each view."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..errors import UserError
from ..guidance.balance import Balanced
from ..guidance.illusions import alternate_views, combine_views, normalized_weights
from ..guidance.pyramid import blend
from ..guidance.tables import BALANCES
from ..walk.constraints import resampled
from ..walk.noise import SeededNoise
from ..walk.prediction import Denoiser
from ..walk.steps import Step
from .latents import Sights, own_latents
from .panels import Panel, PromptView, guided_all, walk_panel
from .requests import Anagram as Anagram
from .stages import Prepared, Stage
from .view_files import find_views

_MIDDLE = (0.2, 0.8)
"""The part of the walk in which steps are resampled, as shares of its steps; as in LookingGlass."""


def guide(stage: Stage[Anagram]) -> Denoiser:
    """Combine the prompts of an anagram, each under its own view, by their mean, in turns, or balanced.

        x0 = sum_i w_i view_i^-1( model( view_i(x_t), prompt_i ) ),     sum_i w_i = 1

    See `combine_views`, `alternate_views` and `Balanced`.

    Args:
        stage: the stage to guide.

    Reference: Geng et al., *Visual Anagrams: Generating Multi-View Optical Illusions with Diffusion Models*, 2024,
    https://arxiv.org/abs/2311.17919.
    """
    request, model = stage.request, stage.model
    views = find_views(request.views, model.shape)
    weights = request.weights or None
    if request.reduction == "alternate":
        return alternate_views(guided_all(stage, request.prompts), views, stage.path, weights)
    if stage.settings.balance == "none":
        return combine_views(guided_all(stage, request.prompts), views, weights)
    conds = tuple(model.bind(prompt) for prompt in request.prompts)
    uncond = model.bind(request.negative_prompt)
    given = None if weights is None else tuple(weights)
    return Balanced(conds, uncond, stage.settings.guidance_scale, tuple(views), given, *BALANCES[stage.settings.balance])


def sights(stage: Stage[Anagram]) -> Sights:
    """Return how each prompt of an anagram looks at a picture, and how what they show is blended to one; see `blend`.

    Args:
        stage: a stage in latents. Its views see clean pictures only, so they need an inverse, but need not be isometries.
    """
    request = stage.request
    views = find_views(request.views, stage.model.shape, of_noise=False)
    weights = normalized_weights(len(views), request.weights or None)

    def merge(shown: Sequence[Tensor]) -> Tensor:
        return blend([view.inverse(x) for view, x in zip(views, shown, strict=True)], weights, request.detail)

    return [view.forward for view in views], merge


def panels(prepared: Prepared[Anagram]) -> list[Panel]:
    """Return the walk of an anagram.

    Args:
        prepared: the prepared request.

    Raises:
        UserError: the numbers of prompts, views and weights differ, a view does not fit the model, or two options exclude each
            other.
    """
    request = prepared.request
    if len(request.views) != len(request.prompts):
        raise UserError(
            f"{len(request.prompts)} prompts need as many --views; {len(request.views)} were given: {' '.join(request.views)}"
        )
    if request.weights and len(request.weights) != len(request.prompts):
        raise UserError(f"{len(request.prompts)} prompts need as many --weights; {len(request.weights)} were given")
    balance = prepared.first.settings.balance
    if request.reduction == "alternate" and balance != "none":
        raise UserError(f"--balance {balance} works on a mean, and --reduction alternate has none; leave out one of the two")
    for model in (stage.model for stage in prepared.stages if stage.model.codec):
        if request.reduction == "alternate" or balance != "none":
            given = "--reduction alternate" if request.reduction == "alternate" else f"--balance {balance}"
            raise UserError(
                f"{given} works on estimates of one picture, but each prompt has its own latents of '{model.name}'; leave it "
                "out, and use --weights to help a prompt"
            )
    views = find_views(request.views, prepared.first.model.shape, of_noise=prepared.first.model.codec is None)
    seen = tuple(PromptView(view.name, prompt, view.forward) for view, prompt in zip(views, request.prompts, strict=True))
    walked = own_latents(prepared, guide, request.prompts, sights)
    return [walk_panel(" / ".join(request.prompts), *walked, wrap=_wrap, prompt_views=seen)]


def _wrap(step: Step, stage: Stage[Anagram], noise: SeededNoise) -> Step:
    return resampled(step, noise, stage.request.num_resamples if stage.number == 1 else 1, _MIDDLE)
