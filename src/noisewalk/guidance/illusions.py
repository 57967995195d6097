"""Pictures that are several pictures: anagrams (one per view) and hybrids (one per component)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..errors import UserError
from ..walk.noise import NoiseLevel
from ..walk.prediction import Denoiser, Prediction
from .terms import Map, Mixture, Scale, Term
from .views import View, ViewLike, as_view


def combine_views(
    denoisers: Sequence[Denoiser], views: Sequence[View | ViewLike], weights: Sequence[float] | None = None
) -> Denoiser:
    """One picture, several views, a denoiser for each:

        x0 = sum_i w_i view_i^-1( denoiser_i( view_i(x_t) ) ),     sum_i w_i = 1

    Reference: Geng et al., *Visual Anagrams*, 2024, eq. 4 (there with equal weights).

    Args:
        denoisers: one per view, e.g. each a prompt under `cfg`.
        views: as many.
        weights: positive, one per view; divided by their sum. A prompt that dominates is given less.
    """
    check_one_view_per_prompt(len(denoisers), len(views))

    def term(denoiser: Denoiser, look: View | ViewLike, weight: float) -> Term:
        view, share = as_view(look), Scale(weight)
        return Term(denoiser, (view.inverse, share), input_maps(view), (view.inverse_variance, share))

    each = zip(denoisers, views, normalized_weights(len(denoisers), weights), strict=True)
    return Mixture(tuple(term(d, v, w) for d, v, w in each))


def alternate_views(
    denoisers: Sequence[Denoiser],
    views: Sequence[View | ViewLike],
    path: Sequence[NoiseLevel],
    weights: Sequence[float] | None = None,
) -> Denoiser:
    """An anagram whose prompts take turn_order, one at each level of the path, instead of being averaged:

        x0 = view_i^-1( denoiser_i( view_i(x_t) ) ),     i = turn(t)

    An estimate keeps its full contrast and a step asks one prompt only; prompts that disagree undo each other's work. Turns are
    handed out so that after any number of levels each prompt has had its share of them, as nearly as can be.

    Args:
        path: the levels of the walk; a level between two of them belongs to the noisier.
    """
    check_one_view_per_prompt(len(denoisers), len(views))
    alone = [combine_views([d], [v]) for d, v in zip(denoisers, views, strict=True)]
    order = turn_order(normalized_weights(len(denoisers), weights), len(path))
    ratios = [float(level.sigma / (level.alpha + level.sigma)) for level in path]

    def denoise(x_t: Tensor, level: NoiseLevel) -> Prediction:
        here = float(level.sigma / (level.alpha + level.sigma))
        reached = sum(ratio >= here - 1e-9 for ratio in ratios)
        return alone[order[max(reached - 1, 0)]](x_t, level)

    return denoise


def combine_components(denoisers: Sequence[Denoiser], components: Sequence[Map]) -> Denoiser:
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


def normalized_weights(count: int, weights: Sequence[float] | None) -> list[float]:
    """The part each of `count` prompts has in a picture, of weights of any scale; equal if none are given.

    >>> normalized_weights(2, [1, 3])
    [0.25, 0.75]
    """
    weights = [1.0] * count if weights is None else list(weights)
    if len(weights) != count or min(weights) < 0 or not 0 < sum(weights) < float("inf"):
        raise UserError(f"an anagram of {count} prompts needs {count} weights, none negative, not all 0; got {weights}")
    return [weight / sum(weights) for weight in weights]


def turn_order(parts: Sequence[float], count: int) -> list[int]:
    """Whose turn it is, `count` times: always his who has had least of his share.

    >>> turn_order([0.5, 0.5], 4), turn_order([0.25, 0.75], 4)
    ([0, 1, 0, 1], [1, 0, 1, 1])
    """
    had = [0] * len(parts)
    order = []
    for n in range(1, count + 1):
        i = max(range(len(parts)), key=lambda i: (parts[i] * n - had[i], -i))
        had[i] += 1
        order.append(i)
    return order


def input_maps(view: View) -> tuple[Map, ...]:
    """A view as the input of a term; the identity as none, so that plain questions are recognised as equal."""
    return () if view.name == "identity" else (view.forward,)


def check_one_view_per_prompt(count: int, views: int) -> None:
    """Raise a `UserError` unless every prompt has a view."""
    if not count or views != count:
        raise UserError(f"an anagram needs one view for each prompt: {count} prompts and {views} views were given")
