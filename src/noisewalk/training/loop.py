"""The training loop: a generator over `TrainState`, so that progress, saving and stopping live outside."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..walk.prediction import Condition
from .data import Data, from_uint8
from .workers import Workers

Loss = Callable[[Callable[..., Tensor], Tensor, Condition, torch.Generator], Tensor]
"""(network, pictures in [-1, 1], condition, generator) -> (N,) losses."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train; together with the data and the network it decides every weight.

    Args:
        epochs: passes over the data.
        batch_size: pictures per step.
        learning_rate: peak learning rate.
        warmup: steps over which it rises linearly; at most a tenth of the run.
        decay: how it falls: "cosine" to zero; "exponential" to a tenth, by the same factor after each epoch (the course's);
            "none".
        hold: share of the run before the cosine begins to fall; until then the run may still be made longer or shorter.
        optimizer: "adamw" (betas 0.9 and 0.99) or "adam" (PyTorch's defaults, as the course has it).
        weight_decay: AdamW's.
        ema_decay: decay per step of the averaged weights (the ones to use); 0 keeps the last ones.
        clip: largest norm of the gradient; 0 for no limit.
        seed: of the weights, the order of pictures, times, noise and dropout.
        bf16: compute the network in bfloat16 (weights, loss and averages stay float32); the command line heeds it only where
            the hardware multiplies bfloat16.
        compile: compile the network first, on a GPU only: on a CPU it wins little and takes minutes.
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


class Diverged(UserError):
    """The loss or its gradient is no longer a number."""


@dataclass
class TrainState:
    """Everything a run needs to go on from where it is, bit for bit.

    `seconds` were spent in steps, and `losses` are those since the last line of the log.
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
    """A run at step 0. Seed PyTorch before building the network if its first weights are to be reproducible."""
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
    """Take optimisation steps until `total_steps`, yielding the (same, updated) state after each.

    Args:
        data: on the device of the state.
        workers: the processes that share each batch.

    Raises:
        Diverged: the loss or the gradient is no longer finite; the last checkpoint written outside is the good one.
    """
    state.network.train()
    device = state.generator.device
    call = (workers or Workers()).share(state.network, config.batch_size, config.compile and device.type == "cuda")
    while state.step < state.total_steps:
        began = time.perf_counter()
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(state.step, state.total_steps, config)
        raw, cond = data.batch(epoch_rows(state.step, len(data), config).to(device), state.generator)
        pictures = from_uint8(raw).contiguous(memory_format=memory_format(device))
        with torch.autocast(device.type, torch.bfloat16) if config.bf16 else nullcontext():
            value = loss(call, pictures, cond, state.generator).mean()
        state.optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(state.network.parameters(), config.clip or math.inf)
        state.loss = value.item()
        for name, number in (("loss", state.loss), ("gradient's norm", norm.item())):
            if not math.isfinite(number):
                raise Diverged(f"the {name} became {number} at step {state.step}; lower --learning-rate and start again")
        state.optimizer.step()
        state.step += 1
        _average(state, config.ema_decay)
        state.seconds += time.perf_counter() - began
        yield state


def memory_format(device: torch.device) -> torch.memory_format:
    """How pictures and weights lie in memory: channels last, but on Apple's GPU, which does not always compute them rightly."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def learning_rate(step: int, total: int, config: TrainConfig) -> float:
    """Linear warm-up, and one of the decays of `TrainConfig`."""
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
    """(batch_size,) rows of the data for a step: each epoch is a new order of all rows, which depends on the seed alone.

    The last batch of an epoch is filled up with the first of the next.
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
    """EMA with a short memory at first: decay_n = min(decay, (1 + n) / (10 + n))."""
    keep = min(decay, (1 + state.step) / (10 + state.step))
    floating = [
        (a, b)
        for a, b in zip(state.averaged.state_dict().values(), state.network.state_dict().values(), strict=True)
        if a.is_floating_point()
    ]
    torch._foreach_lerp_([a for a, _ in floating], [b for _, b in floating], 1 - keep)
