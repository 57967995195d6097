"""Balanced anagrams: no prompt dominates, and the average keeps its contrast."""

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
    """An anagram whose weights and guidance follow the walk, separately for each picture.

    For prompt i, seen through view i and mapped back,

        u_i = view_i^-1( uncond(view_i(x_t)) ),     d_i = view_i^-1( cond_i(view_i(x_t)) ) - u_i

    are what the model predicts without the prompt, and what the prompt still wants to change. With a guidance scale g and K
    prompts,

        x0 = sum_i w_i u_i + r g sum_i w_i d_i
        vectors:   w_i = v_i |d_i| / sum_j v_j |d_j|                             (otherwise w_i = v_i / sum_j v_j)
        variance:  r = min(K, sum_i w_i |d_i|^2 / |sum_i w_i d_i|^2)             (otherwise r = 1)

    d_i is proportional to the gradient of log p(prompt_i | view_i(x_t)). It vanishes for a prompt that the picture shows
    already, so the weight goes to the prompt that is left behind. The mean of K prompts that want unrelated things gives each
    of them 1/K of its guidance. The factor r makes up for that: the power of the mean is less than the mean of the powers by
    this factor, which is K if the d_i are orthogonal and 1 if they agree. With neither rule this is `combine_views` of the
    prompts under `cfg`.

    The rules here are this project's own; `bench/illusions.py` measures each of them alone, and against a plain mean with more
    guidance.

    Args:
        conds: one denoiser per view, not under guidance.
        uncond: the unconditional denoiser that guidance goes away from; all prompts share it.
        guidance_scale: g, see `cfg`. The unconditional denoiser is evaluated even if g is 1.
        views: as many views as denoisers.
        weights: v_i, not negative and not all 0; None for equal weights.
        vectors: whether the weights follow the walk.
        variance: whether the lost contrast is restored.

    Raises:
        UserError: the numbers of prompts, views and weights differ.

    Reference: the ideas are known as noise vector balancing and noise variance rectification, there applied to the noise: Xu et
    al., *Diffusion-based Visual Anagram as Multi-task Learning*, 2025, https://arxiv.org/abs/2412.02693.
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
        predictions = self._batched(x_t, level)
        conds, unconds = predictions[::2], predictions[1::2]
        unconditional = torch.stack([u.x0 for u in unconds])  # (K, N, C, H, W)
        direction = torch.stack([c.x0 for c in conds]) - unconditional
        weights = self._weights(direction)
        guidance = (weights * direction).sum(0)
        if self.variance:
            guidance = rectification(direction, weights) * guidance
        x0 = (weights * unconditional).sum(0) + self.guidance_scale * guidance
        fractions = [p.var_frac for p in conds if p.var_frac is not None]
        if len(fractions) < len(conds):
            return Prediction(x0)
        return Prediction(x0, (weights * torch.stack(fractions)).sum(0))

    def _weights(self, direction: Tensor) -> Tensor:
        """Return (K, N, 1, 1, 1), which sums to 1 over the prompts."""
        given = direction.new_tensor(getattr(self, "_shares")).view(-1, 1, 1, 1, 1)  # noqa: B009 - set in __post_init__
        if not self.vectors:
            return given.expand(-1, direction.shape[1], 1, 1, 1)
        size = direction.flatten(2).square().mean(2).sqrt() + _LEAST  # the given weights hold where no prompt wants a change
        pull = given * size[..., None, None, None]
        return pull / pull.sum(0)


def rectification(vectors: Tensor, weights: Tensor) -> Tensor:
    """Return the mean power divided by the power of the mean, for each picture.

        r = sum_k w_k |d_k|^2 / |sum_k w_k d_k|^2,     kept between 1 (they agree) and K (they are orthogonal, or opposed)

    Args:
        vectors: (K, N, C, H, W) the d_k.
        weights: (K, N, 1, 1, 1), which sum to 1 over K.

    Returns:
        (N, 1, 1, 1).
    """
    mean_power = (weights.flatten(1) * vectors.flatten(2).square().sum(2)).sum(0)
    power_of_mean = (weights * vectors).sum(0).flatten(1).square().sum(1)
    r = (mean_power / power_of_mean.clamp(min=_LEAST**2)).clamp(1, len(vectors))
    return r.view(-1, 1, 1, 1)
