"""Schedules: paths of noise levels from t = 0 (clean) to t = 1 (noise)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .noise import NoiseLevel, Schedule


@dataclass(frozen=True)
class LinearPath:
    """The straight path of flow matching.

        alpha = 1 - t,     sigma = t

    Reference: Lipman et al., *Flow Matching for Generative Modeling*, 2023, https://arxiv.org/abs/2210.02747;
    Liu et al., *Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow*, 2023,
    https://arxiv.org/abs/2209.03003.

    >>> LinearPath()(torch.tensor(0.25, dtype=torch.float64)).alpha.item()
    0.75
    """

    def __call__(self, t: Tensor) -> NoiseLevel:
        """Return the noise level at time t in [0, 1], where 0 is clean and 1 is the noisiest."""
        return NoiseLevel(1 - t, t)

    def time(self, level: NoiseLevel) -> Tensor:
        """Return the time at which this schedule has the signal-to-noise ratio of `level`."""
        return level.sigma / (level.alpha + level.sigma)


@dataclass(frozen=True)
class VE:
    """The variance-exploding path.

        alpha = 1,     sigma = sigma_min^(1-t) sigma_max^t,     and exactly clean at t = 0

    Args:
        sigma_min: the standard deviation just above t = 0, on pictures in the range that the model was trained on.
        sigma_max: the standard deviation at t = 1.

    Reference: Song et al., *Score-Based Generative Modeling through Stochastic Differential Equations*, 2021, eq. 30,
    https://arxiv.org/abs/2011.13456.
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0

    def __call__(self, t: Tensor) -> NoiseLevel:
        """Return the noise level at time t in [0, 1], where 0 is clean and 1 is the noisiest."""
        sigma = self.sigma_min * (self.sigma_max / self.sigma_min) ** t
        return NoiseLevel(torch.ones_like(t), torch.where(t > 0, sigma, torch.zeros_like(t)))

    def time(self, level: NoiseLevel) -> Tensor:
        """Return the time at which this schedule has the signal-to-noise ratio of `level`."""
        ratio = level.sigma / level.alpha
        t = torch.log(ratio / self.sigma_min) / math.log(self.sigma_max / self.sigma_min)
        return torch.where(
            ratio > 0, t.clamp(torch.finfo(t.dtype).tiny, 1), 0
        )  # t = 0 is clean, and just above it is sigma_min


@dataclass(frozen=True, eq=False)
class DiscreteVP:
    """A variance-preserving path given by a table.

        alpha = sqrt(abar),     sigma = sqrt(1 - abar),     abar interpolated between the entries of the table

    Entry i of a table of length T (timestep i of diffusers, counted from 0) lies at t = (i + 1) / T, and t = 0 is exactly clean
    (abar = 1). This is the convention "t in 1..T, fed as t / T".

    Args:
        alphas_cumprod: (T,) strictly decreasing, in [0, 1); a 0 at the end is pure noise ("zero terminal SNR").

    Raises:
        ValueError: the table is not such a vector.

    Reference: Ho et al., *Denoising Diffusion Probabilistic Models*, 2020, https://arxiv.org/abs/2006.11239.
    """

    alphas_cumprod: Tensor

    def __post_init__(self) -> None:
        table = torch.cat([torch.ones(1, dtype=torch.float64), self.alphas_cumprod.double().cpu()])
        if table.ndim != 1 or len(table) < 2 or not bool((table.diff() < 0).all()) or not bool(table[-1] >= 0):
            raise ValueError("alphas_cumprod must be a strictly decreasing vector in [0, 1)")
        object.__setattr__(self, "_table", table)

    def __call__(self, t: Tensor) -> NoiseLevel:
        """Return the noise level at time t in [0, 1], where 0 is clean and 1 is the noisiest."""
        table: Tensor = getattr(self, "_table").to(t.device)  # noqa: B009 - set in __post_init__ of a frozen class
        u = t.double() * (len(table) - 1)
        i = u.floor().long().clamp(0, len(table) - 2)
        abar = torch.lerp(table[i], table[i + 1], u - i)
        return NoiseLevel(abar.sqrt().to(t.dtype), (1 - abar).sqrt().to(t.dtype))

    def time(self, level: NoiseLevel) -> Tensor:
        """Return the time at which this schedule has the signal-to-noise ratio of `level`."""
        table: Tensor = getattr(self, "_table").to(level.alpha.device)  # noqa: B009
        alpha2, sigma2 = level.alpha.double() ** 2, level.sigma.double() ** 2
        abar = alpha2 / (alpha2 + sigma2)
        i = (torch.searchsorted(-table, -abar.contiguous()) - 1).clamp(0, len(table) - 2)
        u = i + ((table[i] - abar) / (table[i] - table[i + 1])).clamp(0, 1)
        return (u / (len(table) - 1)).to(level.alpha.dtype)


