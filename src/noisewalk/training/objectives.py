"""Objectives: what a network is trained to predict, and at which noise levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel, Schedule
from ..walk.prediction import TARGETS, Condition, to_target
from .coupling import coupled

Times = Callable[[int, torch.Generator], Tensor]
"""Maps (N, generator) to (N,) times in [0, 1]."""

Network = Callable[..., Tensor]
"""Maps (x_t, t, *condition) to the output."""


def logit_normal_times(num: int, generator: torch.Generator, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Draw times of which most are in the middle.

        t = sigmoid(mean + std z),     z ~ N(0, 1)

    Args:
        num: N.
        generator: draws z, on its device.
        mean: shifts the times towards noise.
        std: spreads them.

    Returns:
        (N,) in (0, 1).

    Reference: Esser et al., *Scaling Rectified Flow Transformers for High-Resolution Image Synthesis*, 2024, section 3.1,
    https://arxiv.org/abs/2403.03206.
    """
    return torch.sigmoid(mean + std * torch.randn(num, generator=generator, device=generator.device))


def uniform_times(num: int, generator: torch.Generator) -> Tensor:
    """Draw (N,) times, uniform in [0, 1]."""
    return torch.rand(num, generator=generator, device=generator.device)


def discrete_times(steps: int) -> Times:
    """Return a function that draws (N,) times t / T, for t uniform in 1, ..., T."""

    def times(num: int, generator: torch.Generator) -> Tensor:
        return torch.randint(1, steps + 1, (num,), generator=generator, device=generator.device) / steps

    return times


def fixed_time(t: float) -> Times:
    """Return a function that gives the same time always, which is training at one level of noise."""
    return lambda num, generator: torch.full((num,), t, device=generator.device)


def drop_condition(cond: Condition, null: Condition, probability: float, generator: torch.Generator) -> Condition:
    """Replace each picture's condition by `null` with the given probability.

    So one network also learns to predict without a condition, for classifier-free guidance.

    Args:
        cond: tensors (N, ...).
        null: tensors (1, ...) of the same shapes.
        probability: from 0 to 1.
        generator: draws which conditions are dropped.

    Returns:
        Tensors (N, ...).

    Reference: Ho & Salimans, *Classifier-Free Diffusion Guidance*, 2022, algorithm 1, https://arxiv.org/abs/2207.12598.
    """
    dropped = torch.rand(len(cond[0]), generator=generator, device=generator.device) < probability
    return tuple(torch.where(dropped.view(-1, *[1] * (c.ndim - 1)), n.to(c.device), c) for c, n in zip(cond, null, strict=True))


def level_on_device(schedule: Schedule, t: Tensor) -> NoiseLevel:
    """Return the noise level at times, on their device; for Apple's GPU, without float64, the CPU computes it."""
    if t.device.type != "mps":
        return schedule(t)
    level = schedule(t.cpu())
    return NoiseLevel(level.alpha.to(t.device, torch.float32), level.sigma.to(t.device, torch.float32))


def min_snr_weight(level: NoiseLevel, prediction_type: str, gamma: float) -> Tensor:
    """Return the weight of the loss at a noise level, which limits the loss of x0 where there is little noise.

        w = min(SNR, gamma) / (a - b alpha / sigma)^2,     SNR = alpha^2 / sigma^2

    The divisor is the ratio of the target's squared error to that of x0, for y = a x0 + b eps. So w is min(SNR, gamma) for x0,
    min(SNR, gamma) / SNR for eps and, on a variance-preserving path, min(SNR, gamma) / (SNR + 1) for v.

    Args:
        level: the noise level.
        prediction_type: a key of `TARGETS`.
        gamma: the limit, above 0; the paper recommends 5.

    Reference: Hang et al., *Efficient Diffusion Training via Min-SNR Weighting Strategy*, 2023, section 3.4,
    https://arxiv.org/abs/2303.09556.
    """
    a, b = TARGETS[prediction_type](level)
    ratio = level.alpha / level.sigma.clamp(min=torch.finfo(level.sigma.dtype).tiny)
    return ratio.square().clamp(max=gamma) / (a - b * ratio) ** 2


@dataclass(frozen=True, eq=False)
class Objective:
    """The mean squared error of a training target, on a schedule.

        L = E_{t, x0, eps} || network(alpha x0 + sigma eps, t) - (a x0 + b eps) ||^2,     averaged over pixels

    Args:
        schedule: the noise levels to train on.
        prediction_type: a key of `TARGETS`, which gives (a, b).
        dropout: the share of conditions that are replaced by `null`.
        null: the condition that means "anything", tensors (1, ...).
        times: maps (N, generator) to the (N,) times of a batch.
        unit_range: whether to train on pictures in [0, 1], as the course does, instead of [-1, 1].
        min_snr: the gamma of `min_snr_weight`, by which the loss is multiplied; 0 for no weights.
        optimal_transport: whether noise is given to the pictures of a batch (of a class) by `coupled`.
    """

    schedule: Schedule
    prediction_type: str
    dropout: float
    null: Condition
    times: Times = logit_normal_times
    unit_range: bool = False
    min_snr: float = 0.0
    optimal_transport: bool = False

    def loss(self, network: Network, x0: Tensor, cond: Condition, generator: torch.Generator) -> Tensor:
        """Return the loss of each picture.

        Args:
            network: maps (x_t, t, *condition) to its output.
            x0: (N, C, H, W) in [-1, 1].
            cond: the conditions.
            generator: the source of all randomness, on its device.

        Returns:
            (N,).
        """
        t = self.times(len(x0), generator)
        eps = torch.randn(x0.shape, generator=generator, device=generator.device)
        if self.optimal_transport:
            eps = coupled(x0, eps, torch.zeros_like(t) if self.dropout == 1 else cond[0])
        losses = self.loss_at(network, x0, drop_condition(cond, self.null, self.dropout, generator), t, eps)
        if not self.min_snr:
            return losses
        return losses * min_snr_weight(level_on_device(self.schedule, t), self.prediction_type, self.min_snr)

    def loss_at(self, network: Network, x0: Tensor, cond: Condition, t: Tensor, eps: Tensor) -> Tensor:
        """Return (N,) losses at given times (N,) and noise (N, C, H, W); no condition is dropped, and nothing is weighted."""
        x0 = (x0 + 1) / 2 if self.unit_range else x0
        level = level_on_device(self.schedule, t[:, None, None, None])
        output = network(level.alpha * x0 + level.sigma * eps, t, *cond)
        target = to_target(x0, eps, level, self.prediction_type)
        return (output.float() - target).square().flatten(1).mean(1)

    @torch.no_grad()
    def loss_by_level(self, network: Network, x0: Tensor, cond: Condition, levels: int = 10) -> tuple[list[float], list[float]]:
        """Return the mean loss of given pictures at several times, always under the same noise.

        Args:
            network: maps (x_t, t, *condition) to its output.
            x0: (N, C, H, W) in [-1, 1].
            cond: the conditions.
            levels: how many times.

        Returns:
            The times (i + 1/2) / levels, and the loss at each.
        """
        null = tuple(each.expand(len(x0), *each.shape[1:]) for each in self.null)
        cond = null if self.dropout == 1 else cond
        eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
        times = [(i + 0.5) / levels for i in range(levels)]
        return times, [float(self.loss_at(network, x0, cond, torch.full((len(x0),), t), eps).mean()) for t in times]
