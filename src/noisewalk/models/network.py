"""A trained network as a `Model`: it takes any noise level and returns x0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel, Schedule
from ..walk.prediction import Prediction, to_x0


@dataclass(frozen=True, eq=False)
class NetworkModel:
    """A network together with the schedule and the target that it was trained with.

    The network is called at the time of its own schedule that has the signal-to-noise ratio of the level at hand, with the
    picture scaled to match:

        t = schedule.time(level),     x = x_t (alpha(t) + sigma(t)) / (alpha + sigma),     x0 = to_x0(network(x, t), x)

    So it can be walked along any path; on its own schedule both steps change nothing.

    Args:
        network: maps (x, t, *cond) to its output; t is (N,).
        schedule: the noise levels that it was trained on, in the range of its own data.
        prediction_type: a key of `TARGETS`.
        max_batch: most rows in one network call, which bounds memory; 0 for no bound.
        row_multiple: the rows of a call are filled up to a multiple of this, because a picture should not depend on the batch
            that it is made in. In float32, convolution libraries choose other kernels, with other rounding, for some small
            batches. oneDNN's agree bit for bit at multiples of 16 with one thread and of 4 with two, and at no multiple with
            most other numbers of threads.
        time_conditioning: maps the time, a tensor without dimensions on the CPU, to what the network is given; by default the
            time in float32.
        learned_variance: True if the second half of the output's channels is the learned variance, from -1 (smallest) to 1
            (largest).
        data_scale: the range of its data: it was trained on data_scale * x + data_shift for x in [-1, 1] (0.5 and 0.5 for [0,
            1]).
        data_shift: see `data_scale`.
        boundary: maps the time to (c_skip, c_out) of a consistency model, whose x0 is c_out x0 + c_skip x_t; None for others.

    Reference: for the learned variance, Nichol & Dhariwal, *Improved Denoising Diffusion Probabilistic Models*, 2021, eq. 15,
    https://arxiv.org/abs/2102.09672.
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
    boundary: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def __call__(self, x_t: Tensor, level: NoiseLevel, *cond: Tensor) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level, under a condition."""
        here = NoiseLevel(level.alpha, self.data_scale * level.sigma)  # the level in the range of the network's own data
        x = x_t if self.data_scale == 1 else self.data_scale * x_t
        x = x if self.data_shift == 0 else x + self.data_shift * level.alpha
        t = self.schedule.time(here)
        own = self.schedule(t)
        scale = (own.alpha + own.sigma) / (here.alpha + here.sigma)
        x = x if scale == 1 else scale * x
        times = self.time_conditioning(t).to(x_t.device).expand(len(x_t))
        rows = self.max_batch or len(x_t)
        inputs = (x, times, *(each.to(x_t.device) for each in cond))
        parts = zip(*(torch.split(each, rows) for each in inputs), strict=True)
        output = torch.cat([self._call(part) for part in parts])
        output, var_frac = output.to(x_t.dtype), None
        if self.learned_variance:
            output, v = output.chunk(2, dim=1)
            var_frac = (v + 1) / 2
        x0 = to_x0(output, x, own, self.prediction_type)
        if self.boundary is not None:
            c_skip, c_out = self.boundary(t)
            x0 = c_out * x0 + c_skip * x
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
