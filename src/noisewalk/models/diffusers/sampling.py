"""What a scheduler configuration says, in noisewalk's terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...walk.noise import NoiseLevel, Schedule


@dataclass(frozen=True, eq=False)
class Sampling:
    """What a scheduler configuration says.

    Args:
        schedule: the path, with the scheduler's own grid.
        prediction_type: a key of `TARGETS`.
        time_conditioning: maps the time to the timestep that the network takes, in the dtype of the time.
        num: the number of timesteps.
        step_rule: a key of `STEP_RULES`.
        learned_variance: whether half of the output's channels are a variance.
        threshold: a key of `THRESHOLDS`.
        dynamic: quantile and greatest value of dynamic thresholding.
        clip: the greatest value of the threshold "clip".
        unit_start: see `Pretrained`.
        boundary: see `NetworkModel`.
        network_schedule: the path in the scale that the network sees; None if it is `schedule`.
        lines: what is not followed, and what is walked instead.
    """

    schedule: Schedule
    prediction_type: str
    time_conditioning: Callable[[Tensor], Tensor]
    num: int
    step_rule: str
    learned_variance: bool = False
    threshold: str = "none"
    dynamic: tuple[float, float] = (0.95, 1.5)
    clip: float = 1.0
    unit_start: bool = True
    boundary: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    network_schedule: Schedule | None = None
    lines: tuple[str, ...] = ()


def times_of(path: Schedule, ratios: Tensor) -> Tensor:
    """Return the times at which a path has these sigma / alpha."""
    return path.time(NoiseLevel(torch.ones_like(ratios), ratios))
