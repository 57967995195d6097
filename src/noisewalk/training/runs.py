"""Training runs: a recipe and a folder -> checkpoints and metrics; started again, a run goes on from where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from ..errors import UserError, unknown
from .loop import TrainConfig, TrainState, load_run, log, save_run, start, train
from .recipe import RECIPES, Recipe


def run(
    recipe: Recipe, config: TrainConfig, folder: Path, save_seconds: float = 300.0, device: str = "cpu"
) -> Generator[TrainState, None, None]:
    """Train into `folder`, going on from its checkpoint if it has one; a checkpoint every `save_seconds` and at the end.

    Closing the generator (Ctrl-C) saves first.
    """
    checkpoint = folder / "checkpoint.safetensors"
    data = recipe.data().to(torch.device(device))
    torch.manual_seed(config.seed)
    state = start(recipe.network(), data, config, device)
    if checkpoint.exists():
        state = load_run(checkpoint, state, config)
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
    name: str,
    folder: Path,
    epochs: float | None,
    minutes: float | None,
    seed: int,
    watch: Callable[[int, int], None],
    device: str = "auto",
) -> str:
    """Train a recipe by name until it is done or the minutes are over; says in a sentence how far it is.

    Args:
        device: "cpu", "cuda", or "auto" for cuda where there is one.

    Raises:
        UserError: there is no such recipe, or no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"the device '{device}' was asked for, but PyTorch sees no CUDA GPU; use --device cpu")
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    recipe = RECIPES[name]()
    config = replace(recipe.config, seed=seed, epochs=recipe.config.epochs if epochs is None else epochs)
    end = time.monotonic() + (60 * minutes if minutes else float("inf"))
    with closing(run(recipe, config, folder, device=device)) as training:
        for state in training:
            watch(state.step, state.total_steps)
            if time.monotonic() > end:
                break
    return f"{folder}: {state.step} of {state.total_steps} steps, loss {state.loss:.4f}"
