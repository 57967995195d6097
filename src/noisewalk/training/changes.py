"""Recipes with something else than their own: a target, a schedule, weights of the loss, a coupling, mirrored pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..errors import UserError
from ..models.nets.build import SCHEDULES
from ..walk.schedules import DiscreteVP
from .data import Flipped
from .datasets import Dataset
from .objectives import discrete_times, logit_normal_times
from .recipe_type import Recipe


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    """Return a recipe whose objective has other fields.

    Args:
        recipe: the recipe of a network that makes pictures.
        changes: fields of `Objective`.
    """
    assert recipe.objective
    target = replace(recipe.objective, **changes)
    return replace(recipe, objective=target, loss=target.loss)


def with_target(recipe: Recipe, prediction_type: str | None, schedule: str | None) -> Recipe:
    """Return a recipe that trains towards another target, or on another schedule.

    On another schedule, times are logit-normal on the linear path, and uniform among the steps of a DDPM.

    Args:
        recipe: the recipe of a network that is walked.
        prediction_type: a key of `TARGETS`; None for the recipe's.
        schedule: "linear", "cosine", "ddpm-300" or "ddpm-1000"; None for the recipe's.

    Raises:
        UserError: the target says nothing of the picture where the schedule begins.
    """
    card = recipe.card | {
        "prediction_type": prediction_type or recipe.card["prediction_type"],
        "schedule": schedule or recipe.card["schedule"],
    }
    if card["prediction_type"] == "epsilon" and card["schedule"] == "linear":
        raise UserError(
            "--prediction-type epsilon does not say what the picture is at pure noise, where the schedule 'linear' begins; "
            "choose another target, or --schedule ddpm-1000 or cosine"
        )
    changes: dict[str, Any] = {"prediction_type": card["prediction_type"]}
    if card["schedule"] != recipe.card["schedule"]:
        path = SCHEDULES[card["schedule"]]()
        times = discrete_times(len(path.alphas_cumprod)) if isinstance(path, DiscreteVP) else logit_normal_times
        changes |= {"schedule": path, "times": times}
    return replace(changed(recipe, **changes), card=card)


def with_coupling(recipe: Recipe) -> Recipe:
    """Return a recipe of flow matching that gives noise to pictures by minibatch optimal transport.

    Raises:
        UserError: its schedule is not the linear path.
    """
    if recipe.card["schedule"] != "linear":
        raise UserError(
            f"--coupling ot is for flow matching; the schedule is '{recipe.card['schedule']}', choose --schedule linear"
        )
    return changed(recipe, optimal_transport=True)


def with_flips(recipe: Recipe, data: Dataset) -> Recipe:
    """Return a recipe whose pictures are mirrored left to right by chance.

    Args:
        recipe: the recipe.
        data: its data set.

    Raises:
        UserError: a mirrored picture is not one of the data set.
    """
    if not data.mirrors:
        raise UserError(f"--flips would mirror the digits of {data.name}, and a mirrored digit is not a digit; leave it out")
    return replace(recipe, data=lambda: Flipped(recipe.data()))
