"""A table of noise levels that is interpolated in sigma / alpha, as schedulers do that count in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .noise import NoiseLevel


@dataclass(frozen=True, eq=False)
class RatioTable:
    """A variance-preserving path given by a table of ratios r = sigma / alpha.

        alpha = 1 / sqrt(1 + r^2),     sigma = r / sqrt(1 + r^2)

    Entry i of T lies at t = (i + 1) / T, and t = 0 is clean. Between two entries r is interpolated, or its logarithm. Below the
    first entry r falls to 0 in proportion to t. Beyond the last one it grows as between the last two entries, so that every
    level has its own time.

    Args:
        ratios: (T,) increasing, above 0.
        logarithmic: interpolate log r instead of r.
    """

    ratios: Tensor
    logarithmic: bool = False

    def __call__(self, t: Tensor) -> NoiseLevel:
        """Return the noise level at time t, where 0 is clean and 1 is the last entry."""
        table = self._knots
        u = t.double() * len(table) - 1
        i = u.floor().long().clamp(0, len(table) - 2)
        between = torch.lerp(table[i], table[i + 1], u - i)
        ratio = torch.where(u < 0, self.ratios[0] * (u + 1).clamp(min=0), between.exp() if self.logarithmic else between)
        alpha = 1 / (1 + ratio**2).sqrt()
        return NoiseLevel(alpha, ratio * alpha)

    def time(self, level: NoiseLevel) -> Tensor:
        """Return the time at which this schedule has the signal-to-noise ratio of `level`."""
        table, ratio = self._knots, (level.sigma / level.alpha).double()
        value = ratio.log() if self.logarithmic else ratio
        i = (torch.searchsorted(table, value.contiguous()) - 1).clamp(0, len(table) - 2)
        u = i + (value - table[i]) / (table[i + 1] - table[i])
        return torch.where(ratio < self.ratios[0], ratio / self.ratios[0], u + 1) / len(table)

    @property
    def _knots(self) -> Tensor:
        return self.ratios.log() if self.logarithmic else self.ratios
