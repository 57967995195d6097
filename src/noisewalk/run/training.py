"""A training run as a folder: what was asked, how it went, what it draws, and a page of all of it."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError, unknown
from ..files import write_atomic
from ..images import encode_png
from ..models.checkpoint import RUN_CHECKPOINT, network_weights
from ..models.precision import fastest
from ..models.zoo import Pretrained, pretrained, weights_of
from ..training.data import to_unit
from ..training.loop import TrainConfig, TrainState, log
from ..training.objectives import Objective
from ..training.recipe import OWN_DATA, find
from ..training.recipe_type import Recipe
from ..training.runs import choose_device, run
from ..training.sources import Source, source
from ..training.workers import launched
from . import run_page
from .make import Watch

EPOCHS = (1, 5, 10, 15, 20)
"""After which a run draws samples, besides its last."""


ONE_STEP = ("denoiser", "pure-noise")
"""Objectives whose networks do not walk."""


@dataclass(frozen=True)
class RunSpec:
    """What a run was asked to be; kept in its folder as spec.json.

    Args:
        objective: denoiser, pure-noise, ddpm, flow, classifier, emoji, upscaler, scorer or second-scorer.
        recipe: "course" for the course's exact recipe, "fast" for ours.
        data: mnist, fashion-mnist or a folder.
        classes: whether the network is told the class.
        size, channels: of the pictures of a folder.
        epochs: passes over the data; None for the recipe's.
        learning_rate, decay: instead of the recipe's; None for the recipe's.
        seed: of the weights, the order of pictures, times and noise.
        network: "unet-course" or "unet-fast" instead of the recipe's.
        batch_size: pictures a step, instead of the recipe's.
        init: the run or model whose weights to start from; None for random ones.
        dtype: "float32" or "bfloat16", what the network computes in (its weights stay float32); None for the recipe's.
    """

    objective: str
    recipe: str = "fast"
    data: str = "mnist"
    classes: bool = False
    size: int = 28
    channels: int = 3
    epochs: float | None = None
    learning_rate: float | None = None
    decay: str | None = None
    seed: int = 0
    network: str | None = None
    batch_size: int | None = None
    init: str | None = None
    dtype: str | None = None


def train_into(folder: Path, spec: RunSpec, minutes: float | None, device: str, watch: Watch | None = None) -> str:
    """Train into a folder until done, or for some minutes; the same call goes on later. Says how far it is.

    Under `accelerate launch`, all processes make this call; the first writes and answers, the others answer "".

    Raises:
        UserError: the folder holds a run of another spec (it says what differs), the spec cannot be trained, or for no time.
    """
    if minutes is not None and minutes <= 0:
        raise UserError(f"--minutes must be more than 0, {minutes:g} was asked for")
    recipe, data = prepare(spec)
    if spec.init and not (folder / RUN_CHECKPOINT).exists():
        recipe = begun_from(spec.init, recipe)
    workers, device = launched(choose_device(device))
    config = configure(recipe.config, spec, device)
    if workers.main:
        keep_spec(folder, spec)
    end = time.monotonic() + (float("inf") if minutes is None else 60 * minutes)
    reached = f"{folder} was done already"
    with closing(run(recipe, config, folder, device=device, workers=workers)) as training:
        epoch = None
        for state in training:
            if watch and workers.main:
                watch(state.step, state.total_steps)
            now = int(state.step * config.epochs / state.total_steps)
            last = state.step == state.total_steps
            enough = workers.any(time.monotonic() > end)
            name = f"epoch-{now:02d}" if last or (now != epoch and now in EPOCHS) else "latest" if enough else ""
            if name and recipe.objective and workers.main:
                draw(folder, name, spec, recipe, state, data)
            epoch = now
            reached = f"{folder}: {state.step} of {state.total_steps} steps, loss {state.loss:.4f}"
            if enough:
                break
    workers.close()
    if not workers.main:
        return ""
    run_page.write(folder, asdict(spec), data.skipped if data else ())
    return f"{reached}; see {folder / 'report.html'}"


def configure(config: TrainConfig, spec: RunSpec, device: str = "cpu") -> TrainConfig:
    """A recipe's configuration with what the spec asks for instead; a recipe's bfloat16 only where the device multiplies it."""
    names = ("epochs", "learning_rate", "decay", "batch_size")
    changes: dict[str, Any] = {name: getattr(spec, name) for name in names}
    for name in ("epochs", "learning_rate", "batch_size"):
        if changes[name] is not None and not changes[name] > 0:
            raise UserError(f"--{name.replace('_', '-')} must be more than 0, {changes[name]} was asked for")
    if spec.decay not in (None, "cosine", "exponential", "none"):
        raise unknown("decay", str(spec.decay), ("cosine", "exponential", "none"))
    if spec.dtype not in (None, "float32", "bfloat16"):
        raise unknown("number type", str(spec.dtype), ("float32", "bfloat16"))
    able = config.bf16 and fastest(torch.device(device)) == torch.bfloat16  # emulated, it is slower than float32
    changes["bf16"] = spec.dtype == "bfloat16" if spec.dtype else able
    return replace(config, seed=spec.seed, **{k: v for k, v in changes.items() if v is not None})


def prepare(spec: RunSpec) -> tuple[Recipe, Source | None]:
    """The recipe and the data a spec speaks of."""
    if spec.objective in OWN_DATA:
        return find(spec.objective, network=spec.network), None
    data = source(spec.data, spec.size, spec.channels)
    return find(spec.objective, spec.recipe, data, spec.classes, spec.network), data


def begun_from(name: str, recipe: Recipe) -> Recipe:
    """A recipe whose network begins with the weights of a model: fine-tuning.

    Raises:
        UserError: there is no such model, or its network is another one.
    """
    tensors, config = network_weights(weights_of(name))
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


def keep_spec(folder: Path, spec: RunSpec) -> None:
    """Write spec.json, or see that the one that is there is the same."""
    path = folder / "spec.json"
    if not path.exists():
        write_atomic(path, (json.dumps(asdict(spec), indent=2) + "\n").encode())
        return
    before, now = asdict(read_spec(folder)), asdict(spec)
    differ = [f"{k} was {before[k]}, is {v}" for k, v in now.items() if before[k] != v]
    if differ:
        raise UserError(
            f"{folder} holds another run: {'; '.join(differ)}. Choose another folder with --out, or ask for the same"
        )


def read_spec(folder: Path) -> RunSpec:
    """What the run in a folder was asked to be.

    Raises:
        UserError: the folder holds no run.
    """
    path = folder / "spec.json"
    try:
        return RunSpec(**json.loads(path.read_text()))
    except (OSError, json.JSONDecodeError, TypeError) as error:
        raise UserError(f"{path} cannot be read as the spec of a run ({error}); choose another folder") from error


def draw(folder: Path, name: str, spec: RunSpec, recipe: Recipe, state: TrainState, data: Source | None) -> None:
    """Save what the averaged network draws now: a sheet of samples, or what the denoiser makes of the test set."""
    fresh = recipe.network()
    fresh.load_state_dict(state.averaged.state_dict())
    model = pretrained(spec.objective, fresh, recipe.card)
    if data and recipe.objective and spec.objective not in ONE_STEP:
        log(folder / "levels.jsonl", level_losses(name, fresh, recipe.objective, data))
    with torch.random.fork_rng(devices=[]):  # drawing must not change how the run goes on
        for title, image in sheets(model, spec, recipe).items():
            write_atomic(folder / "samples" / f"{name}-{title}.png", encode_png(image))
        if spec.objective not in ONE_STEP:
            label = next(iter(recipe.card.get("labels", [])), "")
            write_atomic(folder / "samples" / f"{name}-generation.gif", run_page.generation(model, label))


def level_losses(name: str, network: torch.nn.Module, objective: Objective, data: Source) -> dict[str, Any]:
    """The loss at ten noise levels on 128 held-out pictures (of the training set, if none are held out)."""
    pictures = (data.held_out or data.load)()
    raw, cond = pictures.batch(torch.arange(min(128, len(pictures))), torch.Generator())
    times, losses = objective.loss_by_level(network, to_unit(raw), cond)
    return {"at": name, "held_out": data.held_out is not None, "t": times, "loss": losses}


def sheets(model: Pretrained, spec: RunSpec, recipe: Recipe) -> dict[str, Any]:
    """The pictures to show of a model in training, by title."""
    if spec.objective == "denoiser":
        return run_page.denoising(model)
    if spec.objective == "pure-noise":
        return run_page.means(model)
    return run_page.samples(model, recipe.card.get("labels", []))
