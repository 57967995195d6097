"""The Fréchet distance between two sets of features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """The moments of a set of features.

    Args:
        mean: (D,) float64.
        cov: (D, D) the covariance, float64.
        count: the number of features.
    """

    mean: Tensor
    cov: Tensor
    count: int


def moments(features: Tensor) -> Moments:
    """Return the moments of (N, D) features, N at least 2."""
    features = features.double()
    return Moments(features.mean(0), torch.cov(features.T), len(features))


def frechet(a: Moments, b: Moments) -> float:
    """Return the Fréchet distance between two Gaussians, as in the FID.

        |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))

    The trace of the root comes from the eigenvalues of C_a^(1/2) C_b C_a^(1/2). The distance is biased upwards by about the
    inverse of the smaller count, so compare only distances of equal counts.

    Args:
        a: the moments of one set.
        b: the moments of the other.

    Reference: Heusel et al., *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, 2017, eq. 6,
    https://arxiv.org/abs/1706.08500.
    """
    values, vectors = torch.linalg.eigh(a.cov)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ b.cov @ root).clamp(min=0).sqrt().sum()
    return float((a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * cross)
