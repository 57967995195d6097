"""How good generated digits are: read correctly, distributed like real digits, and not copies of them."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UserError
from ..files import cache_folder
from ..models.cache import TensorCache
from ..models.checkpoint import fingerprint
from .digits import digit_features, digit_probabilities, reader_file
from .frechet import Moments, frechet, moments


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Measures of a set of generated digits.

    Args:
        count: the number of generated digits.
        agreement: the share that the reader reads as the digit that was asked for; None if none was.
        per_digit: the share of each digit among what the reader reads.
        distance: the Fréchet distance of their features to those of the test set.
        real_distance: the same for all training digits, which is the distance of the two real sets.
        alike_distance: the same for as many training digits as were generated, which has the bias of a set of that size.
        nearest: (count,) the distance of each generated digit to the nearest training digit, as root mean square over pixels.
        nearest_real: the same for test digits; a copy would be much nearer than these are.
        nearest_rows: (count,) the row of that training digit.
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
        """The share of digits nearer to a training digit than 99 % of test digits are; about 0.01 if none is a copy."""
        return float((self.nearest < self.nearest_real.quantile(0.01)).float().mean())


def evaluate_digits(generated: Tensor, asked: Tensor | None, train: Tensor, test: Tensor) -> Evaluation:
    """Measure generated digits.

    Args:
        generated: (N, 1, 28, 28) in [-1, 1], N at least 2.
        asked: (N,) the digit that each was generated for, or None.
        train: (M, 1, 28, 28) real training digits in [-1, 1].
        test: (M, 1, 28, 28) real test digits in [-1, 1].
    """
    read = digit_probabilities(generated).argmax(1)
    target = real_moments(test)
    picked = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[: len(generated)]
    distances, rows = nearest_neighbours(generated, train)
    return Evaluation(
        count=len(generated),
        agreement=None if asked is None else float((read == asked).float().mean()),
        per_digit=tuple((torch.bincount(read, minlength=10) / len(read)).tolist()),
        distance=frechet(moments(digit_features(generated)), target),
        real_distance=frechet(real_moments(train), target),
        alike_distance=frechet(moments(digit_features(train[picked])), target),
        nearest=distances,
        nearest_real=nearest_neighbours(test[: len(generated)], train)[0],
        nearest_rows=rows,
    )


def real_moments(digits: Tensor) -> Moments:
    """Return the moments of the features of real digits; they are kept in the user's cache, because 60,000 take long to read.

    Args:
        digits: (M, 1, 28, 28) in [-1, 1].
    """
    cache = TensorCache(f"digit reader {fingerprint(reader_file())}", cache_folder() / "moments")
    digest = hashlib.sha256(digits.contiguous().numpy().data).hexdigest()
    mean, cov = cache.get(digest) or 2 * (torch.empty(0),)
    whole = mean.shape == (128,) and cov.shape == (128, 128) and mean.dtype == cov.dtype == torch.float64
    if whole and bool(mean.isfinite().all() and cov.isfinite().all()):
        return Moments(mean, cov, len(digits))
    made = moments(digit_features(digits))
    try:
        cache.put(digest, (made.mean, made.cov))
    except UserError as error:
        warnings.warn(f"the features of real digits are computed anew each time: {error}", stacklevel=2)
    return made


def nearest_neighbours(pictures: Tensor, among: Tensor, batch: int = 250) -> tuple[Tensor, Tensor]:
    """Find the nearest neighbour of each picture.

    Args:
        pictures: (N, C, H, W).
        among: (M, C, H, W) the candidates.
        batch: the number of pictures that are compared at a time.

    Returns:
        (N,) the distances, as root mean square over pixels, and (N,) the rows of the neighbours.
    """
    flat = among.flatten(1)
    found = [torch.cdist(part.flatten(1), flat).min(1) for part in torch.split(pictures, batch)]
    scale = flat.shape[1] ** 0.5
    return torch.cat([f.values for f in found]) / scale, torch.cat([f.indices for f in found])
