"""A training run as a folder: its request, its logs, its samples, and a page that shows them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..checking import checked
from ..errors import UserError
from ..files import write_atomic
from ..images import encode_png
from ..lock import held
from ..models.checkpoint import RUN_CHECKPOINT
from ..models.network import NetworkModel
from ..models.precision import fastest_dtype
from ..models.zoo import Pretrained, pretrained
from ..training.data import from_uint8
from ..training.datasets import Dataset, what_was_read
from ..training.loop import TrainConfig, TrainState
from ..training.memory import check_memory
from ..training.objectives import Network, Objective
from ..training.recipe_type import Recipe
from ..training.records import LEVELS, Levels, put_levels
from ..training.runs import choose_device, run
from ..training.stopping import stop_requests
from ..training.workers import Workers, launched_workers
from . import run_page
from .make import Progress
from .recipes import ONE_STEP, configure, initialized_from, recipe_and_dataset
from .spec import RunSpec as RunSpec
from .spec import keep_digest, keep_spec, settled
from .spec import read_spec as read_spec

EPOCHS = (1, 5, 10, 15, 20)
"""The epochs after which a run draws samples, besides the last."""


log = logging.getLogger("noisewalk")


def train_into(
    folder: Path,
    spec: RunSpec,
    minutes: float | None,
    device: str,
    watch: Progress | None = None,
    option: str = "--out",
    moved: bool = False,
) -> str:
    """Train into a folder to the end, or for some minutes; the same call continues an unfinished run.

    After a request to stop (Ctrl-C, SIGTERM, SIGHUP) the run finishes its step, is saved, and raises `KeyboardInterrupt`. Under
    `accelerate launch`, all processes make this call; only the first one writes files.

    Args:
        folder: the folder of the run; it is locked while it is written.
        spec: what to train.
        minutes: the time after which it stops; None for no limit.
        device: "auto", "cpu", "cuda" or "mps".
        watch: a function that is called with (steps done, steps in all) after every step.
        option: the flag that named the folder, for messages.
        moved: whether the data may be in another place than before.

    Returns:
        A sentence that says how far the run is; "" in all processes but the first.

    Raises:
        UserError: another process writes the folder, it holds a run of another spec (the message says what differs), or the
            spec cannot be trained.
    """
    if minutes is not None and not 0 < minutes < 1e9:
        raise UserError(f"--minutes must be more than 0, but {minutes:g} was asked for")
    spec = settled(checked(spec))
    workers, device = launched_workers(choose_device(device))
    with ExitStack() as stack:
        if workers.main and (folder / RUN_CHECKPOINT).exists():  # raises before the data is read
            stack.enter_context(held(folder, "noisewalk train", option))
        recipe, data = recipe_and_dataset(spec)
        config = configure(recipe.config, spec, device)
        check_memory(recipe, config, torch.device(device))  # builds the network without memory, so the weights come later
        begin = spec.init or spec.teacher  # a student begins as its teacher
        if begin and not (folder / RUN_CHECKPOINT).exists():
            recipe = initialized_from(begin, recipe)
        if workers.main and not (folder / RUN_CHECKPOINT).exists():
            stack.enter_context(held(folder, "noisewalk train", option))
        if workers.main:
            keep_spec(folder, spec, moved)
            keep_digest(folder, spec, data.digest if data else "", moved)
        training = stack.enter_context(closing(run(recipe, config, folder, device=device, workers=workers)))
        if workers.main and data:
            log.info(what_was_read(data))
        reached, stopped = _until(training, folder, spec, recipe, config, data, minutes, workers, watch)
        workers.close()
        if stopped:
            training.close()
            log.info("%s; it is saved, and the same command continues it", reached)
            raise KeyboardInterrupt
    if not workers.main:
        return ""
    run_page.write(folder, asdict(spec), data.skipped if data else ())
    return f"{reached}; see {folder / 'report.html'}"


def _until(
    training: Iterator[TrainState],
    folder: Path,
    spec: RunSpec,
    recipe: Recipe,
    config: TrainConfig,
    data: Dataset | None,
    minutes: float | None,
    workers: Workers,
    watch: Progress | None,
) -> tuple[str, bool]:
    """Take steps until the end, the time limit or a request to stop; return how far it went, and whether it was stopped."""
    end = time.monotonic() + (float("inf") if minutes is None else 60 * minutes)
    reached, stopped = f"{folder} was finished already", False
    with stop_requests() as asked:
        for state in training:
            if watch and workers.main:
                watch(state.step, state.total_steps)
            reached = f"{folder}: {state.step} of {state.total_steps} steps, loss {state.loss:.4f}"
            if stopped := workers.any(asked()):
                break
            enough = workers.any(time.monotonic() > end)
            name = sheet_name(state.step, state.total_steps, config.epochs, spec.samples_every) or ("latest" if enough else "")
            if name and recipe.objective and workers.main:
                try:
                    draw(folder, name, spec, recipe, config, state, data)
                except UserError as error:  # a walk of a network that is hardly trained may diverge; the training goes on
                    log.warning("%s: no samples after step %d: %s", folder, state.step, error)
            if enough:
                break
    return reached, stopped


def sheet_name(step: int, total: int, epochs: float, every: float | None = None) -> str:
    """Return the name of the samples that are drawn after a step, by epoch; "" if none are drawn.

    Args:
        step: the number of steps made.
        total: the number of steps of the run.
        epochs: its length in epochs.
        every: the number of epochs between two samples; None for those of `EPOCHS`.

    >>> [sheet_name(step, 10, 5) for step in (1, 2, 3, 10)]
    ['', 'epoch-01', '', 'epoch-05']
    >>> [sheet_name(step, 10, 5, 1.5) for step in (2, 3, 6, 10)]
    ['', 'epoch-01.50', 'epoch-03', 'epoch-05']
    """
    before, now = (each * epochs / total for each in (step - 1, step))
    passed = int(now / every) * every if every else int(now)
    if step == total:
        passed = int(now)
    elif passed <= before or not (every or passed in EPOCHS):
        return ""
    return f"epoch-{passed:02.0f}" if passed == int(passed) else f"epoch-{passed:05.2f}"


def draw(
    folder: Path, name: str, spec: RunSpec, recipe: Recipe, config: TrainConfig, state: TrainState, data: Dataset | None
) -> None:
    """Save pictures of the averaged network: samples and a walk, or the outputs of a one-step denoiser."""
    with torch.random.fork_rng(devices=[]):  # drawing must not change the random numbers of the run
        model = averaged_model(spec, recipe, config, state)
        if data and recipe.objective and spec.objective not in ONE_STEP:
            assert isinstance(model.model, NetworkModel)
            put_levels(folder / LEVELS, level_losses(name, model.model.network, recipe.objective, data))
        for title, image in sheets(model, spec, recipe).items():
            write_atomic(folder / "samples" / f"{name}-{title}.png", encode_png(image))
        if spec.objective not in ONE_STEP:
            label = next(iter(recipe.card.get("labels", [])), "")
            write_atomic(folder / "samples" / f"{name}-generation.gif", run_page.generation(model, label))


def averaged_model(spec: RunSpec, recipe: Recipe, config: TrainConfig, state: TrainState) -> Pretrained:
    """Return the averaged network of a run as a model; it computes in bfloat16 if it is trained so and the CPU can."""
    network = recipe.network()
    network.load_state_dict(state.averaged.state_dict())
    dtype = fastest_dtype(torch.device("cpu")) if config.bf16 else torch.float32
    return pretrained(spec.objective, network, recipe.card, dtype=dtype)


def level_losses(name: str, network: Network, objective: Objective, data: Dataset) -> Levels:
    """Return the loss at ten noise levels on 128 held-out pictures, or on training pictures if none are held out."""
    pictures = (data.held_out or data.load)()
    raw, cond = pictures.batch(torch.arange(min(128, len(pictures))), torch.Generator())
    times, losses = objective.loss_by_level(network, from_uint8(raw), cond)
    return {"at": name, "held_out": data.held_out is not None, "t": times, "loss": losses}


def sheets(model: Pretrained, spec: RunSpec, recipe: Recipe) -> dict[str, Any]:
    """Return the pictures that show a model in training, by title."""
    if spec.objective == "denoiser":
        return run_page.denoising(model)
    if spec.objective == "pure-noise":
        return run_page.means(model)
    return run_page.samples(model, recipe.card.get("labels", []))
