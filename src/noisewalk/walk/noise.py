"""Noise levels, the schedules that visit them, and seeded noise.

Everything in noisewalk writes a noisy picture as

    x_t = alpha * x0 + sigma * eps,      eps ~ N(0, I)

and only the pair (alpha, sigma) ever reaches a step. A *schedule* is a path of such pairs, from t = 0 (clean) to t = 1
(noise). Levels made from a float64 time are 0-d float64 tensors on the CPU: PyTorch lets them scale a float32 picture on
any device without changing its dtype, so coefficients keep their digits and pictures stay float32.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Noise = Callable[[Tensor], Tensor]
"""Draws N(0, I) in the shape, dtype and device of its argument."""


class NoiseLevel(NamedTuple):
    """The signal scale `alpha` and the noise standard deviation `sigma` of x_t = alpha x0 + sigma eps."""

    alpha: Tensor
    sigma: Tensor


class Schedule(Protocol):
    """A path of noise levels, and its inverse by signal-to-noise ratio."""

    def __call__(self, t: Tensor) -> NoiseLevel:
        """The level at time t in [0, 1]; 0 is clean, 1 the noisiest."""
        ...

    def time(self, level: NoiseLevel) -> Tensor:
        """The time at which this schedule has the ratio alpha / sigma of `level`, whatever path `level` is from."""
        ...


@dataclass(frozen=True)
class LinearPath:
    """The straight path of flow matching: alpha = 1 - t, sigma = t.

    Reference: Lipman et al., *Flow Matching for Generative Modeling*, 2023; Liu et al., *Rectified Flow*, 2023.

    >>> LinearPath()(torch.tensor(0.25, dtype=torch.float64)).alpha.item()
    0.75
    """

    def __call__(self, t: Tensor) -> NoiseLevel:
        """The level at time t in [0, 1]; 0 is clean."""
        return NoiseLevel(1 - t, t)

    def time(self, level: NoiseLevel) -> Tensor:
        """The time at which this schedule has the signal-to-noise ratio of `level`."""
        return level.sigma / (level.alpha + level.sigma)


@dataclass(frozen=True)
class VE:
    """The variance-exploding path: alpha = 1, sigma = sigma_min^(1-t) sigma_max^t, and exactly clean at t = 0.

    Reference: Song et al., *Score-Based Generative Modeling through SDEs*, 2021, eq. 30.
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0

    def __call__(self, t: Tensor) -> NoiseLevel:
        """The level at time t in [0, 1]; 0 is clean."""
        sigma = self.sigma_min * (self.sigma_max / self.sigma_min) ** t
        return NoiseLevel(torch.ones_like(t), torch.where(t > 0, sigma, torch.zeros_like(t)))

    def time(self, level: NoiseLevel) -> Tensor:
        """The time at which this schedule has the signal-to-noise ratio of `level`."""
        ratio = level.sigma / level.alpha
        t = torch.log(ratio / self.sigma_min) / math.log(self.sigma_max / self.sigma_min)
        return torch.where(ratio > 0, t.clamp(torch.finfo(t.dtype).tiny, 1), 0)  # t = 0 is clean, just above it sigma_min


@dataclass(frozen=True, eq=False)
class DiscreteVP:
    """A variance-preserving table: alpha = sqrt(abar), sigma = sqrt(1 - abar), abar interpolated between its entries.

    Entry i of an `alphas_cumprod` of length T (diffusers' timestep i, counted from 0) lies at t = (i + 1) / T, and t = 0
    is exactly clean, abar = 1: the convention "t in 1..T, fed as t/T" of Ho et al., *DDPM*, 2020.

    Args:
        alphas_cumprod: (T,) strictly decreasing, in [0, 1); 0 at the end is pure noise ("zero terminal SNR").
    """

    alphas_cumprod: Tensor

    def __post_init__(self) -> None:
        table = torch.cat([torch.ones(1, dtype=torch.float64), self.alphas_cumprod.double().cpu()])
        if table.ndim != 1 or len(table) < 2 or not bool((table.diff() < 0).all()) or not bool(table[-1] >= 0):
            raise ValueError("alphas_cumprod must be a strictly decreasing vector in [0, 1)")
        object.__setattr__(self, "_table", table)

    def __call__(self, t: Tensor) -> NoiseLevel:
        """The level at time t in [0, 1]; 0 is clean."""
        table: Tensor = getattr(self, "_table").to(t.device)  # noqa: B009 - set in __post_init__ of a frozen class
        u = t.double() * (len(table) - 1)
        i = u.floor().long().clamp(0, len(table) - 2)
        abar = torch.lerp(table[i], table[i + 1], u - i)
        return NoiseLevel(abar.sqrt().to(t.dtype), (1 - abar).sqrt().to(t.dtype))

    def time(self, level: NoiseLevel) -> Tensor:
        """The time at which this schedule has the signal-to-noise ratio of `level`."""
        table: Tensor = getattr(self, "_table").to(level.alpha.device)  # noqa: B009
        alpha2, sigma2 = level.alpha.double() ** 2, level.sigma.double() ** 2
        abar = alpha2 / (alpha2 + sigma2)
        i = (torch.searchsorted(-table, -abar.contiguous()) - 1).clamp(0, len(table) - 2)
        u = i + ((table[i] - abar) / (table[i] - table[i + 1])).clamp(0, 1)
        return (u / (len(table) - 1)).to(level.alpha.dtype)


