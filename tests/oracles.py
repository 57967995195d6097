"""Exact answers for the tests, and small models and noises that make two computations comparable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from noisewalk.walk import (
    Denoiser,
    Noise,
    NoiseLevel,
    Prediction,
    Schedule,
    Step,
    StepHistory,
    levels,
    sample,
    to_target,
)

F64 = torch.float64


def at(schedule: Schedule, t: float) -> NoiseLevel:
    """Return the level at a time."""
    return schedule(torch.tensor(t, dtype=F64))


def walked(denoiser: Denoiser, x: Tensor, path: list[NoiseLevel], step: Step, noise: Noise) -> Tensor:
    """Return the end of a walk."""
    *_, last = sample(denoiser, x, path, step, noise)
    return last.x_t


def path_between(schedule: Schedule, start: float, end: float, steps: int) -> list[NoiseLevel]:
    """Return the levels at evenly spaced times."""
    return levels(schedule, torch.linspace(start, end, steps + 1, dtype=F64))


def no_noise(like: Tensor) -> Tensor:
    return torch.zeros_like(like)


def tape(seed: int) -> Noise:
    """Float64 noise; two tapes with the same seed give the same draws, one to each side of a comparison."""
    generator = torch.Generator().manual_seed(seed)
    return lambda like: torch.randn(like.shape, generator=generator, dtype=F64)


# Gaussian data: everything about the walk is known in closed form


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Data N(mean, cov) on pictures (N, 1, 1, D); calling it is the exact denoiser E[x0 | x_t].

    Args:
        mean: (D,)
        cov: (D, D) symmetric, positive.
    """

    mean: Tensor
    cov: Tensor

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> Prediction:
        gain = level.alpha * self.cov @ self.covariance(level).inverse()
        return Prediction(self.mean + (x_t - level.alpha * self.mean) @ gain.T)

    def covariance(self, level: NoiseLevel) -> Tensor:
        """Return the covariance of x_t: alpha^2 cov + sigma^2 I."""
        return level.alpha**2 * self.cov + level.sigma**2 * torch.eye(len(self.mean), dtype=F64)

    def flow(self, x_t: Tensor, t: NoiseLevel, s: NoiseLevel) -> Tensor:
        """The exact solution at s of the probability-flow ODE through x_t: in the eigenbasis of cov, every coordinate's
        distance from its mean scales with its standard deviation."""
        values, basis = torch.linalg.eigh(self.cov)
        ratio = (s.alpha**2 * values + s.sigma**2) / (t.alpha**2 * values + t.sigma**2)
        return s.alpha * self.mean + (x_t - t.alpha * self.mean) @ (basis * ratio.sqrt()) @ basis.T

    def reverse(self, mean: Tensor, cov: Tensor, t: NoiseLevel, s: NoiseLevel) -> tuple[Tensor, Tensor]:
        """Return the mean and covariance at s of the exact reverse process that starts at t from N(mean, cov).

        x_t and x_s of one picture are jointly Gaussian with Cov(x_s, x_t) = r Cov(x_s), r = alpha_t / alpha_s, and the
        reverse process is Markov, so one conditional Gaussian leads from t to s whatever lies between.
        """
        r = t.alpha / s.alpha
        gain = r * self.covariance(s) @ self.covariance(t).inverse()
        left = self.covariance(s) - r * gain @ self.covariance(s)
        return s.alpha * self.mean + gain @ (mean - t.alpha * self.mean), left + gain @ cov @ gain.T


def moments(walk: Callable[[Tensor, Noise], Tensor], dim: int) -> tuple[Tensor, Tensor]:
    """The exact mean (D,) and covariance (D, D) of a random walk that is affine in the noise it draws.

    No sampling, hence no statistical tolerance: row 0 of the batch walks without noise and so gives the mean, and in
    row i only the i-th scalar ever drawn is 1, all others 0, which gives the response to it.

    Args:
        walk: (like, noise) -> result; must draw all its randomness from `noise`, in the shape of `like`.
        dim: D; pictures are (rows, 1, 1, D).
    """
    draws = 0

    def count(like: Tensor) -> Tensor:
        nonlocal draws
        draws += 1
        return torch.zeros_like(like)

    walk(torch.empty(1, 1, 1, dim, dtype=F64), count)
    rows, used = 1 + draws * dim, 0

    def probe(like: Tensor) -> Tensor:
        nonlocal used
        drawn = torch.zeros_like(like)
        for column in range(dim):
            used += 1
            drawn[used, 0, 0, column] = 1
        return drawn

    ends = walk(torch.empty(rows, 1, 1, dim, dtype=F64), probe).reshape(rows, dim)
    response = ends[1:] - ends[0]
    return ends[0], response.T @ response


# Models


class TinyNet(nn.Module):
    """A random float64 convolutional network (x, t, label) -> output, smooth in t, different for every label.

    `rows` keeps the number of rows of every call.
    """

    def __init__(self, channels: int = 3, out_channels: int | None = None, seed: int = 0) -> None:
        super().__init__()
        self.rows: list[int] = []
        draw = torch.Generator().manual_seed(seed)

        def weight(*shape: int) -> Tensor:
            return 0.3 * torch.randn(shape, generator=draw, dtype=F64)

        self.first, self.second = weight(8, channels, 3, 3), weight(out_channels or channels, 8, 3, 3)
        self.time, self.labels = weight(8), weight(16, 8)

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        self.rows.append(len(x))
        h = nn.functional.conv2d(x, self.first, padding=1) + (t.double()[:, None] * 7 * self.time).sin()[..., None, None]
        h = h if label is None else h + self.labels[label][..., None, None]
        return nn.functional.conv2d(h.tanh(), self.second, padding=1)


@dataclass(eq=False)
class Counting:
    """A model that records the number of rows and the input of every call."""

    model: Callable[..., Prediction]
    rows: list[int] = field(default_factory=list)
    seen: list[Tensor] = field(default_factory=list)
    levels: list[NoiseLevel] = field(default_factory=list)

    def __call__(self, x_t: Tensor, level: NoiseLevel, *cond: Tensor) -> Prediction:
        self.rows.append(len(x_t))
        self.seen.append(x_t)
        self.levels.append(level)
        return self.model(x_t, level, *cond)


def as_network(model: Callable[..., Prediction], schedule: Schedule, prediction_type: str) -> Callable[..., Tensor]:
    """The network a perfect training towards `prediction_type` would give: it says the target of the model's x0.

    Networks are told the time in float32. Ask at times with few binary digits, which it holds exactly.
    """

    def network(x: Tensor, t: Tensor, *cond: Tensor) -> Tensor:
        level = schedule(t[0].double())
        p = model(x, level, *cond)
        return to_target(p.x0, p.eps(x, level), level, prediction_type)

    return network


@dataclass(eq=False)
class Watched:
    """A step that records its result, before any constraint changes it."""

    step: Step
    landed: list[Tensor] = field(default_factory=list)

    def __call__(
        self, denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None, /
    ) -> tuple[Tensor, Prediction]:
        x_s, p = self.step(denoiser, x_t, t, s, noise, history)
        self.landed.append(x_s)
        return x_s, p
