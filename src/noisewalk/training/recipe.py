"""The training recipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, unknown
from ..judge.digits import DigitReader, RandomAffine
from ..models.nets.build import SCHEDULES, build
from ..models.nets.course import CourseUNetConfig
from ..models.nets.unet import SIZES, UNet, UNetConfig
from ..walk.prediction import Condition
from . import course
from .data import mnist
from .datasets import Dataset, open_dataset
from .loop import TrainConfig
from .objectives import Network, Objective, Times, discrete_times, logit_normal_times
from .recipe_type import Recipe
from .tables import OBJECTIVES


def fast(objective: str, data: Dataset, classes: bool) -> Recipe:
    """Return noisewalk's own recipe: the fast U-Net, AdamW with warm-up and cosine decay, averaged weights, bfloat16.

    Args:
        objective: "flow" with logit-normal times, or "ddpm" for epsilon prediction on the linear betas of 1000 steps.
        data: the data set.
        classes: whether the network is conditioned on the class.
    """
    names = data.names if classes else ()
    shape = UNetConfig(data.size, data.channels, num_classes=len(names))
    times: Times
    if objective == "ddpm":
        schedule, prediction_type, times = "ddpm-1000", "epsilon", discrete_times(1000)
    else:
        schedule, prediction_type, times = "linear", "flow_prediction", logit_normal_times
    null = (torch.tensor([len(names)]),)
    dropout = 0.1 if classes else 1.0  # without classes, every picture has "no label"
    target = Objective(SCHEDULES[schedule](), prediction_type, dropout, null, times)
    card = {
        "network": "unet-fast",
        "config": asdict(shape),
        "schedule": schedule,
        "prediction_type": prediction_type,
        "labels": list(names),
        "defaults": {"guidance_scale": 1.5 if classes else 1.0},
    }
    return Recipe(lambda: UNet(shape), data.load, target.loss, TrainConfig(epochs=24), card, target)


def classifier() -> Recipe:
    """Return the recipe of the digit reader, with random affine warps and smoothed labels."""
    warp = RandomAffine()

    def loss(network: Network, pictures: Tensor, cond: Condition, generator: torch.Generator) -> Tensor:
        logits = network(warp(pictures, generator))
        return F.cross_entropy(logits.float(), cond[0], reduction="none", label_smoothing=0.05)

    config = TrainConfig(epochs=14, batch_size=128, learning_rate=3e-3, ema_decay=0.998, weight_decay=0.05)
    return Recipe(DigitReader, lambda: mnist("train"), loss, config, {"network": "digit-reader"})


OWN_DATA: dict[str, Callable[[], Recipe]] = {"classifier": classifier}
"""Recipes that name their own data."""


def with_network(recipe: Recipe, name: str, data: Dataset, size: str | None = None) -> Recipe:
    """Return a recipe with another network.

    Args:
        recipe: the recipe.
        name: "unet-course" (D = 64, conditioned on the time) or "unet-fast".
        data: the data set.
        size: the size of "unet-fast", a key of `SIZES`; None for "base".

    Raises:
        UserError: there is no such network, or it has no such size.
    """
    if size and name != "unet-fast":
        raise UserError(
            f"--network-size is for the network unet-fast, and this one is {name}; leave it out, or add --network unet-fast"
        )
    if name == recipe.card["network"] and not size:
        return recipe
    assert recipe.objective
    classes = recipe.card["config"]["num_classes"]
    shape: UNetConfig | CourseUNetConfig
    if name == "unet-fast":
        shape = UNetConfig(data.size, data.channels, num_classes=classes, **SIZES[size or "base"])
    elif name == "unet-course":
        shape = CourseUNetConfig(in_channels=data.channels, image_size=data.size, time=True, num_classes=classes)
    else:
        raise unknown("network", name, ("unet-course", "unet-fast"))
    card = recipe.card | {"network": name, "config": asdict(shape)}
    null = (torch.tensor([classes]),)
    target = replace(recipe.objective, null=null, dropout=recipe.objective.dropout if classes else 1.0)
    return replace(recipe, network=lambda: build(card), card=card, objective=target, loss=target.loss)


def find(
    objective: str,
    style: str = "fast",
    data: Dataset | None = None,
    classes: bool = False,
    network: str | None = None,
    size: str | None = None,
) -> Recipe:
    """Return a recipe.

    Args:
        objective: one of `OBJECTIVES`, except for "distil", whose recipe is `distil.distil`.
        style: "course" for the course's exact recipe, "fast" for noisewalk's own.
        data: the data set to train on; MNIST if None.
        classes: whether the network is conditioned on the class.
        network: "unet-course" or "unet-fast"; None for the recipe's own.
        size: the size of "unet-fast"; None for "base".

    Raises:
        UserError: there is no such recipe.
    """
    known = [each for each in OBJECTIVES if each != "distil"]
    if objective not in known:
        raise unknown("objective", objective, known)
    if style not in ("course", "fast"):
        raise unknown("recipe", style, ("course", "fast"))
    if objective in OWN_DATA:
        if network:
            raise UserError(f"{objective} has a network of its own; leave out --network")
        return OWN_DATA[objective]()
    data = data or open_dataset("mnist")
    if classes and len(data.names) < 2:
        raise UserError(f"{data.name} has {len(data.names)} classes; put the pictures of each class into a folder of its own")
    one_step = {"denoiser": course.denoiser, "pure-noise": course.mean_of_noise}  # these have only the course's recipe
    if objective in one_step or style == "course":
        recipe = (one_step | {"ddpm": course.ddpm, "flow": course.flow})[objective](data, classes)
    else:
        recipe = fast(objective, data, classes)
    return with_network(recipe, network or recipe.card["network"], data, size)