@dataclass(frozen=True)
class Rescaled:
    """A path with its noise multiplied: sigma' = noise_scale * sigma, for models trained on data of another range.

    A model of pictures in [0, 1] sees x01 = (x + 1) / 2; noise of deviation sigma on x01 is noise of 2 sigma on x, so its
    path is `Rescaled(path, 2)` in the range [-1, 1] that everything else is in.
    """

    schedule: Schedule
    noise_scale: float

    def __call__(self, t: Tensor) -> NoiseLevel:
        """The level at time t in [0, 1]; 0 is clean."""
        level = self.schedule(t)
        return NoiseLevel(level.alpha, self.noise_scale * level.sigma)

    def time(self, level: NoiseLevel) -> Tensor:
        """The time at which this schedule has the signal-to-noise ratio of `level`."""
        return self.schedule.time(NoiseLevel(level.alpha, level.sigma / self.noise_scale))


@dataclass(frozen=True, eq=False)
class WithGrid:
    """A schedule that brings a time grid of its own, the one `--grid native` walks.

    Args:
        schedule: the path.
        grid: number of steps -> (steps + 1,) decreasing float64 times.
    """

    schedule: Schedule
    grid: Callable[[int], Tensor]

    def __call__(self, t: Tensor) -> NoiseLevel:
        """The level at time t in [0, 1]; 0 is clean."""
        return self.schedule(t)

    def time(self, level: NoiseLevel) -> Tensor:
        """The time at which this schedule has the signal-to-noise ratio of `level`."""
        return self.schedule.time(level)


def linear_betas(num: int = 1000, start: float = 1e-4, end: float = 0.02) -> Tensor:
    """beta_i evenly spaced from `start` to `end`, float64 (Ho et al. 2020)."""
    return torch.linspace(start, end, num, dtype=torch.float64)


def scaled_linear_betas(num: int = 1000, start: float = 0.00085, end: float = 0.012) -> Tensor:
    """sqrt(beta_i) evenly spaced, float64 (Stable Diffusion)."""
    return torch.linspace(start**0.5, end**0.5, num, dtype=torch.float64) ** 2


def cosine_betas(num: int = 1000, max_beta: float = 0.999) -> Tensor:
    """beta_i = min(1 - f(i+1)/f(i), max_beta) with f(i) = cos^2((i/num + .008)/1.008 * pi/2), float64.

    The schedule of DeepFloyd IF (diffusers' `squaredcos_cap_v2`). Reference: Nichol & Dhariwal 2021, eq. 17.

    >>> round(cosine_schedule()(torch.tensor(0.691, dtype=torch.float64)).alpha.item() ** 2, 6)
    0.214523
    """
    u = torch.arange(num + 1, dtype=torch.float64) / num
    f = torch.cos((u + 0.008) / 1.008 * torch.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=max_beta)


def vp_schedule(betas: Tensor) -> DiscreteVP:
    """The variance-preserving schedule of a table of betas: abar_i = prod_{j <= i} (1 - beta_j)."""
    return DiscreteVP(torch.cumprod(1 - betas.double(), 0))


def cosine_schedule(num: int = 1000) -> DiscreteVP:
    """DeepFloyd IF's schedule."""
    return vp_schedule(cosine_betas(num))


def add_noise(x0: Tensor, level: NoiseLevel, noise: Noise) -> Tensor:
    """The forward process, in one jump: x_t = alpha x0 + sigma eps (Ho et al. 2020, eq. 4)."""
    return level.alpha * x0 + level.sigma * noise(x0)


def renoise(x_s: Tensor, s: NoiseLevel, t: NoiseLevel, noise: Noise) -> Tensor:
    """The forward process from s back up to t: x_t = r x_s + sqrt(sigma_t^2 - r^2 sigma_s^2) eps, r = alpha_t / alpha_s.

    Leaves a sample of level s a sample of level t (the "undo" of RePaint, Lugmayr et al. 2022, alg. 1 line 9).
    """
    r = t.alpha / s.alpha
    return r * x_s + (t.sigma**2 - (r * s.sigma) ** 2).clamp(min=0).sqrt() * noise(x_s)


class SeededNoise:
    """Standard normal noise, one stream per picture and per purpose, always drawn on the CPU.

    Picture i of a batch draws only from the stream of `seeds[i]`, so a picture depends neither on the batch it is made in
    nor on the device; `stream(purpose)` gives independent noise for another use (the first noise, the steps, the known
    region of an inpainting), so that changing how often one is drawn leaves the others as they were.

    Args:
        seeds: one per picture, any integers.
        purpose: a name; equal names give equal noise.

    >>> a, b = SeededNoise([1, 2]), SeededNoise([2])
    >>> x = torch.empty(2, 1, 4, 4)
    >>> bool((a(x)[1] == b(x[:1])[0]).all())
    True
    """

    def __init__(self, seeds: Sequence[int], purpose: str = "init") -> None:
        self.seeds = tuple(seeds)
        self.purpose = purpose
        self._generators = [torch.Generator("cpu").manual_seed(_key(seed, purpose)) for seed in self.seeds]

    def stream(self, purpose: str) -> SeededNoise:
        """Fresh noise of the same seeds for another purpose."""
        return SeededNoise(self.seeds, purpose)

    def __call__(self, like: Tensor) -> Tensor:
        """Draw noise of the shape (N, ...), dtype and device of `like`, one row from each picture's own stream."""
        if len(like) != len(self.seeds):
            raise ValueError(f"noise for {len(self.seeds)} pictures was asked to fill a batch of {len(like)}")
        drawn = [torch.randn(like.shape[1:], generator=g, device="cpu") for g in self._generators]
        return torch.stack(drawn).to(like.device, like.dtype)


def _key(seed: int, purpose: str) -> int:
    digest = hashlib.blake2b(f"{purpose}:{seed}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
