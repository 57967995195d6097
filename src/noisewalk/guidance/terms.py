"""Linear guidance in its normal form.

Guidance that is linear in the models' predictions (classifier-free guidance, negative prompts, compositions, anagrams, hybrids)
can be written as

    x0(x_t) = sum_i  output_i( model( input_i(x_t), cond_i ) )

with linear maps that satisfy  sum_i output_i o input_i = identity.  It then gives the same x0 in whatever parametrisation the
models were trained. It is kept as a flat list of terms: nested guidance composes by composing maps, and a step costs one
batched network call, however deep the nesting is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel
from ..walk.prediction import Bound, Denoiser, Prediction

Map = Callable[[Tensor], Tensor]
Maps = tuple[Map, ...]
"""Maps that are applied from left to right; () is the identity. They are kept apart, so that equal inputs are recognised."""


@dataclass(frozen=True)
class Term:
    """One model's contribution to a mixture.

    Args:
        denoiser: the denoiser that is evaluated.
        output: the linear maps that are applied to its x0.
        input: the maps that are applied to x_t before; linear isometries, so that noise stays standard noise.
        variance: the maps that are applied to its learned variance; None if this term does not contribute to the variance.
    """

    denoiser: Denoiser
    output: Maps = ()
    input: Maps = ()
    variance: Maps | None = None


@dataclass(frozen=True)
class BatchedMixtures:
    """Several mixtures that are evaluated together, with one batched call per model.

    Args:
        sums: the terms of each mixture; none of them is a mixture itself (see `flatten`).
    """

    sums: tuple[tuple[Term, ...], ...]
    _evaluations: tuple[tuple[Denoiser, Maps], ...] = field(init=False, repr=False)
    _rows: tuple[tuple[int, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        evaluations: list[tuple[Denoiser, Maps]] = []

        def row(term: Term) -> int:  # terms with the same model and input (an unconditional branch) share one evaluation
            same = [i for i, (d, maps) in enumerate(evaluations) if d is term.denoiser and maps == term.input]
            if not same:
                evaluations.append((term.denoiser, term.input))
            return same[0] if same else len(evaluations) - 1

        rows = tuple(tuple(row(term) for term in terms) for terms in self.sums)
        object.__setattr__(self, "_evaluations", tuple((_with_mapped_low_res(d, maps), maps) for d, maps in evaluations))
        object.__setattr__(self, "_rows", rows)

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> list[Prediction]:
        """Evaluate all mixtures at x_t (N, C, H, W), with one network call for all their terms."""
        predictions = predict_batched(
            [d for d, _ in self._evaluations], [apply(maps, x_t) for _, maps in self._evaluations], level
        )
        return [_sum(terms, [predictions[i] for i in rows]) for terms, rows in zip(self.sums, self._rows, strict=True)]


def _sum(terms: Sequence[Term], predictions: Sequence[Prediction]) -> Prediction:
    means: list[Tensor] = []
    fractions: list[Tensor | None] = []
    for term, prediction in zip(terms, predictions, strict=True):
        means.append(apply(term.output, prediction.x0))
        if term.variance is not None:
            fractions.append(None if prediction.var_frac is None else apply(term.variance, prediction.var_frac))
    known = [fraction for fraction in fractions if fraction is not None]
    complete = known and len(known) == len(
        fractions
    )  # a sum of only some of the terms would be a variance that no model predicted
    return Prediction(reduce(torch.add, means), reduce(torch.add, known) if complete else None)


@dataclass(frozen=True)
class Mixture:
    """A denoiser that is a sum of terms. Terms that are mixtures themselves are flattened.

        x0(x_t) = sum_i  output_i( denoiser_i( input_i(x_t) ) )

    Args:
        terms: the terms of the sum.
    """

    terms: tuple[Term, ...]
    _batched: BatchedMixtures = field(init=False, repr=False)

    def __post_init__(self) -> None:
        terms = tuple(inner for term in self.terms for inner in flatten(term))
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "_batched", BatchedMixtures((terms,)))

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level."""
        return self._batched(x_t, level)[0]


def apply(maps: Maps, x: Tensor) -> Tensor:
    """Apply maps from left to right."""
    for f in maps:
        x = f(x)
    return x


@dataclass(frozen=True)
class Scale:
    """The map x -> factor * x, which compares equal to another map of the same factor."""

    factor: float

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the map to pictures (N, C, H, W)."""
        return x if self.factor == 1 else self.factor * x


def predict_batched(denoisers: Sequence[Denoiser], inputs: Sequence[Tensor], level: NoiseLevel) -> list[Prediction]:
    """Evaluate every denoiser on its input; all `Bound`s of one model share a single batched call.

    Args:
        denoisers: K denoisers.
        inputs: K tensors (N, C, H, W).
        level: the noise level of all inputs.

    Returns:
        K predictions.
    """
    predictions: dict[int, Prediction] = {}
    groups: dict[int, list[int]] = {}
    for i, denoiser in enumerate(denoisers):
        if isinstance(denoiser, Bound):
            groups.setdefault(id(denoiser.model), []).append(i)
        else:
            predictions[i] = denoiser(inputs[i], level)
    for rows in groups.values():
        bound = [d for i in rows if isinstance(d := denoisers[i], Bound)]
        sizes = [len(inputs[i]) for i in rows]
        conds = [
            torch.cat([c.expand(n, *c.shape[1:]) for c, n in zip(parts, sizes, strict=True)])
            for parts in zip(*(b.inputs for b in bound), strict=True)
        ]
        output = bound[0].model(torch.cat([inputs[i] for i in rows]), level, *conds)
        x0s = torch.split(output.x0, sizes)
        fracs = [None] * len(rows) if output.var_frac is None else torch.split(output.var_frac, sizes)
        predictions |= {i: Prediction(x0, frac) for i, x0, frac in zip(rows, x0s, fracs, strict=True)}
    return [predictions[i] for i in range(len(denoisers))]


def _with_mapped_low_res(denoiser: Denoiser, maps: Maps) -> Denoiser:
    """Return a denoiser for inputs that are mapped by `maps`, with its low-resolution pictures mapped too."""
    if not isinstance(denoiser, Bound) or not denoiser.low_res or not maps:
        return denoiser
    return replace(denoiser, low_res=tuple(apply(maps, picture) for picture in denoiser.low_res))


def flatten(term: Term) -> tuple[Term, ...]:
    """Return a term as a tuple of terms of which none is a mixture."""
    if not isinstance(term.denoiser, Mixture):
        return (term,)
    return tuple(
        Term(
            inner.denoiser,
            inner.output + term.output,
            term.input + inner.input,
            None if inner.variance is None or term.variance is None else inner.variance + term.variance,
        )
        for inner in term.denoiser.terms
    )
