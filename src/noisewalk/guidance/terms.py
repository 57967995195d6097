"""Linear guidance in its normal form.

Guidance that is linear in what models say (classifier-free guidance, negative prompts, compositions, anagrams, hybrids) is

    x0(x_t) = sum_i  output_i( model( input_i(x_t), cond_i ) )

with linear maps, and  sum_i output_i o input_i = identity,  so that it gives the same x0 in whatever parametrisation the
models were trained. Kept as a flat list of terms, nested guidance composes by composing maps, and a step costs one batched
network call however deep the nesting.
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
"""Maps applied from left to right; the empty tuple is the identity. Kept apart so that equal inputs can be recognised."""


@dataclass(frozen=True)
class Term:
    """One model's contribution.

    Args:
        denoiser: who is asked.
        output: what is done with the x0 it says; linear.
        input: what it is shown instead of x_t; a linear isometry, so that noise stays standard noise.
        variance: what is done with its learned variance; None if this term has no say in it.
    """

    denoiser: Denoiser
    output: Maps = ()
    input: Maps = ()
    variance: Maps | None = None


@dataclass(frozen=True)
class BatchedMixtures:
    """Several sums of terms, asked together: each answers as it would alone, all in one batched call a model.

    Args:
        sums: the terms of each; none of them is a mixture itself (see `flatten`).
    """

    sums: tuple[tuple[Term, ...], ...]
    _asked: tuple[tuple[Denoiser, Maps], ...] = field(init=False, repr=False)
    _rows: tuple[tuple[int, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        asked: list[tuple[Denoiser, Maps]] = []

        def row(term: Term) -> int:  # two terms that ask one model the same question (an unconditional branch) share the answer
            same = [i for i, (d, maps) in enumerate(asked) if d is term.denoiser and maps == term.input]
            if not same:
                asked.append((term.denoiser, term.input))
            return same[0] if same else len(asked) - 1

        rows = tuple(tuple(row(term) for term in terms) for terms in self.sums)
        object.__setattr__(self, "_asked", tuple((_with_mapped_low_res(d, maps), maps) for d, maps in asked))
        object.__setattr__(self, "_rows", rows)

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> list[Prediction]:
        """Evaluate all mixtures at x_t (N, C, H, W), with one network call for all their terms."""
        answers = predict_batched([d for d, _ in self._asked], [apply(maps, x_t) for _, maps in self._asked], level)
        return [_sum(terms, [answers[i] for i in rows]) for terms, rows in zip(self.sums, self._rows, strict=True)]


def _sum(terms: Sequence[Term], answers: Sequence[Prediction]) -> Prediction:
    means: list[Tensor] = []
    fractions: list[Tensor | None] = []
    for term, answer in zip(terms, answers, strict=True):
        means.append(apply(term.output, answer.x0))
        if term.variance is not None:
            fractions.append(None if answer.var_frac is None else apply(term.variance, answer.var_frac))
    known = [fraction for fraction in fractions if fraction is not None]
    complete = known and len(known) == len(fractions)  # a part of the sum would be a fraction that nobody predicted
    return Prediction(reduce(torch.add, means), reduce(torch.add, known) if complete else None)


@dataclass(frozen=True)
class Mixture:
    """A sum of terms: a denoiser. Terms that are mixtures themselves are flattened."""

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
    """x -> factor x, as a map that compares equal to another of the same factor."""

    factor: float

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the map to pictures (N, C, H, W)."""
        return x if self.factor == 1 else self.factor * x


def predict_batched(denoisers: Sequence[Denoiser], inputs: Sequence[Tensor], level: NoiseLevel) -> list[Prediction]:
    """Ask every denoiser about its input; the `Bound`s of one model are asked in one batched call.

    Args:
        denoisers: K of them.
        inputs: K tensors (N, C, H, W).
    """
    answers: dict[int, Prediction] = {}
    groups: dict[int, list[int]] = {}
    for i, denoiser in enumerate(denoisers):
        if isinstance(denoiser, Bound):
            groups.setdefault(id(denoiser.model), []).append(i)
        else:
            answers[i] = denoiser(inputs[i], level)
    for rows in groups.values():
        bound = [d for i in rows if isinstance(d := denoisers[i], Bound)]
        sizes = [len(inputs[i]) for i in rows]
        conds = [
            torch.cat([c.expand(n, *c.shape[1:]) for c, n in zip(parts, sizes, strict=True)])
            for parts in zip(*(b.inputs for b in bound), strict=True)
        ]
        together = bound[0].model(torch.cat([inputs[i] for i in rows]), level, *conds)
        x0s = torch.split(together.x0, sizes)
        fracs = [None] * len(rows) if together.var_frac is None else torch.split(together.var_frac, sizes)
        answers |= {i: Prediction(x0, frac) for i, x0, frac in zip(rows, x0s, fracs, strict=True)}
    return [answers[i] for i in range(len(denoisers))]


def _with_mapped_low_res(denoiser: Denoiser, maps: Maps) -> Denoiser:
    """A denoiser whose x_t will be seen through `maps`, with the pictures beside x_t seen through them too."""
    if not isinstance(denoiser, Bound) or not denoiser.low_res or not maps:
        return denoiser
    return replace(denoiser, low_res=tuple(apply(maps, picture) for picture in denoiser.low_res))


def flatten(term: Term) -> tuple[Term, ...]:
    """A term as terms of which none is a mixture."""
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
