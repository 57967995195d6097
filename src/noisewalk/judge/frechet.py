"""The Fréchet distance between two sets of features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (D,) and covariance (D, D) of features, float64, with the number they were measured on."""

    mean: Tensor
    cov: Tensor
    count: int


def moments(features: Tensor) -> Moments:
    """Of (N, D) features, N > 1."""
    features = features.double()
    return Moments(features.mean(0), torch.cov(features.T), len(features))


def frechet(a: Moments, b: Moments) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), with the root's trace from the eigenvalues of C_a^(1/2) C_b C_a^(1/2).

    Biased upwards by about the inverse of the smaller count: compare distances of equal counts only.

    Reference: Heusel et al. 2017, eq. 6.
    """
    values, vectors = torch.linalg.eigh(a.cov)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ b.cov @ root).clamp(min=0).sqrt().sum()
    return float((a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * cross)
