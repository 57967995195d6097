"""Guidance by prompts: classifier-free guidance, negative prompts, weighted compositions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..walk.noise import NoiseLevel
from ..walk.prediction import Denoiser, Prediction
from .terms import Mixture, Scale, Term

_ROUNDING = 1e-6
"""A level at the very end of an interval is in it."""


def cfg(cond: Denoiser, uncond: Denoiser, guidance_scale: float) -> Denoiser:
    """Classifier-free guidance:  x0 = x0_u + g (x0_c - x0_u).

    g = 0 is unconditional, g = 1 conditional, g > 1 exaggerates the prompt (diffusers' convention; some papers write
    w = g - 1). A negative prompt is its denoiser in place of `uncond`. The learned variance is the conditional one's.

    Reference: Ho & Salimans 2022, eq. 6 (with w = g - 1).
    """
    if guidance_scale == 1:
        return cond
    return Mixture((Term(cond, (Scale(guidance_scale),), (), ()), Term(uncond, (Scale(1 - guidance_scale),))))


def within(guided: Denoiser, plain: Denoiser, noisiest: NoiseLevel, cleanest: NoiseLevel) -> Denoiser:
    """`guided` from one level of noise to another (both included), `plain` before and after.

    Guidance matters in the middle of a walk: while there is almost only noise it makes pictures alike, and at the end it
    makes contours harsh. Limited to the middle it can be stronger, and the rest of the walk costs half the calls.

    Reference: Kynkäänniemi et al., *Applying Guidance in a Limited Interval Improves Sample and Distribution Quality in
    Diffusion Models*, 2024, eq. 5.
    """

    def denoise(x_t: Tensor, level: NoiseLevel) -> Prediction:
        # sigma / alpha between the two, without the division: alpha may be 0
        not_above = level.sigma * noisiest.alpha <= noisiest.sigma * level.alpha * (1 + _ROUNDING)
        not_below = level.sigma * cleanest.alpha * (1 + _ROUNDING) >= cleanest.sigma * level.alpha
        return (guided if not_above and not_below else plain)(x_t, level)

    return denoise


def compose(conds: Sequence[Denoiser], uncond: Denoiser, guidance_scales: Sequence[float]) -> Denoiser:
    """Several prompts at once:  x0 = x0_u + sum_i g_i (x0_i - x0_u).

    Reference: Liu et al., *Compositional Visual Generation with Composable Diffusion Models*, 2022, eq. 11.
    """
    if len(conds) != len(guidance_scales) or not conds:
        raise ValueError(f"{len(conds)} prompts need as many guidance scales, got {len(guidance_scales)}")
    share = Scale(1 / len(conds))
    terms = [Term(d, (Scale(g),), (), (share,)) for d, g in zip(conds, guidance_scales, strict=True)]
    return Mixture((*terms, Term(uncond, (Scale(1 - sum(guidance_scales)),))))
