"""Thresholds, which keep x0 within the range of pictures. They are not linear, so they are always the outermost guidance."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel
from ..walk.prediction import Denoiser, Prediction


def clip(denoiser: Denoiser, max_value: float = 1.0) -> Denoiser:
    """Clip x0 to [-max_value, max_value]."""

    def clipped(x_t: Tensor, level: NoiseLevel) -> Prediction:
        p = denoiser(x_t, level)
        return replace(p, x0=p.x0.clamp(-max_value, max_value), raw=p.x0)

    return clipped


def dynamic_threshold(denoiser: Denoiser, quantile: float = 0.95, max_value: float = 1.5) -> Denoiser:
    """Clip x0 to [-s, s] and divide it by s, where s is a quantile of |x0| of each picture.

        s = quantile(|x0|), kept within [1, max_value]

    Args:
        denoiser: predicts x0.
        quantile: from 0 to 1.
        max_value: the largest s, at least 1.

    Reference: Saharia et al., *Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding* (Imagen), 2022,
    section 2.3, https://arxiv.org/abs/2205.11487; the defaults are those of DeepFloyd IF.
    """

    def thresholded(x_t: Tensor, level: NoiseLevel) -> Prediction:
        p = denoiser(x_t, level)
        s = _quantile(p.x0.flatten(1).abs(), quantile).clamp(1, max_value).view(-1, *[1] * (x_t.ndim - 1))
        return replace(p, x0=p.x0.clamp(-s, s) / s, raw=p.x0)

    return thresholded


def _quantile(rows: Tensor, q: float) -> Tensor:
    """Compute torch.quantile of each row, without its limit of 16 million elements, which a batch of 1024x1024 exceeds."""
    ordered = rows.sort(dim=1).values
    position = q * (rows.shape[1] - 1)
    low = int(position)
    high = min(low + 1, rows.shape[1] - 1)
    return torch.lerp(ordered[:, low], ordered[:, high], position - low)
