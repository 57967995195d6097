"""Train the picture model or a scorer: python train.py stage1 --out runs/stage1; the same command continues a run."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from pictures.begin import begun
from pictures.recipes import RECIPES, stage1

from noisewalk.models.precision import fastest_dtype
from noisewalk.training.loop import TrainConfig, TrainState
from noisewalk.training.recipe_type import Recipe
from noisewalk.training.runs import choose_device, run
from noisewalk.training.stopping import stop_requests

FIRST_FIT = 50
"""The step from which the speed is measured with --fit; the steps before it include the time of compiling."""

What = Literal["stage1", "emoji-32", "upscaler", "upscaler-256", "scorer", "second-scorer"]


def main(
    what: tyro.conf.Positional[What],
    out: Path,
    init: str | None = None,
    minutes: float | None = None,
    fit: bool = False,
    steps: int | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    decay: Literal["none", "cosine"] | None = None,
    hold: float | None = None,
    scenes: float | None = None,
    seed: int = 0,
    compile: bool = True,
    device: str = "auto",
    threads: int = 0,
) -> None:
    """Train into OUT, from its checkpoint if it has one; a checkpoint is written every five minutes and after Ctrl-C.

    Args:
        what: the recipe.
        out: the folder of the run.
        init: the model or run whose weights it starts from; the default is the recipe's.
        minutes: the time after which it saves and stops.
        fit: whether the speed decides the length of the run, so that it ends when the minutes are over, and a falling learning
            rate with it. The speed is measured again each time that the number of steps has doubled, until the rate begins to
            fall. The number of steps is printed, and --steps with it makes the same run again.
        steps: the length of the run, on which a falling learning rate depends; the default is the recipe's.
        learning_rate: the learning rate; the default is the recipe's.
        batch_size: the batch size; the default is the recipe's.
        decay: how the learning rate falls; the default is the recipe's.
        hold: the share of the run before a cosine begins to fall, in [0, 1).
        scenes: the share of scenes in the data of stage1, in [0, 1).
        seed: the seed of the weights, the order of pictures, times and noise.
        compile: whether the passes of the network are captured as CUDA graphs on a GPU, which takes a second.
        device: cpu, cuda or auto.
        threads: the threads of PyTorch; 0 for its own choice.
    """
    if threads:
        torch.set_num_threads(threads)
    recipe = stage1(scenes=scenes) if what == "stage1" and scenes is not None else RECIPES[what]()
    if init is not None:
        recipe = replace(recipe, network=begun(recipe.network, init))
    device = choose_device(device)
    changes = {"learning_rate": learning_rate, "batch_size": batch_size, "decay": decay, "hold": hold, "seed": seed}
    recipe = configured(recipe, device, steps, compile=compile, **changes)
    end = time.monotonic() + (float("inf") if minutes is None else 60 * minutes)
    fit_length = Fit(end, recipe.config) if fit and minutes is not None else None
    with stop_requests() as asked, closing(run(recipe, recipe.config, out, device=device)) as training:
        for state in training:
            if fit_length and fit_length(state, time.monotonic()):
                print(f"the run has {state.total_steps} steps", flush=True)
            if state.step % 50 == 0:
                said = f"step {state.step} of {state.total_steps}, loss {state.loss:.4f}, {state.seconds / 60:.1f} minutes"
                print(said, flush=True)
            if asked() or time.monotonic() > end:
                break


@dataclass
class Fit:
    """Chooses the length of a run by its speed.

    Args:
        end: the time at which the run must be over.
        config: how it is trained.
        step: the step from which the speed is measured, until the number of steps has doubled.
        began: the time of that step.
    """

    end: float
    config: TrainConfig
    step: int = FIRST_FIT
    began: float = 0.0

    def __call__(self, state: TrainState, now: float) -> bool:
        """Take note of a step at a time; return whether the length of the run has changed."""
        due = state.step == 2 * self.step and (self.step == FIRST_FIT or self.held(state))
        if due:
            state.total_steps = state.step + int((self.end - now) * self.step / (now - self.began))
            self.step = state.step
        self.began = now if state.step == self.step else self.began
        return due

    def held(self, state: TrainState) -> bool:
        """Return whether the learning rate has not begun to fall, so that the length may still change."""
        return self.config.decay == "none" or state.step < self.config.hold * state.total_steps


def configured(recipe: Recipe, device: str, steps: int | None, **changes: Any) -> Recipe:
    """Return a recipe with other settings; bfloat16 only if the device multiplies it in hardware."""
    config = replace(recipe.config, **{name: value for name, value in changes.items() if value is not None})
    config = replace(config, bf16=config.bf16 and fastest_dtype(torch.device(device)) == torch.bfloat16)
    if steps is None:
        return replace(recipe, config=config)
    data = recipe.data()
    config = replace(config, epochs=steps * config.batch_size / len(data))
    return replace(recipe, data=lambda: data, config=config)


if __name__ == "__main__":
    from _edge import edge

    edge(main)
