"""Pictures that are several pictures: anagrams (one for each view) and hybrids (one for each component)."""

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
    """Combine denoisers into a visual anagram: one picture, several views, and a denoiser for each view.

        x0 = sum_i w_i view_i^-1( denoiser_i( view_i(x_t) ) ),     sum_i w_i = 1

    Args:
        denoisers: one per view, for example each a prompt under `cfg`.
        views: as many views.
        weights: one per view, not negative; they are divided by their sum. None for equal weights. Give less weight to a prompt
            that dominates.

    Raises:
        UserError: the numbers of denoisers, views and weights differ, or all weights are 0.

    Reference: Geng et al., *Visual Anagrams: Generating Multi-View Optical Illusions with Diffusion Models*, 2024, eq. 4 (there
    with equal weights), https://arxiv.org/abs/2311.17919.
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
    """Combine denoisers into an anagram whose prompts take turns, one per level of the path, instead of being averaged.

        x0 = view_i^-1( denoiser_i( view_i(x_t) ) ),     i = turn(t)

    An estimate keeps its full contrast, and a step evaluates one prompt only. Prompts that disagree undo each other's work.
    After any number of levels each prompt has had its share of the turns, as nearly as possible.

    Args:
        denoisers: one per view.
        views: as many views.
        path: the levels of the walk; a level between two of them belongs to the noisier one.
        weights: the shares, one per view, not negative; None for equal shares.

    Raises:
        UserError: the numbers of denoisers, views and weights differ, or all weights are 0.
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
    """Combine denoisers into one picture whose components are decided by different denoisers.

        x0 = sum_i component_i( denoiser_i(x_t) ),     sum_i component_i = identity

    Low and high frequencies give hybrid images; grey and colour, or bands, give others.

    Args:
        denoisers: one per component.
        components: linear maps that sum to the identity.

    Raises:
        UserError: the numbers of denoisers and components differ, or there are none.

    Reference: Geng et al., *Factorized Diffusion: Perceptual Illusions by Noise Decomposition*, 2024, eq. 3,
    https://arxiv.org/abs/2404.11615; Oliva et al., *Hybrid Images*, 2006, https://doi.org/10.1145/1141911.1141919.
    """
    count = len(denoisers)
    if not count or len(components) != count:
        raise UserError(f"{count} prompts need {count} components; {len(components)} were given")
    share = Scale(1 / count)
    return Mixture(tuple(Term(d, (f,), (), (share,)) for d, f in zip(denoisers, components, strict=True)))


def normalized_weights(count: int, weights: Sequence[float] | None) -> list[float]:
    """Divide weights by their sum; without weights, all prompts get the same.

    Args:
        count: the number of prompts.
        weights: one for each prompt, not negative; None for equal weights.

    Raises:
        UserError: the number of weights differs, one is negative, or all are 0.

    >>> normalized_weights(2, [1, 3])
    [0.25, 0.75]
    """
    weights = [1.0] * count if weights is None else list(weights)
    if len(weights) != count or min(weights) < 0 or not 0 < sum(weights) < float("inf"):
        raise UserError(f"{count} prompts need {count} weights, none negative and not all 0; {weights} were given")
    return [weight / sum(weights) for weight in weights]


def turn_order(parts: Sequence[float], count: int) -> list[int]:
    """Return whose turn it is, `count` times: the next turn always goes to the prompt that is furthest behind its share.

    Args:
        parts: the share of each prompt; they sum to 1.
        count: the number of turns.

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
    """Return the input maps of a view; the identity has none, so that equal plain inputs are recognised as equal."""
    return () if view.name == "identity" else (view.forward,)


def check_one_view_per_prompt(count: int, views: int) -> None:
    """Check that every prompt has a view.

    Raises:
        UserError: their numbers differ, or there are none.
    """
    if not count or views != count:
        raise UserError(f"an anagram needs one view for each prompt; {count} prompts and {views} views were given")
