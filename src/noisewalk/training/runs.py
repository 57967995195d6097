"""Training runs: a recipe and a folder give checkpoints and metrics; a run that is started again goes on from where it was."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import torch

from ..models.checkpoint import RUN_CHECKPOINT
from ..models.diffusers.memory import placement
from .data import Data
from .loop import TrainConfig, TrainState, start, train
from .memory import tune_allocator
from .recipe_type import Recipe
from .records import METRICS, keep_until, log
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
    """Train into `folder`, and go on from its checkpoint if it has one.

    The data is read and the checkpoint loaded at once; the steps are made as the generator is advanced. Closing the generator
    between two steps saves. A step that is broken off, or whose loss is no longer finite, is not saved, so the last checkpoint
    stays the good one.

    Args:
        recipe: what to train.
        config: how to train.
        folder: the folder of the run.
        save_seconds: the time between two checkpoints; there is one more at the end.
        device: the device to train on.
        workers: the processes that share each batch; None for this one alone.

    Returns:
        A generator of the states after each step.
    """
    workers = workers or Workers()
    checkpoint = folder / RUN_CHECKPOINT
    data = recipe.data().to(torch.device(device))
    torch.manual_seed(config.seed)
    state = start(recipe.network(), data, config, device)
    if device == "cpu":
        tune_allocator(state.network, config)
    if checkpoint.exists():
        state = load_run(checkpoint, state, config)
    if workers.main:
        keep_until(folder / METRICS, state.step)
    return _steps(recipe, config, folder, state, data, save_seconds, workers)


def _steps(
    recipe: Recipe, config: TrainConfig, folder: Path, state: TrainState, data: Data, save_seconds: float, workers: Workers
) -> Generator[TrainState, None, None]:
    kept = state.step  # a run that makes no step writes nothing

    def save() -> None:
        nonlocal kept
        if workers.main and kept != state.step:
            save_run(folder / RUN_CHECKPOINT, state, config, recipe.card)
            kept = state.step

    steps = train(state, data, recipe.loss, config, workers)
    saved, between_steps = time.monotonic(), True
    try:
        while state.step < state.total_steps:
            between_steps = False
            next(steps)
            state.losses.append(state.loss)
            if is_logged(state.step, state.total_steps):
                if workers.main:
                    mean = sum(state.losses) / len(state.losses)
                    log(folder / METRICS, {"step": state.step, "loss": mean, "seconds": state.seconds})
                state.losses.clear()
            between_steps = True
            if time.monotonic() - saved > save_seconds:
                save()
                saved = time.monotonic()
            yield state
    finally:
        if between_steps:
            save()


def is_logged(step: int, total: int) -> bool:
    """Return whether the loss is logged after a step: after each at first, then after every tenth, then after every fiftieth.

    >>> [step for step in range(1, 160) if is_logged(step, 155)]
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 150, 155]
    """
    return step <= 10 or step == total or step % (10 if step <= 100 else 50) == 0


def choose_device(device: str) -> str:
    """Return the device to train on; "auto" is cuda if there is a GPU.

    Raises:
        UserError: there is no such device, or it cannot compute.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return str(placement(device=device).device)
