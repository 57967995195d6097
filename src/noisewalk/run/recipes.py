"""What a spec of a training run speaks of: the recipe, the data, the configuration and the first weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from ..errors import UserError
from ..models.checkpoint import network_weights
from ..models.nets.build import build
from ..models.precision import fastest_dtype
from ..models.zoo import weights_path
from ..training.changes import changed, with_coupling, with_flips, with_target
from ..training.datasets import Dataset, open_dataset
from ..training.distil import distil
from ..training.loop import TrainConfig
from ..training.recipe import OWN_DATA, find
from ..training.recipe_type import Recipe
from .spec import RunSpec

ONE_STEP = ("denoiser", "pure-noise")
"""Objectives whose networks do not walk."""

OF_WALKED = ("network_size", "prediction_type", "schedule", "min_snr", "coupling", "flips")
"""The settings of a run that only networks that walk have."""

OF_STUDENT = ("teacher", "calls", "guidance_scale", "guidance_interval")
"""The settings of a run that only distillation has."""

OF_TEACHER = ("recipe", "classes", "network", "network_size", "prediction_type", "schedule", "coupling")
"""The settings of a run that a student has from its teacher."""


def configure(config: TrainConfig, spec: RunSpec, device: str = "cpu") -> TrainConfig:
    """Return a recipe's configuration with the changes of the spec; bfloat16 only if the device multiplies it in hardware."""
    names = ("epochs", "learning_rate", "decay", "batch_size", "accumulate")
    changes: dict[str, Any] = {name: getattr(spec, name) for name in names}
    able = config.bf16 and fastest_dtype(torch.device(device)) == torch.bfloat16  # emulated, it is slower than float32
    changes["bf16"] = spec.dtype == "bfloat16" if spec.dtype else able
    config = replace(config, seed=spec.seed, **{k: v for k, v in changes.items() if v is not None})
    if config.batch_size % config.accumulate:
        raise UserError(
            f"--accumulate must divide the {config.batch_size} pictures of a batch, but {config.accumulate} was asked for; "
            "change it, or --batch-size"
        )
    return config


def recipe_and_dataset(spec: RunSpec) -> tuple[Recipe, Dataset | None]:
    """Return the recipe and the data of a spec."""
    _check_settings(spec)
    if spec.objective in OWN_DATA:
        return find(spec.objective, network=spec.network), None
    data = open_dataset(spec.data, spec.size, spec.channels)
    if spec.batch_size and spec.batch_size > data.count:
        raise UserError(
            f"--batch-size must be at most the {data.count:,} pictures of {data.name}, but {spec.batch_size:,} was asked for"
        )
    if spec.teacher:
        recipe = distil(spec.teacher, data, spec.calls, spec.guidance_scale, spec.guidance_interval)
    else:
        recipe = find(spec.objective, spec.recipe, data, spec.classes, spec.network, spec.network_size)
    if spec.prediction_type or spec.schedule:
        recipe = with_target(recipe, spec.prediction_type, spec.schedule)
    if spec.min_snr:
        recipe = changed(recipe, min_snr=spec.min_snr)
    if spec.coupling == "ot":
        recipe = with_coupling(recipe)
    return with_flips(recipe, data) if spec.flips else recipe, data


def _check_settings(spec: RunSpec) -> None:
    """See that only such settings were changed as the objective has."""
    usual = RunSpec()

    def changed_of(names: Sequence[str]) -> str:
        return next(("--" + name.replace("_", "-") for name in names if getattr(spec, name) != getattr(usual, name)), "")

    if (flag := changed_of(OF_WALKED)) and spec.objective in (*OWN_DATA, *ONE_STEP):
        raise UserError(f"{flag} is for networks that are walked (ddpm, flow), not for {spec.objective}; leave it out")
    if (flag := changed_of(OF_STUDENT)) and spec.objective != "distil":
        raise UserError(f"{flag} is for distil, not for {spec.objective}; leave it out")
    if spec.objective == "distil" and not spec.teacher:
        raise UserError("distil needs the model whose walk is learned; name it with --teacher, for example --teacher digits")
    if (flag := changed_of(OF_TEACHER)) and spec.objective == "distil":
        raise UserError(f"{flag} cannot be chosen for distil, because a student has it from its teacher; leave it out")


def initialized_from(name: str, recipe: Recipe) -> Recipe:
    """Return a recipe whose network starts from the weights of a model, which is fine-tuning.

    Args:
        name: the name of the model.
        recipe: the recipe.

    Raises:
        UserError: there is no such model, or its network is different.
    """
    tensors, config = network_weights(weights_path(name))
    with torch.device("meta"):
        shape: Any = build(config).config  # older files lack some of its fields
    there = {"network": config["network"], **_listed(asdict(shape))}
    here = {"network": recipe.card["network"], **_listed(recipe.card["config"])}
    differ = [f"its {key} is {there.get(key)} instead of {value}" for key, value in here.items() if there.get(key) != value]
    if differ:
        raise UserError(f"--init {name} has another network: {', '.join(differ)}; start from a model of the same shape")

    def network() -> torch.nn.Module:
        made = recipe.network()
        made.load_state_dict(tensors)
        return made

    return replace(recipe, network=network)


def _listed(shape: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of a network with lists instead of tuples, as JSON has it."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in shape.items()}
