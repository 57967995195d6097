"""Balanced anagrams: no prompt dominates, and averages keep their contrast."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel
from ..walk.prediction import Denoiser, Prediction
from .illusions import check_one_view_per_prompt, input_maps, normalized_weights
from .terms import BatchedMixtures, Term, flatten
from .views import View

_LEAST = 1e-6


@dataclass(frozen=True)
class Balanced:
    """An anagram whose weights and guidance follow the walk, picture by picture. Of prompt i, through view i and turned back,

        u_i = view_i^-1( uncond(view_i(x_t)) ),     d_i = view_i^-1( cond_i(view_i(x_t)) ) - u_i

    are what is there without it, and what it still wants changed. With a guidance scale g and K prompts,

        x0 = sum_i w_i u_i + r g sum_i w_i d_i
        vectors:   w_i = v_i |d_i| / sum_j v_j |d_j|                             (otherwise w_i = v_i / sum_j v_j)
        variance:  r = min(K, sum_i w_i |d_i|^2 / |sum_i w_i d_i|^2)             (otherwise r = 1)

    d_i is proportional to the gradient of log p(prompt_i | view_i(x_t)): it vanishes for a prompt that the picture shows
    already, so the weight goes to the one that is left behind. And K prompts that want unrelated things get 1/K of their
    guidance each from a mean; r is the factor by which the power of the mean is less than the mean of the powers, K if the d_i
    are orthogonal, 1 if they agree. With neither rule this is `combine_views` of the prompts under `cfg`.

    The ideas are known as noise vector balancing and noise variance rectification (Xu et al., *Diffusion-based Visual Anagram
    as Multi-task Learning*, 2025, where they act on the noise). The rules here are this project's own; `bench/illusions.py`
    measures each alone, and against a plain mean with more guidance.

    Args:
        conds: one per view, not under guidance.
        uncond: the branch that guidance goes away from; shared.
        guidance_scale: see `cfg`. The unconditional branch is asked even where it is 1.
        views: as many as conds.
        weights: v_i, positive; equal if None.
        vectors, variance: which of the two to do.
    """

    conds: tuple[Denoiser, ...]
    uncond: Denoiser
    guidance_scale: float
    views: tuple[View, ...]
    weights: tuple[float, ...] | None = None
    vectors: bool = True
    variance: bool = True
    _batched: BatchedMixtures = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_one_view_per_prompt(len(self.conds), len(self.views))
        object.__setattr__(self, "_shares", normalized_weights(len(self.conds), self.weights))
        sums = []
        for cond, view in zip(self.conds, self.views, strict=True):
            for branch in (cond, self.uncond):
                sums.append(flatten(Term(branch, (view.inverse,), input_maps(view), (view.inverse_variance,))))
        object.__setattr__(self, "_batched", BatchedMixtures(tuple(sums)))

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level."""
        answers = self._batched(x_t, level)
        conds, unconds = answers[::2], answers[1::2]
        there = torch.stack([u.x0 for u in unconds])  # (K, N, C, H, W)
        wanted = torch.stack([c.x0 for c in conds]) - there
        weights = self._weights(wanted)
        guidance = (weights * wanted).sum(0)
        if self.variance:
            guidance = rectification(wanted, weights) * guidance
        x0 = (weights * there).sum(0) + self.guidance_scale * guidance
        fractions = [p.var_frac for p in conds if p.var_frac is not None]
        if len(fractions) < len(conds):
            return Prediction(x0)
        return Prediction(x0, (weights * torch.stack(fractions)).sum(0))

    def _weights(self, wanted: Tensor) -> Tensor:
        """(K, N, 1, 1, 1), summing to 1 over the prompts."""
        given = wanted.new_tensor(getattr(self, "_shares")).view(-1, 1, 1, 1, 1)  # noqa: B009 - set in __post_init__
        if not self.vectors:
            return given.expand(-1, wanted.shape[1], 1, 1, 1)
        size = wanted.flatten(2).square().mean(2).sqrt() + _LEAST  # where nobody wants anything, the given weights hold
        pull = given * size[..., None, None, None]
        return pull / pull.sum(0)


def rectification(vectors: Tensor, weights: Tensor) -> Tensor:
    """(N, 1, 1, 1) mean power over power of the mean, between 1 (they agree) and their number (orthogonal, or opposed).

    Args:
        vectors: (K, N, C, H, W).
        weights: (K, N, 1, 1, 1) summing to 1 over K.
    """
    mean_power = (weights.flatten(1) * vectors.flatten(2).square().sum(2)).sum(0)
    power_of_mean = (weights * vectors).sum(0).flatten(1).square().sum(1)
    r = (mean_power / power_of_mean.clamp(min=_LEAST**2)).clamp(1, len(vectors))
    return r.view(-1, 1, 1, 1)
