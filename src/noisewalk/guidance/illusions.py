"""Pictures that are several pictures: anagrams (one per view) and hybrids (one per component)."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UserError
from ..walk.prediction import Denoiser
from .terms import Map, Mixture, Scale, Term
from .views import View


def anagram(denoisers: Sequence[Denoiser], views: Sequence[View], weights: Sequence[float] | None = None) -> Denoiser:
    """One picture, several views, a denoiser for each:

        x0 = sum_i w_i view_i^-1( denoiser_i( view_i(x_t) ) ),     sum_i w_i = 1

    Reference: Geng et al., *Visual Anagrams*, 2024, eq. 4 (there with equal weights).

    Args:
        denoisers: one per view, e.g. each a prompt under `cfg`.
        views: as many.
        weights: positive, one per view; divided by their sum. A prompt that dominates is given less.
    """
    count = len(denoisers)
    weights = [1.0] * count if weights is None else list(weights)
    if not count or len(views) != count:
        raise UserError(f"an anagram needs one view for each prompt: {count} prompts and {len(views)} views were given")
    if len(weights) != count or min(weights) < 0 or sum(weights) <= 0:
        raise UserError(f"an anagram of {count} prompts needs {count} weights, none negative, not all 0; got {weights}")
    total = sum(weights)

    def term(denoiser: Denoiser, view: View, weight: float) -> Term:
        share = Scale(weight / total)
        seen = () if view.name == "identity" else (view.forward,)
        return Term(denoiser, (view.inverse, share), seen, (view.inverse_variance, share))

    return Mixture(tuple(term(d, v, w) for d, v, w in zip(denoisers, views, weights, strict=True)))


def factorize(denoisers: Sequence[Denoiser], components: Sequence[Map]) -> Denoiser:
    """One picture whose parts are decided by different denoisers:

        x0 = sum_i component_i( denoiser_i(x_t) ),     sum_i component_i = identity

    Low and high frequencies give hybrid images (Oliva et al. 2006), grey and colour, or bands, others.

    Reference: Geng et al., *Factorized Diffusion*, 2024, eq. 3.
    """
    count = len(denoisers)
    if not count or len(components) != count:
        raise UserError(f"{count} prompts need as many components, got {len(components)}")
    share = Scale(1 / count)
    return Mixture(tuple(Term(d, (f,), (), (share,)) for d, f in zip(denoisers, components, strict=True)))
