"""Consistency models: the path, the steps and the boundary condition of their scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.noise import NoiseLevel
from ...walk.schedules import WithGrid
from .sampling import Sampling
from .tables import Settings


@dataclass(frozen=True)
class ConsistencyPath:
    """A path of noise that is added to pictures, x = x0 + r z, and what a consistency network is told of it.

        alpha = 1,     sigma = r,     t in proportion to r / (1 + r)

    Its network is told sigma = sqrt(r^2 + sigma_min^2), at most sigma_max, and sees x / sqrt(sigma^2 + sigma_data^2).

    Args:
        sigma_min: the noise that a picture is said to have at least.
        sigma_max: the noise at t = 1.
        sigma_data: the standard deviation of pictures, by which the network's input is scaled; 0 for the path that is walked.

    Reference: Song et al., *Consistency Models*, 2023, algorithm 1 and appendix C, https://arxiv.org/abs/2303.01469.
    """

    sigma_min: float
    sigma_max: float
    sigma_data: float = 0.0

    def __call__(self, t: Tensor) -> NoiseLevel:
        """Return the noise level at time t in [0, 1], where 0 is clean and 1 is the noisiest."""
        u = t * (self.sigma_max / (1 + self.sigma_max))
        ratio = u / (1 - u)
        told = (ratio**2 + self.sigma_min**2).sqrt().clamp(max=self.sigma_max)
        alpha = 1 / (told**2 + self.sigma_data**2).sqrt() if self.sigma_data else torch.ones_like(t)
        return NoiseLevel(alpha, alpha * ratio)

    def time(self, level: NoiseLevel) -> Tensor:
        """Return the time at which this schedule has the signal-to-noise ratio of `level`."""
        ratio = level.sigma / level.alpha
        return ratio / (1 + ratio) * (1 + self.sigma_max) / self.sigma_max

    def told(self, t: Tensor) -> Tensor:
        """Return the sigma that the network is told at a time."""
        level = self(t)
        return ((level.sigma / level.alpha) ** 2 + self.sigma_min**2).sqrt().clamp(max=self.sigma_max)


def read_consistency(settings: Settings) -> Sampling:
    """Read a CMStochasticIterativeScheduler.

    Raises:
        UserError: its sigmas are not ordered.
    """
    least, most, data = (float(settings[key]) for key in ("sigma_min", "sigma_max", "sigma_data"))
    if not 0 < least < most or not data > 0:
        raise UserError(f"the scheduler's sigma_min {least:g} must be below its sigma_max {most:g}, and sigma_data above 0")
    seen = ConsistencyPath(least, most, data)

    def boundary(t: Tensor) -> tuple[Tensor, Tensor]:
        sigma = seen.told(t)
        scale = (sigma**2 + data**2).sqrt()  # of the x that the network sees
        return data**2 / ((sigma - least) ** 2 + data**2) * scale, (sigma - least) * data / scale

    return Sampling(
        WithGrid(ConsistencyPath(least, most), partial(_times, settings, seen)),
        "sample",
        lambda t: 250 * torch.log(seen.told(t)),
        int(settings["num_train_timesteps"]),
        "lcm",
        threshold="clip" if settings["clip_denoised"] else "none",
        unit_start=False,
        boundary=boundary,
        network_schedule=seen,
    )


def _times(settings: Settings, path: ConsistencyPath, steps: int) -> Tensor:
    """Return the times of a walk: sigmas as Karras et al. space them, without the noise that is said of every picture."""
    num, rho = int(settings["num_train_timesteps"]), float(settings["rho"])
    if steps >= num:
        raise UserError(f"this consistency model has {num} timesteps, a walk of {steps} steps was asked for; lower --steps")
    ramp = torch.arange(steps, dtype=torch.float64) * (num // steps) / (num - 1)
    first, last = path.sigma_max ** (1 / rho), path.sigma_min ** (1 / rho)
    sigmas = torch.add(torch.full_like(ramp, first), ramp, alpha=last - first) ** rho
    ratios = (sigmas**2 - path.sigma_min**2).clamp(min=0).sqrt()
    ratios[0] = path.sigma_max
    return torch.cat([path.time(NoiseLevel(torch.ones_like(ratios), ratios)), torch.zeros(1, dtype=torch.float64)])
