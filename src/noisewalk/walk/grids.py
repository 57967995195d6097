"""Time grids: decreasing float64 times in [0, 1], and the noise levels that a schedule gives them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import UserError, unknown
from .noise import NoiseLevel, Schedule
from .schedules import WithGrid
from .tables import GRIDS


def linspace(schedule: Schedule, steps: int) -> Tensor:
    """Return evenly spaced times from 1 to 0.

        t_i = 1 - i / steps,     i = 0, ..., steps

    This is the grid of the Euler sampler of flow matching.

    Args:
        schedule: not used; every grid takes one.
        steps: the number of steps, at least 1.

    Returns:
        (steps + 1,) float64 times, from 1 down to 0.
    """
    return torch.linspace(1, 0, steps + 1, dtype=torch.float64)


def leading(schedule: Schedule, steps: int, num: int = 1000) -> Tensor:
    """Return the "leading" grid of diffusers: the timesteps (steps - 1) k, ..., 2k, k, 0 with k = num // steps, and then clean.

    Args:
        schedule: not used; every grid takes one.
        steps: the number of steps, from 1 to `num`.
        num: the number of training timesteps.

    Returns:
        (steps + 1,) float64 times. Timestep i lies at the time (i + 1) / num.

    >>> from noisewalk.walk import LinearPath
    >>> index = leading(LinearPath(), 30) * 1000 - 1
    >>> [round(i) for i in index.tolist()][:3]
    [957, 924, 891]
    """
    index = torch.arange(steps - 1, -1, -1, dtype=torch.float64) * (num // steps)
    return torch.cat([(index + 1) / num, torch.zeros(1, dtype=torch.float64)])


def trailing(schedule: Schedule, steps: int, num: int = 1000) -> Tensor:
    """Return the "trailing" grid of diffusers, which starts at the very noisiest level.

        timesteps round(num), round(num - k), ... minus 1, with k = num / steps, and then clean

    Args:
        schedule: not used; every grid takes one.
        steps: the number of steps, from 1 to `num`.
        num: the number of training timesteps.

    Returns:
        (steps + 1,) float64 times. Timestep i lies at the time (i + 1) / num.

    Reference: Lin et al., *Common Diffusion Noise Schedules and Sample Steps are Flawed*, 2024, table 2,
    https://arxiv.org/abs/2305.08891.
    """
    index = torch.round(torch.arange(steps, 0, -1, dtype=torch.float64) * (num / steps)) - 1
    return torch.cat([(index + 1) / num, torch.zeros(1, dtype=torch.float64)])


def karras(schedule: Schedule, steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Tensor:
    """Return times at which the ratio r = sigma / alpha falls evenly in its power 1 / rho.

        r_u = (r_max^(1/rho) + u (r_min^(1/rho) - r_max^(1/rho)))^rho,     u from 0 to 1, and then clean

    Both ends are kept within the range of the schedule, because several steps would otherwise share one level.

    Args:
        schedule: the path that is walked; it turns ratios into times.
        steps: the number of steps, at least 1.
        sigma_min: the smallest ratio r_min before the clean picture, above 0.
        sigma_max: the largest ratio r_max, where the walk starts.
        rho: the power; a larger one puts more steps at little noise.

    Returns:
        (steps + 1,) float64 times.

    Reference: Karras et al., *Elucidating the Design Space of Diffusion-Based Generative Models*, 2022, eq. 5,
    https://arxiv.org/abs/2206.00364.
    """
    ends = schedule(torch.tensor([torch.finfo(torch.float64).tiny, 1], dtype=torch.float64))
    least, most = (ends.sigma / ends.alpha).tolist()
    sigma_min, sigma_max = max(sigma_min, least), min(sigma_max, most)
    u = torch.linspace(0, 1, steps, dtype=torch.float64)
    ratio = (sigma_max ** (1 / rho) + u * (sigma_min ** (1 / rho) - sigma_max ** (1 / rho))) ** rho
    times = schedule.time(NoiseLevel(torch.ones_like(ratio), ratio))
    return torch.cat([times, torch.zeros(1, dtype=torch.float64)])


def strided(schedule: Schedule, steps: int = 34, stride: int = 30, num: int = 1000) -> Tensor:
    """Return the course's list of timesteps, 990, 960, ..., 30, 0, and then clean.

    The course's own loop stops at timestep 0, which on a discrete schedule still holds a little noise (its standard deviation
    is 0.006 on DeepFloyd IF's schedule). Drop the last time to have exactly its 33 steps.

    Args:
        schedule: not used; every grid takes one.
        steps: how many of the *last* entries are used; 34 gives the whole list.
        stride: the difference between two timesteps.
        num: the number of training timesteps.

    Returns:
        (steps + 1,) float64 times. Timestep i lies at the time (i + 1) / num.

    Raises:
        UserError: the list has fewer entries.

    >>> from noisewalk.walk import LinearPath
    >>> [round(t * 1000 - 1) for t in strided(LinearPath(), 34).tolist()][:3]
    [990, 960, 930]
    """
    index = torch.arange((num - 1) // stride * stride, -1, -stride, dtype=torch.float64)
    if steps > len(index):
        raise UserError(f"the course grid has {len(index)} steps of {stride}, but {steps} were asked for; use --grid linspace")
    return torch.cat([(index[len(index) - steps :] + 1) / num, torch.zeros(1, dtype=torch.float64)])


def native(schedule: Schedule, steps: int) -> Tensor:
    """Return the grid that came with the model: the one that its own sampler was configured with.

    Args:
        schedule: a `WithGrid`.
        steps: the number of steps.

    Returns:
        (steps + 1,) float64 times.

    Raises:
        UserError: the schedule has no grid of its own.
    """
    if not isinstance(schedule, WithGrid):
        raise UserError("this model has no grid of its own; use --grid linspace")
    return schedule.grid(steps)


def walk_times(grid: str, schedule: Schedule, steps: int) -> Tensor:
    """Return the times of a named grid.

    Args:
        grid: a key of `GRIDS`.
        schedule: the path that is walked.
        steps: the number of steps, at least 1.

    Returns:
        (steps + 1,) float64 times, from the noisiest down to 0.

    Raises:
        UserError: there is no such grid, fewer than one step is asked for, or the grid has fewer steps.
    """
    if grid not in GRIDS:
        raise unknown("grid", grid, GRIDS)
    if steps < 1:
        raise UserError(f"a walk needs at least 1 step, but {steps} were asked for; try --steps 20")
    return GRIDS[grid](schedule, steps)


def levels(schedule: Schedule, times: Tensor) -> list[NoiseLevel]:
    """Return the noise level at each time.

    Args:
        schedule: the path of noise levels.
        times: (T,) times in [0, 1].

    Returns:
        T levels, each of two float64 tensors without dimensions.
    """
    return [schedule(t) for t in times.double().unbind()]


def truncate(times: Tensor, start: int) -> Tensor:
    """Return the rest of a grid from index `start` on: SDEdit and iterative denoising begin there.

    Args:
        times: (steps + 1,) the whole grid.
        start: the index of a step, from 0 to steps - 1.

    Returns:
        (steps + 1 - start,) the times from there on.

    Raises:
        UserError: `start` is not the index of a step of the grid.
    """
    steps = len(times) - 1
    if not 0 <= start < steps:
        raise UserError(f"the walk has {steps} steps, so it can start at 0 to {steps - 1}, but {start} was asked for")
    return times[start:]
