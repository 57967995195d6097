"""Time grids: decreasing float64 times in [0, 1], and the levels a schedule gives them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import UserError, unknown
from .noise import NoiseLevel, Schedule, WithGrid

Grid = Callable[[Schedule, int], Tensor]
"""(schedule, number of steps) -> (steps + 1,) times, from the noisiest down to 0."""


def linspace(schedule: Schedule, steps: int) -> Tensor:
    """Evenly spaced times from 1 to 0: the grid of flow matching's Euler sampler."""
    return torch.linspace(1, 0, steps + 1, dtype=torch.float64)


def leading(schedule: Schedule, steps: int, num: int = 1000) -> Tensor:
    """Timesteps (steps-1) k, ..., 2k, k, 0 of `num`, k = num // steps, then clean: diffusers' "leading" spacing.

    >>> from noisewalk.walk import LinearPath
    >>> index = leading(LinearPath(), 30) * 1000 - 1
    >>> [round(i) for i in index.tolist()][:3]
    [957, 924, 891]
    """
    index = torch.arange(steps - 1, -1, -1, dtype=torch.float64) * (num // steps)
    return torch.cat([(index + 1) / num, torch.zeros(1, dtype=torch.float64)])


def trailing(schedule: Schedule, steps: int, num: int = 1000) -> Tensor:
    """Timesteps round(num, num - k, ...) - 1 with k = num / steps, then clean: starts at the very noisiest level.

    Reference: Lin et al., *Common Diffusion Noise Schedules and Sample Steps are Flawed*, 2024.
    """
    index = torch.round(torch.arange(steps, 0, -1, dtype=torch.float64) * (num / steps)) - 1
    return torch.cat([(index + 1) / num, torch.zeros(1, dtype=torch.float64)])


def karras(schedule: Schedule, steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Tensor:
    """Times whose ratio sigma / alpha falls as (s_max^(1/rho) + u (s_min^(1/rho) - s_max^(1/rho)))^rho, then clean.

    Both ends are kept within what the schedule reaches: beyond, several steps would share one level.

    Reference: Karras et al., *Elucidating the Design Space of Diffusion-Based Generative Models*, 2022, eq. 5.
    """
    ends = schedule(torch.tensor([torch.finfo(torch.float64).tiny, 1], dtype=torch.float64))
    least, most = (ends.sigma / ends.alpha).tolist()
    sigma_min, sigma_max = max(sigma_min, least), min(sigma_max, most)
    u = torch.linspace(0, 1, steps, dtype=torch.float64)
    ratio = (sigma_max ** (1 / rho) + u * (sigma_min ** (1 / rho) - sigma_max ** (1 / rho))) ** rho
    times = schedule.time(NoiseLevel(torch.ones_like(ratio), ratio))
    return torch.cat([times, torch.zeros(1, dtype=torch.float64)])


def strided(schedule: Schedule, steps: int = 34, stride: int = 30, num: int = 1000) -> Tensor:
    """The course's list 990, 960, ..., 30, 0 of timesteps, then clean.

    The course's own loop stops at timestep 0, which on a discrete schedule still holds noise (std .006 on DeepFloyd IF's);
    drop the last time to have exactly its 33 steps. `steps` keeps the *last* entries: 34 gives the whole list.

    >>> from noisewalk.walk import LinearPath
    >>> [round(t * 1000 - 1) for t in strided(LinearPath(), 34).tolist()][:3]
    [990, 960, 930]
    """
    index = torch.arange((num - 1) // stride * stride, -1, -stride, dtype=torch.float64)
    if steps > len(index):
        raise UserError(f"the course grid has {len(index)} steps of {stride}, {steps} were asked for; use --grid linspace")
    return torch.cat([(index[len(index) - steps :] + 1) / num, torch.zeros(1, dtype=torch.float64)])


def native(schedule: Schedule, steps: int) -> Tensor:
    """The grid that came with the model: what its own sampler was configured with.

    Raises:
        UserError: none came with it.
    """
    if not isinstance(schedule, WithGrid):
        raise UserError("this model brings no grid of its own; use --grid linspace")
    return schedule.grid(steps)


GRIDS: dict[str, Grid] = {
    "linspace": linspace,
    "leading": leading,
    "trailing": trailing,
    "karras": karras,
    "course": strided,
    "native": native,
}


def walk_times(grid: str, schedule: Schedule, steps: int) -> Tensor:
    """The times of a named grid.

    Raises:
        UserError: no such grid, fewer than one step, or more steps than the grid has.
    """
    if grid not in GRIDS:
        raise unknown("grid", grid, GRIDS)
    if steps < 1:
        raise UserError(f"a walk needs at least 1 step, {steps} were asked for; try --steps 20")
    return GRIDS[grid](schedule, steps)


def levels(schedule: Schedule, times: Tensor) -> list[NoiseLevel]:
    """The noise level at each time, as 0-d float64 tensors."""
    return [schedule(t) for t in times.double().unbind()]


def truncate(times: Tensor, start: int) -> Tensor:
    """The rest of a grid from index `start`: where SDEdit and iterative denoising begin.

    Raises:
        UserError: `start` is not the index of a step of the grid.
    """
    steps = len(times) - 1
    if not 0 <= start < steps:
        raise UserError(f"the walk has {steps} steps, so it can start at 0 to {steps - 1}; {start} was asked for")
    return times[start:]
