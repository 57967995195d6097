"""The training loop: a generator of `TrainState`s, so that progress, saving and stopping live outside of it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import UserError
from .data import Data, from_uint8
from .gradients import Loss as Loss
from .gradients import add_gradients
from .workers import Workers


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Together with the data and the network it decides every weight.

    Args:
        epochs: passes over the data.
        batch_size: pictures per step.
        learning_rate: the peak learning rate.
        warmup: steps over which it rises linearly; at most a tenth of the run.
        decay: how it falls: "cosine" to zero; "exponential" to a tenth, by the same factor after each epoch (as in the course);
            "none".
        hold: the share of the run before the cosine begins to fall; until then the run may still be made longer or shorter.
        optimizer: "adamw" (betas 0.9 and 0.99) or "adam" (with PyTorch's defaults, as in the course).
        weight_decay: the weight decay of AdamW.
        ema_decay: the decay per step of the averaged weights, which are the ones to use; 0 keeps the last weights.
        clip: the largest norm of the gradient; 0 for no limit.
        seed: the seed of the weights, the order of pictures, times, noise and dropout.
        bf16: whether the network computes in bfloat16 (weights, loss and averages stay float32); the command line uses it only
            where the hardware multiplies bfloat16.
        compile: whether the network is prepared for a GPU first: its passes are captured as CUDA graphs, or compiled by PyTorch
            if several processes share each batch. On a CPU nothing is done, since compiling wins little and takes minutes.
        accumulate: into how many parts a batch is divided, whose gradients are added up: less memory for the same step.

    Reference: Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2019, https://arxiv.org/abs/1711.05101; Kingma &
    Ba, *Adam: A Method for Stochastic Optimization*, 2015, https://arxiv.org/abs/1412.6980.
    """

    epochs: float
    batch_size: int = 256
    learning_rate: float = 1e-3
    warmup: int = 500
    decay: Literal["cosine", "exponential", "none"] = "cosine"
    hold: float = 0.0
    optimizer: Literal["adamw", "adam"] = "adamw"
    weight_decay: float = 0.01
    ema_decay: float = 0.9995
    clip: float = 1.0
    seed: int = 0
    bf16: bool = True
    compile: bool = True
    accumulate: int = 1


class Diverged(UserError):
    """The loss or its gradient is no longer a finite number."""


@dataclass
class TrainState:
    """Everything that a run needs to go on from where it is, bit for bit.

    Args:
        step: the number of steps made.
        total_steps: the number of steps of the whole run.
        network: the network in training.
        averaged: the same network with averaged weights.
        optimizer: the optimizer.
        generator: draws times, noise and dropped conditions.
        loss: the loss of the last step.
        seconds: the time spent in steps.
        losses: the losses since the last line of the log.
    """

    step: int
    total_steps: int
    network: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    loss: float = math.nan
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def start(network: nn.Module, data: Data, config: TrainConfig, device: torch.device | str = "cpu") -> TrainState:
    """Return a run at step 0.

    Seed PyTorch before you build the network, if its first weights should be reproducible.

    Args:
        network: the network.
        data: the training data.
        config: how to train.
        device: the device to train on.
    """
    device = torch.device(device)
    fused = device.type == "cuda"
    network = network.to(device=device, memory_format=memory_format(device))  # type: ignore[call-overload]
    optimizer: torch.optim.Optimizer
    if config.optimizer == "adam":
        optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=fused)
    else:
        optimizer = torch.optim.AdamW(
            network.parameters(), config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay, fused=fused
        )
    total = max(1, round(config.epochs * len(data) / config.batch_size))
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    return TrainState(0, total, network, averaged, optimizer, torch.Generator(device).manual_seed(config.seed))


def train(
    state: TrainState, data: Data, loss: Loss, config: TrainConfig, workers: Workers | None = None
) -> Iterator[TrainState]:
    """Take optimisation steps until `total_steps`, and yield the (same, updated) state after each of them.

    Args:
        state: where the run is.
        data: the data, on the device of the state.
        loss: the loss of each picture.
        config: how to train.
        workers: the processes that share each batch; None for this one alone.

    Yields:
        The state.

    Raises:
        Diverged: the loss or the gradient is no longer finite; the last checkpoint is then the good one.
    """
    state.network.train()
    device = state.generator.device
    part = config.batch_size // config.accumulate
    call = (workers or Workers()).share(state.network, part, config.compile and device.type == "cuda")

    cached = device.type == "cpu"  # a captured graph must not use weights that were rounded outside of it
    rounding = torch.autocast(device.type, torch.bfloat16, cache_enabled=cached) if config.bf16 else nullcontext()

    def computed(*inputs: Any) -> Tensor:
        with rounding:
            return loss(*inputs)

    while state.step < state.total_steps:
        began = time.perf_counter()
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(state.step, state.total_steps, config)
        raw, cond = data.batch(epoch_rows(state.step, len(data), config).to(device), state.generator)
        pictures = from_uint8(raw).contiguous(memory_format=memory_format(device))
        state.optimizer.zero_grad()
        state.loss = add_gradients(computed, call, pictures, cond, state.generator, config.accumulate)
        norm = nn.utils.clip_grad_norm_(state.network.parameters(), config.clip or math.inf)
        for name, number in (("loss", state.loss), ("gradient's norm", norm.item())):
            if not math.isfinite(number):
                raise Diverged(f"the {name} became {number} at step {state.step}; lower --learning-rate and start again")
        state.optimizer.step()
        state.step += 1
        _average(state, config.ema_decay)
        state.seconds += time.perf_counter() - began
        yield state


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the order of pictures and weights in memory: channels last, except on Apple's GPU, which makes errors with it."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def learning_rate(step: int, total: int, config: TrainConfig) -> float:
    """Return the learning rate of a step: a linear warm-up, and one of the decays of `TrainConfig`."""
    warmup = max(1, min(config.warmup, total // 10))
    rate = config.learning_rate * min(1.0, (step + 1) / warmup)
    if config.decay == "cosine":
        late = max(0.0, (step / total - config.hold) / (1 - config.hold))
        return rate * 0.5 * (1 + math.cos(math.pi * late))
    if config.decay == "exponential":
        epoch = int(step * config.epochs / total)
        return float(rate * 0.1 ** (epoch / config.epochs))
    return rate


def epoch_rows(step: int, count: int, config: TrainConfig) -> Tensor:
    """Return the rows of the data for a step.

    Each epoch is a new order of all rows, which depends on the seed alone. The last batch of an epoch is filled up with the
    first rows of the next.

    Args:
        step: the number of the step, from 0.
        count: the number of rows of the data.
        config: how to train.

    Returns:
        (batch_size,) int64.
    """
    wanted = torch.arange(step * config.batch_size, (step + 1) * config.batch_size)
    rows = torch.empty(config.batch_size, dtype=torch.long)
    for epoch in range(int(wanted[0]) // count, int(wanted[-1]) // count + 1):
        here = (wanted // count) == epoch
        rows[here] = _order(config.seed, epoch, count)[wanted[here] % count]
    return rows


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63))


@torch.no_grad()
def _average(state: TrainState, decay: float) -> None:
    """Update the averaged weights, with a short memory at first: decay_n = min(decay, (1 + n) / (10 + n))."""
    keep = min(decay, (1 + state.step) / (10 + state.step))
    floating = [
        (a, b)
        for a, b in zip(state.averaged.state_dict().values(), state.network.state_dict().values(), strict=True)
        if a.is_floating_point()
    ]
    torch._foreach_lerp_([a for a, _ in floating], [b for _, b in floating], 1 - keep)
