"""Runs on disk: everything that a run needs to go on, in files of at most 16 MiB."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..models.checkpoint import load_tensors, save_tensors
from .loop import TrainConfig, TrainState, learning_rate

MAX_FILE = 16 * 2**20
"""Checkpoints are written in files of at most so many bytes."""


def save_run(path: Path, state: TrainState, config: TrainConfig, extra: dict[str, Any]) -> None:
    """Weights, averaged weights, optimizer, random states and step; written atomically, in files of at most 16 MiB."""
    tensors: dict[str, Tensor] = {}
    tensors |= {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in state.averaged.state_dict().items()}
    for i, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in moments.items()}
    tensors["rng.data"] = state.generator.get_state()
    tensors["rng.torch"] = torch.get_rng_state()
    if state.generator.device.type == "cuda":
        tensors["rng.cuda"] = torch.cuda.get_rng_state(state.generator.device)
    reached = {"step": state.step, "total_steps": state.total_steps, "seconds": state.seconds}
    config_json = reached | {"train": asdict(config), **extra}
    save_tensors(path, tensors, config_json, MAX_FILE)


def load_run(path: Path, state: TrainState, config: TrainConfig) -> TrainState:
    """Put a saved run back into a freshly started state of the same network and data.

    On the kind of device it was saved on, it goes on bit for bit; on another, with that device's own random numbers.

    Raises:
        UserError: the checkpoint is of another network, or of a run of another length whose learning rate differs by now.
    """
    tensors, saved = load_tensors(path)
    step, total = int(saved["step"]), int(saved["total_steps"])
    if total != state.total_steps and learning_rate(step, total, config) != learning_rate(step, state.total_steps, config):
        raise UserError(
            f"{path} is of a run of {total} steps, this one has {state.total_steps}, and at step {step} their learning "
            "rates differ; start a new run, or keep the length"
        )
    try:
        state.network.load_state_dict(_under(tensors, "network."))
        state.averaged.load_state_dict(_under(tensors, "averaged."))
    except RuntimeError as error:
        raise UserError(f"{path} is a checkpoint of another network: {str(error).splitlines()[0]}") from error
    optimizer: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under(tensors, "optimizer.").items():
        i, key = name.split(".", 1)
        optimizer.setdefault(int(i), {})[key] = tensor
    state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": optimizer})
    state.step, state.seconds = step, float(saved.get("seconds", 0.0))
    _restore_random(tensors, state)
    return state


def _restore_random(tensors: dict[str, Tensor], state: TrainState) -> None:
    cuda = state.generator.device.type == "cuda"
    torch.set_rng_state(tensors["rng.torch"])
    if cuda == ("rng.cuda" in tensors):
        state.generator.set_state(tensors["rng.data"])
    else:
        state.generator.manual_seed(state.step)  # saved on the other kind of device
    if cuda and "rng.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng.cuda"], state.generator.device)


def averaged_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The averaged weights of a saved run and its configuration."""
    tensors, config = load_tensors(path)
    return _under(tensors, "averaged."), config


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
