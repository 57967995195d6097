"""How good drawn digits are: read correctly, distributed like real ones, and not copies of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .digits import digit_features, digit_probabilities
from .frechet import frechet, moments


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Measures of a set of drawn digits.

    Args:
        count: how many were drawn.
        agreement: share that the reader reads as the digit asked for; None if none was asked for.
        per_digit: share of each digit among what the reader reads.
        distance: Fréchet distance of the reader's features to those of the test set.
        real_distance: the same for all training digits: the distance of the two sets themselves.
        alike_distance: the same for as many training digits as were drawn: with the bias of a set of that size.
        nearest: (count,) distance of each drawn digit to its nearest training digit, root mean square over pixels.
        nearest_real: the same for test digits: a copy would be much nearer than these are.
        nearest_rows: (count,) which training digit that is.
    """

    count: int
    agreement: float | None
    per_digit: tuple[float, ...]
    distance: float
    real_distance: float
    alike_distance: float
    nearest: Tensor
    nearest_real: Tensor
    nearest_rows: Tensor

    @property
    def copies(self) -> float:
        """Share of drawn digits nearer to a training digit than 99 % of test digits are: about 0.01 if none is a copy."""
        return float((self.nearest < self.nearest_real.quantile(0.01)).float().mean())


def evaluate_digits(drawn: Tensor, asked: Tensor | None, train: Tensor, test: Tensor) -> Evaluation:
    """Evaluate digits.

    Args:
        drawn: (N, 1, 28, 28) in [-1, 1], N at least 2.
        asked: (N,) the digit each was drawn for, or None.
        train, test: (M, 1, 28, 28) real digits in [-1, 1].
    """
    said = digit_probabilities(drawn).argmax(1)
    real = digit_features(train)
    target = moments(digit_features(test))
    picked = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))[: len(drawn)]
    distances, rows = nearest_neighbours(drawn, train)
    return Evaluation(
        count=len(drawn),
        agreement=None if asked is None else float((said == asked).float().mean()),
        per_digit=tuple((torch.bincount(said, minlength=10) / len(said)).tolist()),
        distance=frechet(moments(digit_features(drawn)), target),
        real_distance=frechet(moments(real), target),
        alike_distance=frechet(moments(real[picked]), target),
        nearest=distances,
        nearest_real=nearest_neighbours(test[: len(drawn)], train)[0],
        nearest_rows=rows,
    )


def nearest_neighbours(pictures: Tensor, among: Tensor, batch: int = 250) -> tuple[Tensor, Tensor]:
    """(N,) distance of each picture to the nearest of `among`, root mean square over pixels, and (N,) which that is."""
    flat = among.flatten(1)
    found = [torch.cdist(part.flatten(1), flat).min(1) for part in torch.split(pictures, batch)]
    scale = flat.shape[1] ** 0.5
    return torch.cat([f.values for f in found]) / scale, torch.cat([f.indices for f in found])
