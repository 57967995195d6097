"""Noise levels, what a schedule of them is, and seeded noise.

Everything in noisewalk writes a noisy picture as

    x_t = alpha * x0 + sigma * eps,      eps ~ N(0, I)

and only the pair (alpha, sigma) ever reaches a step. A *schedule* is a path of such pairs, from t = 0 (clean) to t = 1
(noise). A level that is made from a float64 time consists of float64 tensors without dimensions, on the CPU. PyTorch lets them
scale a float32 picture on any device without changing its dtype. Coefficients therefore keep their digits, and pictures stay
float32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Noise = Callable[[Tensor], Tensor]
"""A function that draws N(0, I) in the shape, dtype and device of its argument."""


class NoiseLevel(NamedTuple):
    """A noise level is the signal scale `alpha` and the noise standard deviation `sigma` of x_t = alpha x0 + sigma eps."""

    alpha: Tensor
    sigma: Tensor


class Schedule(Protocol):
    """A schedule is a path of noise levels, together with its inverse by signal-to-noise ratio."""

    def __call__(self, t: Tensor) -> NoiseLevel:
        """Return the noise level at time t in [0, 1], where 0 is clean and 1 is the noisiest."""
        ...

    def time(self, level: NoiseLevel) -> Tensor:
        """Return the time at which this schedule has the ratio alpha / sigma of `level`, whatever path `level` is from."""
        ...


def add_noise(x0: Tensor, level: NoiseLevel, noise: Noise) -> Tensor:
    """Add noise to a clean picture: the forward process, in one jump.

        x_t = alpha x0 + sigma eps

    Args:
        x0: (N, C, H, W) clean pictures.
        level: the level to reach.
        noise: draws eps.

    Returns:
        (N, C, H, W) samples of that level.

    Reference: Ho et al., *Denoising Diffusion Probabilistic Models*, 2020, eq. 4, https://arxiv.org/abs/2006.11239.
    """
    return level.alpha * x0 + level.sigma * noise(x0)


def renoise(x_s: Tensor, s: NoiseLevel, t: NoiseLevel, noise: Noise) -> Tensor:
    """Take a sample of level s back to the noisier level t: the forward process between two levels.

        x_t = r x_s + sqrt(sigma_t^2 - r^2 sigma_s^2) eps,     r = alpha_t / alpha_s

    RePaint uses it to undo a step.

    Args:
        x_s: (N, C, H, W) a sample of level s.
        s: the level it is at.
        t: the level to reach, noisier than s.
        noise: draws eps.

    Returns:
        (N, C, H, W) a sample of level t.

    Reference: Lugmayr et al., *RePaint: Inpainting using Denoising Diffusion Probabilistic Models*, 2022, algorithm 1, line 9,
    https://arxiv.org/abs/2201.09865.
    """
    r = t.alpha / s.alpha
    return r * x_s + (t.sigma**2 - (r * s.sigma) ** 2).clamp(min=0).sqrt() * noise(x_s)


class SeededNoise:
    """Standard normal noise with one stream for each picture and each purpose, always drawn on the CPU.

    Picture i of a batch draws only from the stream of `seeds[i]`. A picture therefore depends neither on the batch that it is
    made in nor on the device. `stream(purpose)` gives independent noise for another use (the first noise, the steps, the known
    region of an inpainting), so that a change in how often one is drawn leaves the others as they were.

    Args:
        seeds: one integer for each picture.
        purpose: a name; equal names give equal noise.

    >>> a, b = SeededNoise([1, 2]), SeededNoise([2])
    >>> x = torch.empty(2, 1, 4, 4)
    >>> bool((a(x)[1] == b(x[:1])[0]).all())
    True
    """

    def __init__(self, seeds: Sequence[int], purpose: str = "init") -> None:
        self.seeds = tuple(seeds)
        self.purpose = purpose
        self._generators = [torch.Generator("cpu").manual_seed(_key(seed, purpose)) for seed in self.seeds]

    def stream(self, purpose: str) -> SeededNoise:
        """Return fresh noise of the same seeds for another purpose."""
        return SeededNoise(self.seeds, purpose)

    def __call__(self, like: Tensor) -> Tensor:
        """Draw noise in the shape (N, ...), dtype and device of `like`, one row from the stream of each picture.

        Raises:
            ValueError: there are not as many rows as seeds.
        """
        if len(like) != len(self.seeds):
            raise ValueError(
                f"there are {len(self.seeds)} seeds, but the batch has {len(like)} pictures; give one seed per picture"
            )
        rows = [torch.randn(like.shape[1:], generator=g, device="cpu") for g in self._generators]
        return torch.stack(rows).to(like.device, like.dtype)


def _key(seed: int, purpose: str) -> int:
    digest = hashlib.blake2b(f"{purpose}:{seed}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
