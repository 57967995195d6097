"""Runs on disk: everything that a run needs to go on, in files of at most 16 MiB."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
import torch
from torch import Tensor

from ..errors import UserError
from ..models.checkpoint import load_tensors, save_tensors
from .loop import TrainConfig, TrainState, learning_rate
from .records import Finite

MAX_FILE = 16 * 2**20
"""Most bytes of a file of a checkpoint."""

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What Adam keeps for each parameter."""


class RunProgress(TypedDict):
    """How far a run was when its checkpoint was written.

    Args:
        step: the number of steps made.
        total_steps: the number of steps of the whole run.
        train: its `TrainConfig`.
        seconds: the time spent in steps.
        losses: the losses since the last line of the log.
        threads: the number of threads of PyTorch, on which the last bits of the weights depend.
        device: the kind of device, on which they depend too.
    """

    step: Annotated[int, msgspec.Meta(ge=0, le=10**12)]
    total_steps: Annotated[int, msgspec.Meta(ge=1, le=10**12)]
    train: TrainConfig
    seconds: NotRequired[Finite]
    losses: NotRequired[Annotated[list[Finite], msgspec.Meta(max_length=1000)]]
    threads: NotRequired[Annotated[int, msgspec.Meta(ge=1)]]
    device: NotRequired[str]


def read_progress(path: Path, config: dict[str, Any]) -> RunProgress:
    """Return what the configuration of a checkpoint says about its run.

    Args:
        path: the checkpoint, for the message.
        config: its configuration.

    Raises:
        UserError: the checkpoint does not belong to a run, or a value in it is damaged.
    """
    try:
        return msgspec.convert(config, RunProgress)
    except msgspec.ValidationError as error:
        raise UserError(f"{path} is not the checkpoint of a training run ({error}); make it again, or name another") from error


def save_run(path: Path, state: TrainState, config: TrainConfig, extra: dict[str, Any]) -> None:
    """Write weights, averaged weights, optimizer, random states and step, atomically and in files of at most 16 MiB."""
    tensors: dict[str, Tensor] = {}
    tensors |= {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in state.averaged.state_dict().items()}
    for i, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in moments.items()}
    tensors["rng.data"] = state.generator.get_state()
    tensors["rng.torch"] = torch.get_rng_state()
    device = state.generator.device
    if device.type != "cpu":
        tensors[f"rng.{device.type}"] = torch.get_device_module(device).get_rng_state()
    progress: RunProgress = {
        "step": state.step,
        "total_steps": state.total_steps,
        "train": config,
        "seconds": state.seconds,
        "losses": state.losses,
        "threads": torch.get_num_threads(),
        "device": device.type,
    }
    save_tensors(path, tensors, {**progress, "train": asdict(config), **extra}, MAX_FILE)


def load_run(path: Path, state: TrainState, config: TrainConfig) -> TrainState:
    """Put a saved run back into a freshly started state of the same network and data.

    On the same kind of device and with the same number of threads, it goes on bit for bit; a warning says so if the number of
    threads has changed. On another kind of device it goes on with that device's own random numbers.

    Args:
        path: the checkpoint.
        state: the fresh state.
        config: how to train.

    Returns:
        The same state, updated.

    Raises:
        UserError: the checkpoint is damaged, or it belongs to another network or to a run of another length whose learning rate
            would be another by now.
    """
    tensors, saved = load_tensors(path)
    was = read_progress(path, saved)
    step, total = was["step"], was["total_steps"]
    if total != state.total_steps and learning_rate(step, total, config) != learning_rate(step, state.total_steps, config):
        raise UserError(
            f"{path} belongs to a run of {total} steps, but this one has {state.total_steps}, and their learning rates at "
            f"step {step} differ; start a new run, or keep the length"
        )
    try:
        state.network.load_state_dict(_under(tensors, "network."))
        state.averaged.load_state_dict(_under(tensors, "averaged."))
    except RuntimeError as error:
        raise UserError(f"{path} is the checkpoint of another network: {str(error).splitlines()[0]}") from error
    try:
        _restore_optimizer(_under(tensors, "optimizer."), state.optimizer)
        _restore_random(tensors, was.get("device", "cuda" if "rng.cuda" in tensors else "cpu"), state, step)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"the checkpoint {path} is damaged ({error}); start again in another folder") from error
    state.step, state.seconds, state.losses = step, was.get("seconds", 0.0), was.get("losses", [])
    _warn_of_threads(was.get("threads"), state)
    return state


def _warn_of_threads(before: int | None, state: TrainState) -> None:
    now = torch.get_num_threads()
    if before and before != now and state.generator.device.type == "cpu" and state.step < state.total_steps:
        warnings.warn(
            f"this run was computed with {before} threads and goes on with {now}, so its last digits will differ from those of "
            f"a run that was never stopped; set OMP_NUM_THREADS={before} to keep them the same",
            stacklevel=2,
        )


def _restore_optimizer(tensors: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        if not number.isdecimal() or int(number) >= len(parameters) or key not in MOMENTS:
            raise ValueError(f"the optimizer has no '{name}'")
        if not tensor.is_floating_point() or tensor.shape != (() if key == "step" else parameters[int(number)].shape):
            raise ValueError(f"the optimizer's '{name}' is {tensor.dtype} of shape {tuple(tensor.shape)}")
        state.setdefault(int(number), {})[key] = tensor
    if any(len(moments) != len(MOMENTS) for moments in state.values()):
        raise ValueError("the optimizer's state is incomplete")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _restore_random(tensors: dict[str, Tensor], saved_on: str, state: TrainState, step: int) -> None:
    device = state.generator.device
    torch.set_rng_state(tensors["rng.torch"])
    if saved_on != device.type:
        state.generator.manual_seed(step)
        return
    state.generator.set_state(tensors["rng.data"])
    if f"rng.{device.type}" in tensors:
        torch.get_device_module(device).set_rng_state(tensors[f"rng.{device.type}"])


def averaged_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the averaged weights of a saved run and its configuration."""
    tensors, config = load_tensors(path)
    return _under(tensors, "averaged."), config


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
