"""Keeping x0 within the range of pictures. Not linear, so always the outermost guidance."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel
from ..walk.prediction import Denoiser, Prediction


def clip(denoiser: Denoiser) -> Denoiser:
    """x0 clipped to [-1, 1]."""

    def clipped(x_t: Tensor, level: NoiseLevel) -> Prediction:
        p = denoiser(x_t, level)
        return replace(p, x0=p.x0.clamp(-1, 1))

    return clipped


def dynamic_threshold(denoiser: Denoiser, quantile: float = 0.95, max_value: float = 1.5) -> Denoiser:
    """x0 clipped to [-s, s] and divided by s, where s is a quantile of |x0| of each picture, kept within [1, max_value].

    Reference: Saharia et al., *Imagen*, 2022, section 2.3; the defaults are DeepFloyd IF's.
    """

    def thresholded(x_t: Tensor, level: NoiseLevel) -> Prediction:
        p = denoiser(x_t, level)
        s = _quantile(p.x0.flatten(1).abs(), quantile).clamp(1, max_value).view(-1, *[1] * (x_t.ndim - 1))
        return replace(p, x0=p.x0.clamp(-s, s) / s)

    return thresholded


def _quantile(rows: Tensor, q: float) -> Tensor:
    """torch.quantile of each row, without its limit of 16 million elements (a 1024x1024 batch passes it)."""
    ordered = rows.sort(dim=1).values
    position = q * (rows.shape[1] - 1)
    low = int(position)
    high = min(low + 1, rows.shape[1] - 1)
    return torch.lerp(ordered[:, low], ordered[:, high], position - low)


THRESHOLDS = {"none": lambda denoiser: denoiser, "clip": clip, "dynamic": dynamic_threshold}
"""Thresholds by name."""
