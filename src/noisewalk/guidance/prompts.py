"""Guidance by prompts: classifier-free guidance, negative prompts, and weighted compositions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..walk.noise import NoiseLevel
from ..walk.prediction import Denoiser, Prediction
from .terms import Mixture, Scale, Term

_ROUNDING = 1e-6
"""The relative tolerance that keeps a level at the very end of an interval inside of it."""


def cfg(cond: Denoiser, uncond: Denoiser, guidance_scale: float) -> Denoiser:
    """Apply classifier-free guidance.

        x0 = x0_u + g (x0_c - x0_u)

    g = 0 is unconditional, g = 1 is conditional, and g > 1 exaggerates the prompt. This is the convention of diffusers; some
    papers write w = g - 1. For a negative prompt, give its denoiser in place of `uncond`. The learned variance is that of
    `cond`.

    Args:
        cond: the denoiser of the prompt.
        uncond: the denoiser that guidance goes away from.
        guidance_scale: g.

    Reference: Ho & Salimans, *Classifier-Free Diffusion Guidance*, 2022, eq. 6 (with w = g - 1),
    https://arxiv.org/abs/2207.12598.
    """
    if guidance_scale == 1:
        return cond
    return Mixture((Term(cond, (Scale(guidance_scale),), (), ()), Term(uncond, (Scale(1 - guidance_scale),))))


def within(guided: Denoiser, plain: Denoiser, noisiest: NoiseLevel, cleanest: NoiseLevel) -> Denoiser:
    """Use `guided` between two levels of noise (both included), and `plain` before and after.

    Guidance matters in the middle of a walk. While there is almost only noise, it makes pictures alike, and at the end it makes
    contours harsh. Guidance in the middle only can be stronger, and the rest of the walk costs half of the network calls.

    Args:
        guided: the denoiser inside the interval.
        plain: the denoiser outside of it.
        noisiest: the level at which the interval begins.
        cleanest: the level at which it ends.

    Reference: Kynkäänniemi et al., *Applying Guidance in a Limited Interval Improves Sample and Distribution Quality in
    Diffusion Models*, 2024, eq. 5, https://arxiv.org/abs/2404.07724.
    """

    def denoise(x_t: Tensor, level: NoiseLevel) -> Prediction:
        # compare sigma / alpha without a division, because alpha may be 0
        not_above = level.sigma * noisiest.alpha <= noisiest.sigma * level.alpha * (1 + _ROUNDING)
        not_below = level.sigma * cleanest.alpha * (1 + _ROUNDING) >= cleanest.sigma * level.alpha
        return (guided if not_above and not_below else plain)(x_t, level)

    return denoise


def compose(conds: Sequence[Denoiser], uncond: Denoiser, guidance_scales: Sequence[float]) -> Denoiser:
    """Apply several prompts at once.

        x0 = x0_u + sum_i g_i (x0_i - x0_u)

    Args:
        conds: the denoisers of the prompts.
        uncond: the unconditional denoiser.
        guidance_scales: g_i, one for each prompt; a negative one pushes away from its prompt.

    Raises:
        ValueError: the numbers of prompts and scales differ, or there are none.

    Reference: Liu et al., *Compositional Visual Generation with Composable Diffusion Models*, 2022, eq. 11,
    https://arxiv.org/abs/2206.01714.
    """
    if len(conds) != len(guidance_scales) or not conds:
        raise ValueError(f"{len(conds)} prompts need {len(conds)} guidance scales; {len(guidance_scales)} were given")
    share = Scale(1 / len(conds))
    terms = [Term(d, (Scale(g),), (), (share,)) for d, g in zip(conds, guidance_scales, strict=True)]
    return Mixture((*terms, Term(uncond, (Scale(1 - sum(guidance_scales)),))))
