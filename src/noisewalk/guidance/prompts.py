"""Guidance by prompts: classifier-free guidance, negative prompts, weighted compositions."""

from __future__ import annotations

from collections.abc import Sequence

from ..walk.prediction import Denoiser
from .terms import Mixture, Scale, Term


def cfg(cond: Denoiser, uncond: Denoiser, guidance_scale: float) -> Denoiser:
    """Classifier-free guidance:  x0 = x0_u + g (x0_c - x0_u).

    g = 0 is unconditional, g = 1 conditional, g > 1 exaggerates the prompt (diffusers' convention; some papers write
    w = g - 1). A negative prompt is its denoiser in place of `uncond`. The learned variance is the conditional one's.

    Reference: Ho & Salimans 2022, eq. 6 (with w = g - 1).
    """
    if guidance_scale == 1:
        return cond
    return Mixture((Term(cond, (Scale(guidance_scale),), (), ()), Term(uncond, (Scale(1 - guidance_scale),))))


def compose(conds: Sequence[Denoiser], uncond: Denoiser, guidance_scales: Sequence[float]) -> Denoiser:
    """Several prompts at once:  x0 = x0_u + sum_i g_i (x0_i - x0_u).

    Reference: Liu et al., *Compositional Visual Generation with Composable Diffusion Models*, 2022, eq. 11.
    """
    if len(conds) != len(guidance_scales) or not conds:
        raise ValueError(f"{len(conds)} prompts need as many guidance scales, got {len(guidance_scales)}")
    share = Scale(1 / len(conds))
    terms = [Term(d, (Scale(g),), (), (share,)) for d, g in zip(conds, guidance_scales, strict=True)]
    return Mixture((*terms, Term(uncond, (Scale(1 - sum(guidance_scales)),))))
