"""Walks of several samples at once, one for each prompt, which agree on one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel
from ..walk.prediction import Denoiser, Prediction
from .terms import Map, Mixture, Term


@dataclass(frozen=True)
class Pick:
    """The map to one of several samples that are stacked along the channels, (N, K c, H, W) -> (N, c, H, W).

    Args:
        index: the number of the sample, from 0.
        count: K.
    """

    index: int
    count: int

    def __call__(self, x: Tensor) -> Tensor:
        """Return the sample."""
        return x.chunk(self.count, 1)[self.index]


@dataclass(frozen=True)
class Place:
    """The map that puts a sample into a stack that is 0 elsewhere, (N, c, H, W) -> (N, K c, H, W); see `Pick`."""

    index: int
    count: int

    def __call__(self, x: Tensor) -> Tensor:
        """Return the stack."""
        parts = [torch.zeros_like(x)] * self.count
        parts[self.index] = x
        return torch.cat(parts, 1)


def separately(denoisers: Sequence[Denoiser]) -> Denoiser:
    """Combine K denoisers, each for a sample of its own, into one for the samples stacked along the channels.

        x0 = (x0_1, ..., x0_K),     x0_i = denoiser_i(x_t_i),     x_t = (x_t_1, ..., x_t_K)

    It is linear guidance: placing what was picked, summed over the samples, is the identity. A step is one network call.

    Args:
        denoisers: one per sample; it is called with (N, K c, H, W), and low-resolution conditioning is stacked in the same way.
    """
    count = len(denoisers)

    def term(i: int, denoiser: Denoiser) -> Term:
        return Term(denoiser, (Place(i, count),), (Pick(i, count),), (Place(i, count),))

    return Mixture(tuple(term(i, denoiser) for i, denoiser in enumerate(denoisers)))


def agreeing(denoiser: Denoiser, agree: Map) -> Denoiser:
    """Return a denoiser whose predicted samples are changed to agree with each other, x0 <- agree(x0)."""

    def agreed(x_t: Tensor, level: NoiseLevel) -> Prediction:
        p = denoiser(x_t, level)
        return replace(p, x0=agree(p.x0))

    return agreed


def each(count: int, f: Map) -> Map:
    """Return the map that applies `f` to each of `count` samples that are stacked along the channels."""
    return lambda x: torch.cat([f(part) for part in x.chunk(count, 1)], 1)
