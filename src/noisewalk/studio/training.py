"""The page trains a small network, and shows its loss and its samples meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image

from ..checking import checked
from ..images import encode_png
from ..models.pretrained import Pretrained
from ..report.figures import contact
from ..requests import RunSpec
from ..run.make import run
from ..run.recipes import ONE_STEP, configure, recipe_and_dataset
from ..run.spec import settled
from ..run.training import averaged_model, sheets
from ..techniques.generate import Generate
from ..training.loop import TrainConfig, TrainState, start, train
from ..training.recipe_type import Recipe
from .limits import check_seconds
from .line import Control, Stopped
from .pictures import data_url
from .studio import Studio

EVERY, SAMPLES = 0.25, 8.0
"""The seconds between two points of the curve, and between two sheets of samples."""
MOST_POINTS = 400
NUM, STEPS = 2, 8
"""The samples of each digit, and the steps of their walks; they are few, because the training waits for them."""


def trained(
    studio: Studio, control: Control, objective: str, classes: bool, epochs: float, minutes: float, seed: int
) -> Iterator[dict[str, Any]]:
    """Yield the states of a training run of digits, for the gallery of the page.

    Raises:
        UserError: it asks for more than the limits, or for something that cannot be trained.
    """
    check_seconds("minutes", minutes, studio.limits.minutes, "minutes")
    check_seconds("epochs", epochs, 100, "epochs")
    told = bool(classes) and objective != "denoiser"
    spec = settled(checked(RunSpec(objective, data="mnist-sample", classes=told, epochs=epochs, seed=int(seed))))
    recipe, _ = recipe_and_dataset(spec)
    config = configure(recipe.config, spec)
    control.seconds = 60 * minutes
    control.began = time.monotonic()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        data = recipe.data()
        state = start(recipe.network(), data, config)
    curve: list[tuple[int, float]] = []
    items: list[dict[str, str]] = []
    shown, drawn = 0.0, time.monotonic()
    why = ""
    for now_at in train(state, data, recipe.loss, config):
        assert now_at is state  # the same state, one step further
        now = time.monotonic()
        if now - shown >= EVERY or state.step == state.total_steps:
            shown = now
            curve.append((state.step, state.loss))
            yield _view("walking", f"step {state.step} of {state.total_steps}", curve, items)
        if now - drawn >= SAMPLES:
            items = samples(state, spec, recipe, config)
            drawn = time.monotonic()
        try:
            control.heed()
        except Stopped as stop:
            why = f"{stop}; "
            break
    items = samples(state, spec, recipe, config)
    yield _view("done", f"{why}step {state.step} of {state.total_steps}, loss {state.loss:.4f}", curve, items)


def samples(state: TrainState, spec: RunSpec, recipe: Recipe, config: TrainConfig) -> list[dict[str, str]]:
    """Return what the averaged network draws now: two of each digit, some of any, or a denoiser's answers to noisy digits."""
    with torch.random.fork_rng(devices=[]):
        model = averaged_model(spec, recipe, config, state)
        made = sheets(model, spec, recipe) if spec.objective in ONE_STEP else {"samples": drawn(model, recipe)}
    return [{"caption": f"{title} at step {state.step}", "url": data_url(encode_png(image))} for title, image in made.items()]


def drawn(model: Pretrained, recipe: Recipe) -> Image.Image:
    """Return a sheet of digits."""
    labels = recipe.card.get("labels") or ["", ""]
    return contact(torch.cat([run("generate", Generate(label, num=NUM, steps=STEPS), model).tensor for label in labels]), 10)


def _view(phase: str, message: str, curve: list[tuple[int, float]], items: list[dict[str, str]]) -> dict[str, Any]:
    every = max(1, len(curve) // MOST_POINTS)
    return {"phase": phase, "message": message, "curve": [*curve[:-1:every], *curve[-1:]], "items": items}
