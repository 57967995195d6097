"""A training run as a folder: what was asked, how it went, what it draws, and a page of all of it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from ..checking import checked
from ..errors import UserError
from ..files import write_atomic
from ..images import encode_png
from ..lock import held
from ..models.checkpoint import RUN_CHECKPOINT, network_weights
from ..models.precision import fastest_dtype
from ..models.zoo import Pretrained, pretrained, weights_path
from ..training.data import from_uint8
from ..training.datasets import Dataset, open_dataset, what_was_read
from ..training.loop import TrainConfig, TrainState
from ..training.memory import check_memory
from ..training.objectives import Objective
from ..training.recipe import OWN_DATA, find
from ..training.recipe_type import Recipe
from ..training.records import LEVELS, Levels, put_levels
from ..training.runs import choose_device, run
from ..training.stopping import stop_requests
from ..training.workers import Workers, launched_workers
from . import run_page
from .make import Progress
from .spec import RunSpec as RunSpec
from .spec import keep_digest, keep_spec, settled
from .spec import read_spec as read_spec

EPOCHS = (1, 5, 10, 15, 20)
"""After which a run draws samples, besides its last."""


ONE_STEP = ("denoiser", "pure-noise")
"""Objectives whose networks do not walk."""


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
    """Train into a folder until done, or for some minutes; the same call goes on later. Says how far it is.

    Requests to stop (Ctrl-C, SIGTERM, SIGHUP) are answered at the end of a step: the run is saved, and `KeyboardInterrupt` is
    raised. Under `accelerate launch`, all processes make this call; the first writes and answers, the others answer "".

    Args:
        folder: of the run; it is held while it is written.
        spec: what to train.
        minutes: after which to stop; None for no limit.
        device: "auto", "cpu", "cuda" or "mps".
        watch: is told (steps made, steps in all).
        option: the flag that named the folder, for messages.
        moved: whether the data may be in another place than before.

    Raises:
        UserError: another process writes the folder, it holds a run of another spec (the message says what differs), or the
            spec cannot be trained.
    """
    if minutes is not None and not 0 < minutes < 1e9:
        raise UserError(f"--minutes must be more than 0, {minutes:g} was asked for")
    spec = settled(checked(spec))
    workers, device = launched_workers(choose_device(device))
    with ExitStack() as stack:
        if workers.main and (folder / RUN_CHECKPOINT).exists():  # refused before the data is read
            stack.enter_context(held(folder, "noisewalk train", option))
        recipe, data = recipe_and_dataset(spec)
        config = configure(recipe.config, spec, device)
        check_memory(recipe, config, torch.device(device))  # builds the network without memory, so no weights are in it yet
        if spec.init and not (folder / RUN_CHECKPOINT).exists():
            recipe = initialized_from(spec.init, recipe)
        if workers.main and not (folder / RUN_CHECKPOINT).exists():
            stack.enter_context(held(folder, "noisewalk train", option))
        if workers.main:
            keep_spec(folder, spec, moved)
            keep_digest(folder, spec, data.digest if data else "", moved)
        training = stack.enter_context(closing(run(recipe, config, folder, device=device, workers=workers)))
        if workers.main and data:
            log.info(what_was_read(data))
        said, stopped = _until(training, folder, spec, recipe, config, data, minutes, workers, watch)
        workers.close()
        if stopped:
            training.close()
            log.info("%s; saved: the same command goes on from there", said)
            raise KeyboardInterrupt
    if not workers.main:
        return ""
    run_page.write(folder, asdict(spec), data.skipped if data else ())
    return f"{said}; see {folder / 'report.html'}"


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
    """Take steps until there are no more, the time is over or somebody asks to stop; how far it went, and whether asked to."""
    end = time.monotonic() + (float("inf") if minutes is None else 60 * minutes)
    reached, epoch, stopped = f"{folder} was done already", None, False
    with stop_requests() as asked:
        for state in training:
            if watch and workers.main:
                watch(state.step, state.total_steps)
            reached = f"{folder}: {state.step} of {state.total_steps} steps, loss {state.loss:.4f}"
            if stopped := workers.any(asked()):
                break
            now = int(state.step * config.epochs / state.total_steps)
            enough, last = workers.any(time.monotonic() > end), state.step == state.total_steps
            name = f"epoch-{now:02d}" if last or (now != epoch and now in EPOCHS) else "latest" if enough else ""
            if name and recipe.objective and workers.main:
                draw(folder, name, spec, recipe, state, data)
            epoch = now
            if enough:
                break
    return reached, stopped


def configure(config: TrainConfig, spec: RunSpec, device: str = "cpu") -> TrainConfig:
    """A recipe's configuration with what the spec asks for instead; a recipe's bfloat16 only where the device multiplies it."""
    names = ("epochs", "learning_rate", "decay", "batch_size")
    changes: dict[str, Any] = {name: getattr(spec, name) for name in names}
    able = config.bf16 and fastest_dtype(torch.device(device)) == torch.bfloat16  # emulated, it is slower than float32
    changes["bf16"] = spec.dtype == "bfloat16" if spec.dtype else able
    return replace(config, seed=spec.seed, **{k: v for k, v in changes.items() if v is not None})


def recipe_and_dataset(spec: RunSpec) -> tuple[Recipe, Dataset | None]:
    """The recipe and the data a spec speaks of."""
    if spec.objective in OWN_DATA:
        return find(spec.objective, network=spec.network), None
    data = open_dataset(spec.data, spec.size, spec.channels)
    if spec.batch_size and spec.batch_size > data.count:
        raise UserError(
            f"--batch-size must be at most the {data.count:,} pictures of {data.name}, {spec.batch_size:,} was asked for"
        )
    return find(spec.objective, spec.recipe, data, spec.classes, spec.network), data


def initialized_from(name: str, recipe: Recipe) -> Recipe:
    """A recipe whose network begins with the weights of a model: fine-tuning.

    Raises:
        UserError: there is no such model, or its network is another one.
    """
    tensors, config = network_weights(weights_path(name))
    there = {"network": config["network"], **config["config"]}
    here = {"network": recipe.card["network"], **json.loads(json.dumps(recipe.card["config"]))}
    differ = [f"{key} is {there.get(key)} there and {value} here" for key, value in here.items() if there.get(key) != value]
    if differ:
        raise UserError(f"--init {name} is another network: {', '.join(differ)}; start from a model of the same shape")

    def network() -> torch.nn.Module:
        made = recipe.network()
        made.load_state_dict(tensors)
        return made

    return replace(recipe, network=network)


def draw(folder: Path, name: str, spec: RunSpec, recipe: Recipe, state: TrainState, data: Dataset | None) -> None:
    """Save what the averaged network draws now: a sheet of samples, or what the denoiser makes of the test set."""
    with torch.random.fork_rng(devices=[]):  # neither building a network nor drawing may change how the run goes on
        fresh = recipe.network()
        fresh.load_state_dict(state.averaged.state_dict())
        model = pretrained(spec.objective, fresh, recipe.card)
        if data and recipe.objective and spec.objective not in ONE_STEP:
            put_levels(folder / LEVELS, level_losses(name, fresh, recipe.objective, data))
        for title, image in sheets(model, spec, recipe).items():
            write_atomic(folder / "samples" / f"{name}-{title}.png", encode_png(image))
        if spec.objective not in ONE_STEP:
            label = next(iter(recipe.card.get("labels", [])), "")
            write_atomic(folder / "samples" / f"{name}-generation.gif", run_page.generation(model, label))


def level_losses(name: str, network: torch.nn.Module, objective: Objective, data: Dataset) -> Levels:
    """The loss at ten noise levels on 128 held-out pictures (of the training set, if none are held out)."""
    pictures = (data.held_out or data.load)()
    raw, cond = pictures.batch(torch.arange(min(128, len(pictures))), torch.Generator())
    times, losses = objective.loss_by_level(network, from_uint8(raw), cond)
    return {"at": name, "held_out": data.held_out is not None, "t": times, "loss": losses}


def sheets(model: Pretrained, spec: RunSpec, recipe: Recipe) -> dict[str, Any]:
    """The pictures to show of a model in training, by title."""
    if spec.objective == "denoiser":
        return run_page.denoising(model)
    if spec.objective == "pure-noise":
        return run_page.means(model)
    return run_page.samples(model, recipe.card.get("labels", []))
