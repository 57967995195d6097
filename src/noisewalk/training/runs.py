"""Training runs: a recipe's name -> network, loss and configuration; a folder -> checkpoints and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import unknown
from ..judge.digits import DigitReader, Warp
from ..models.unet import UNet, UNetConfig
from ..walk.noise import LinearPath
from .data import mnist
from .loop import Loss, TrainConfig, TrainState, load_run, log, save_run, start, train
from .objectives import Objective


@dataclass(frozen=True)
class Recipe:
    """A network, its loss, its default configuration, and what its checkpoints say about it."""

    network: Callable[[], nn.Module]
    loss: Loss
    config: TrainConfig
    card: dict[str, Any]


def flow() -> Recipe:
    """Class-conditional flow matching of digits with the fast U-Net (label dropout 0.1)."""
    shape = UNetConfig()
    objective = Objective(LinearPath(), "flow_prediction", label_dropout=0.1, null_label=shape.num_classes)
    card = {"network": "unet-fast", "config": asdict(shape), "schedule": "linear", "prediction_type": "flow_prediction"}
    return Recipe(lambda: UNet(shape), objective.loss, TrainConfig(epochs=36), card)


def classifier() -> Recipe:
    """The digit reader, with random affine warps and smoothed labels."""
    warp = Warp()

    def loss(network: nn.Module, pictures: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        logits = network(warp(pictures, generator))
        return F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=0.05)

    config = TrainConfig(epochs=14, batch_size=128, learning_rate=3e-3, ema_decay=0.998, weight_decay=0.05)
    return Recipe(DigitReader, loss, config, {"network": "digit-reader"})


RECIPES: dict[str, Callable[[], Recipe]] = {"flow": flow, "classifier": classifier}


def run(recipe: Recipe, config: TrainConfig, folder: Path, save_seconds: float = 300.0) -> Generator[TrainState, None, None]:
    """Train into `folder`, going on from its checkpoint if it has one; a checkpoint every `save_seconds` and at the end.

    Closing the generator (Ctrl-C) saves first.
    """
    checkpoint = folder / "checkpoint.safetensors"
    data = mnist("train")
    torch.manual_seed(config.seed)
    state = start(recipe.network(), data, config)
    if checkpoint.exists():
        state = load_run(checkpoint, state)
    saved = began = time.monotonic()
    losses: list[float] = []
    try:
        for _ in train(state, data, recipe.loss, config):
            losses.append(state.loss)
            if state.step % 50 == 0:
                row = {"step": state.step, "loss": sum(losses) / len(losses), "seconds": time.monotonic() - began}
                log(folder / "metrics.jsonl", row)
                losses.clear()
            if time.monotonic() - saved > save_seconds:
                save_run(checkpoint, state, config, recipe.card)
                saved = time.monotonic()
            yield state
    finally:
        save_run(checkpoint, state, config, recipe.card)


def train_command(
    name: str, folder: Path, epochs: float | None, minutes: float | None, seed: int, watch: Callable[[int, int], None]
) -> str:
    """Train a recipe by name until it is done or the minutes are over; says in a sentence how far it is.

    Raises:
        UserError: there is no such recipe.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    recipe = RECIPES[name]()
    config = replace(recipe.config, seed=seed, epochs=recipe.config.epochs if epochs is None else epochs)
    end = time.monotonic() + (60 * minutes if minutes else float("inf"))
    with closing(run(recipe, config, folder)) as training:
        for state in training:
            watch(state.step, state.total_steps)
            if time.monotonic() > end:
                break
    return f"{folder}: {state.step} of {state.total_steps} steps, loss {state.loss:.4f}"