@dataclass(frozen=True)
class Rescaled:
    """A path whose noise is multiplied, for models that were trained on data of another range.

        sigma' = noise_scale * sigma

    A model of pictures in [0, 1] sees x01 = (x + 1) / 2. Noise of standard deviation sigma on x01 is noise of 2 sigma on x, so
    its path is `Rescaled(path, 2)` in the range [-1, 1] that everything else uses.

    Args:
        schedule: the path in the range of the model's data.
        noise_scale: the factor, above 0.
    """

    schedule: Schedule
    noise_scale: float

    def __call__(self, t: Tensor) -> NoiseLevel:
        """Return the noise level at time t in [0, 1], where 0 is clean and 1 is the noisiest."""
        level = self.schedule(t)
        return NoiseLevel(level.alpha, self.noise_scale * level.sigma)

    def time(self, level: NoiseLevel) -> Tensor:
        """Return the time at which this schedule has the signal-to-noise ratio of `level`."""
        return self.schedule.time(NoiseLevel(level.alpha, level.sigma / self.noise_scale))


@dataclass(frozen=True, eq=False)
class WithGrid:
    """A schedule with a time grid of its own, which `--grid native` walks.

    Args:
        schedule: the path.
        grid: maps a number of steps to (steps + 1,) decreasing float64 times.
    """

    schedule: Schedule
    grid: Callable[[int], Tensor]

    def __call__(self, t: Tensor) -> NoiseLevel:
        """Return the noise level at time t in [0, 1], where 0 is clean and 1 is the noisiest."""
        return self.schedule(t)

    def time(self, level: NoiseLevel) -> Tensor:
        """Return the time at which this schedule has the signal-to-noise ratio of `level`."""
        return self.schedule.time(level)


def linear_betas(num: int = 1000, start: float = 1e-4, end: float = 0.02) -> Tensor:
    """Return betas that are evenly spaced from `start` to `end`.

    Args:
        num: the number of timesteps.
        start: the first beta.
        end: the last beta.

    Returns:
        (num,) float64.

    Reference: Ho et al., *Denoising Diffusion Probabilistic Models*, 2020, section 4, https://arxiv.org/abs/2006.11239.
    """
    return torch.linspace(start, end, num, dtype=torch.float64)


def scaled_linear_betas(num: int = 1000, start: float = 0.00085, end: float = 0.012) -> Tensor:
    """Return betas whose square roots are evenly spaced, as in Stable Diffusion.

    Args:
        num: the number of timesteps.
        start: the first beta.
        end: the last beta.

    Returns:
        (num,) float64.

    Reference: Rombach et al., *High-Resolution Image Synthesis with Latent Diffusion Models*, 2022,
    https://arxiv.org/abs/2112.10752.
    """
    return torch.linspace(start**0.5, end**0.5, num, dtype=torch.float64) ** 2


def cosine_betas(num: int = 1000, max_beta: float = 0.999) -> Tensor:
    """Return the betas of the cosine schedule, which DeepFloyd IF uses (`squaredcos_cap_v2` in diffusers).

        beta_i = min(1 - f(i+1) / f(i), max_beta),     f(i) = cos^2((i/num + 0.008) / 1.008 * pi/2)

    Args:
        num: the number of timesteps.
        max_beta: the largest beta, below 1.

    Returns:
        (num,) float64.

    Reference: Nichol & Dhariwal, *Improved Denoising Diffusion Probabilistic Models*, 2021, eq. 17,
    https://arxiv.org/abs/2102.09672.

    >>> round(cosine_schedule()(torch.tensor(0.691, dtype=torch.float64)).alpha.item() ** 2, 6)
    0.214523
    """
    u = torch.arange(num + 1, dtype=torch.float64) / num
    f = torch.cos((u + 0.008) / 1.008 * torch.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=max_beta)


def vp_schedule(betas: Tensor) -> DiscreteVP:
    """Return the variance-preserving schedule of a table of betas.

        abar_i = prod_{j <= i} (1 - beta_j)

    Args:
        betas: (T,) each in (0, 1).

    Returns:
        The schedule.

    Raises:
        ValueError: the products do not decrease strictly.
    """
    return DiscreteVP(torch.cumprod(1 - betas.double(), 0))


def cosine_schedule(num: int = 1000) -> DiscreteVP:
    """Return the schedule of DeepFloyd IF, `vp_schedule(cosine_betas(num))`."""
    return vp_schedule(cosine_betas(num))
