"""Training runs: a recipe and a folder -> checkpoints and metrics; started again, a run goes on from where it was."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import torch

from ..models.checkpoint import RUN_CHECKPOINT
from ..models.diffusers.memory import placement
from .loop import Diverged, TrainConfig, TrainState, log, start, train
from .recipe_type import Recipe
from .saving import load_run, save_run
from .workers import Workers


def run(
    recipe: Recipe,
    config: TrainConfig,
    folder: Path,
    save_seconds: float = 300.0,
    device: str = "cpu",
    workers: Workers | None = None,
) -> Generator[TrainState, None, None]:
    """Train into `folder`, going on from its checkpoint if it has one; a checkpoint every `save_seconds` and at the end.

    Closing the generator (Ctrl-C) saves first. A run whose loss is no longer finite does not: its last checkpoint is good.
    """
    workers = workers or Workers()
    checkpoint = folder / RUN_CHECKPOINT
    data = recipe.data().to(torch.device(device))
    torch.manual_seed(config.seed)
    state = start(recipe.network(), data, config, device)
    if checkpoint.exists():
        state = load_run(checkpoint, state, config)
    saved = time.monotonic()
    losses: list[float] = []
    good = True
    try:
        for _ in train(state, data, recipe.loss, config, workers):
            losses.append(state.loss)
            if (state.step % 50 == 0 or state.step == state.total_steps) and workers.main:
                row = {"step": state.step, "loss": sum(losses) / len(losses), "seconds": state.seconds}
                log(folder / "metrics.jsonl", row)
                losses.clear()
            if time.monotonic() - saved > save_seconds and workers.main:
                save_run(checkpoint, state, config, recipe.card)
                saved = time.monotonic()
            yield state
    except Diverged:
        good = False
        raise
    finally:
        if good and workers.main:
            save_run(checkpoint, state, config, recipe.card)


def choose_device(device: str) -> str:
    """ "auto" is cuda where there is one.

    Raises:
        UserError: there is no such device, or it computes nothing.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return str(placement(device=device).device)
