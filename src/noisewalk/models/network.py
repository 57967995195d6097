"""A trained network as a `Model`: any noise level in, x0 out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel, Schedule
from ..walk.prediction import Prediction, to_x0


@dataclass(frozen=True, eq=False)
class NetworkModel:
    """A network together with the schedule and the target it was trained with.

    The network is asked at the time of its own schedule that has the signal-to-noise ratio of the level at hand, with the
    picture scaled to match, so it can be walked along any path; on its own schedule both are exact.

    Args:
        network: (x, t, *cond) -> output; t is (N,) in [0, 1].
        schedule: the noise levels it was trained on, in the range of its own data.
        prediction_type: a key of `TARGETS`.
        max_batch: most rows in one network call, to bound memory; 0 for no bound.
        row_multiple: rows of a call are filled up to a multiple of this. In float32 convolution libraries choose other
            kernels, with other rounding, for some small batches (oneDNN's agree bit for bit at multiples of 16 with one
            thread, of 4 with two; at no multiple with most other numbers of threads), and a picture should not depend on the
            batch it is made in.
        time_conditioning: time -> what the network is told, both 0-d and on the CPU; float32 time if nothing else is said.
        learned_variance: the second half of the output's channels says where the variance lies, -1 smallest, 1 largest
            (Nichol & Dhariwal 2021, eq. 15).
        data_scale, data_shift: the range of its own data: it was trained on data_scale * x + data_shift for x in [-1, 1]
            (0.5 and 0.5 for [0, 1]).
    """

    network: Callable[..., Tensor]
    schedule: Schedule
    prediction_type: str
    max_batch: int = 0
    row_multiple: int = 1
    data_scale: float = 1.0
    data_shift: float = 0.0
    time_conditioning: Callable[[Tensor], Tensor] = torch.Tensor.float
    learned_variance: bool = False

    def __call__(self, x_t: Tensor, level: NoiseLevel, *cond: Tensor) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level, under a condition."""
        here = NoiseLevel(level.alpha, self.data_scale * level.sigma)  # the level in the range of the network's data
        x = x_t if self.data_scale == 1 else self.data_scale * x_t
        x = x if self.data_shift == 0 else x + self.data_shift * level.alpha
        t = self.schedule.time(here)
        own = self.schedule(t)
        scale = (own.alpha + own.sigma) / (here.alpha + here.sigma)
        x = x if scale == 1 else scale * x
        times = self.time_conditioning(t).to(x_t.device).expand(len(x_t))
        rows = self.max_batch or len(x_t)
        given = (x, times, *(each.to(x_t.device) for each in cond))
        parts = zip(*(torch.split(each, rows) for each in given), strict=True)
        output = torch.cat([self._call(part) for part in parts])
        output, var_frac = output.to(x_t.dtype), None
        if self.learned_variance:
            output, v = output.chunk(2, dim=1)
            var_frac = (v + 1) / 2
        x0 = to_x0(output, x, own, self.prediction_type)
        if self.data_scale != 1 or self.data_shift != 0:
            x0 = (x0 - self.data_shift) / self.data_scale
        return Prediction(x0, var_frac)

    def _call(self, rows: tuple[Tensor, ...]) -> Tensor:
        num = len(rows[0])
        missing = -num % self.row_multiple
        if not missing:
            return self.network(*rows)
        filled = (torch.cat([each, each[-1:].expand(missing, *each.shape[1:])]) for each in rows)
        return self.network(*filled)[:num]
