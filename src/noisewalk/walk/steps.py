"""Steps: one reverse transition x_t -> x_s, and constraints that wrap a step.

A step is a pure function. What a multistep rule needs to remember is passed to it as `history`: the previous level and
prediction of the same walk, or None at the start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from .noise import Noise, NoiseLevel, add_noise, renoise
from .prediction import Denoiser, Prediction


class StepHistory(NamedTuple):
    """The level at which a walk was one step ago, and the prediction that was made there."""

    level: NoiseLevel
    prediction: Prediction


class Step(Protocol):
    """A step takes a sample x_t of level `t` to a sample of the cleaner level `s`."""

    def __call__(
        self, denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None, /
    ) -> tuple[Tensor, Prediction]:
        """Take the step, and return x_s and the prediction that was made at `t`."""
        ...


def ddpm(variance: Literal["learned", "small", "large"] = "learned") -> Step:
    """Return the step of ancestral sampling: x_s is drawn from the posterior q(x_s | x_t, x0).

        x_s = alpha_s u / sigma_t^2 x0 + r sigma_s^2 / sigma_t^2 x_t + std z
        r = alpha_t / alpha_s,     u = sigma_t^2 - r^2 sigma_s^2

    The variance lies between `small`, u sigma_s^2 / sigma_t^2 (beta tilde), and `large`, u (beta). Where a model has learned
    the variance, it is interpolated between the two in the logarithm. The rule is of order 1.

    Args:
        variance: "small", "large", or "learned", which is "small" for models that have not learned it.

    Reference: Ho et al., *Denoising Diffusion Probabilistic Models*, 2020, eq. 7, https://arxiv.org/abs/2006.11239; Nichol &
    Dhariwal, *Improved Denoising Diffusion Probabilistic Models*, 2021, eq. 15, https://arxiv.org/abs/2102.09672; the course's
    notes (CS180, A.3).
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        r = t.alpha / s.alpha
        large = t.sigma**2 - (r * s.sigma) ** 2
        shrink = (s.sigma / t.sigma) ** 2
        x_s = s.alpha * large / t.sigma**2 * p.x0 + r * shrink * x_t
        if s.sigma == 0:  # the last step lands on x0, because the posterior of a clean picture has no variance
            return x_s, p
        if variance == "large":
            return x_s + large.sqrt() * noise(x_t), p
        small = large * shrink
        if variance == "small" or p.var_frac is None:
            return x_s + small.sqrt() * noise(x_t), p
        log_std = 0.5 * (small.log() + p.var_frac * (large.log() - small.log()))
        return x_s + log_std.exp() * noise(x_t), p

    return step


def ddim(eta: float = 0.0) -> Step:
    """Return the step of DDIM.

        x_s = alpha_s x0 + sqrt(sigma_s^2 - std^2) eps + std z,     std = eta times the `small` deviation of `ddpm`

    With eta = 0 it is deterministic, and on the linear path it is exactly Euler's method for flow matching. With eta = 1 it is
    DDPM. The rule is of order 1.

    Args:
        eta: how random the step is, from 0 to 1.

    Reference: Song et al., *Denoising Diffusion Implicit Models*, 2021, eq. 12 and 16, https://arxiv.org/abs/2010.02502.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        if eta == 0:
            return _ddim(p.x0, x_t, t, s), p
        large = (t.sigma**2 - (t.alpha / s.alpha * s.sigma) ** 2).clamp(min=0)
        std = eta * s.sigma / t.sigma * large.sqrt()
        direction = (s.sigma**2 - std**2).clamp(min=0).sqrt()
        return s.alpha * p.x0 + direction * p.eps(x_t, t) + std * noise(x_t), p

    return step


def heun() -> Step:
    """Return the step of Heun's method on the velocity of the linear path.

        y = x / (alpha + sigma),     r = sigma / (alpha + sigma),     dy/dr = eps - x0

    Every path is a rescaled linear path: y has alpha' = 1 - r and sigma' = r. The rule averages the velocity dy/dr at both ends
    of the step. A rule in sigma / alpha would be infinite at pure noise, and this one is not. It makes two network calls per
    step, and one on the step that lands on the clean picture. The rule is of order 2.

    Reference: Karras et al., *Elucidating the Design Space of Diffusion-Based Generative Models*, 2022, algorithm 1 (there in
    sigma / alpha), https://arxiv.org/abs/2206.00364.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        x_s = _ddim(p.x0, x_t, t, s)
        if s.sigma == 0:
            return x_s, p
        q = denoiser(x_s, s)
        velocity = ((p.eps(x_t, t) - p.x0) + (q.eps(x_s, s) - q.x0)) / 2
        r_t, r_s = t.sigma / (t.alpha + t.sigma), s.sigma / (s.alpha + s.sigma)
        y = x_t / (t.alpha + t.sigma) + (r_s - r_t) * velocity
        return (s.alpha + s.sigma) * y, p

    return step


def dpmpp_2m() -> Step:
    """Return the step of DPM-Solver++(2M), which reaches second order with one network call per step.

        x_s = sigma_s / sigma_t x_t - alpha_s (e^-h - 1) D,     D = x0 + (x0 - x0_previous) / (2 k)
        lam = log(alpha / sigma),     h = lam_s - lam_t,     k = (lam_t - lam_previous) / h

    It reuses the prediction of the previous step. The first step and the step that lands on the clean picture are of first
    order; the rule is of order 2.

    Reference: Lu et al., *DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models*, 2022, algorithm 2,
    https://arxiv.org/abs/2211.01095.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        if history is None or s.sigma == 0 or history.level.alpha == 0:
            return _ddim(p.x0, x_t, t, s), p
        k = _log_snr_between(history.level, t) / _log_snr_between(t, s)
        return _ddim(p.x0 + (p.x0 - history.prediction.x0) / (2 * k), x_t, t, s), p

    return step


def pin(step: Step, reference: Tensor, component: Callable[[Tensor], Tensor], noise: Noise, num_resamples: int = 1) -> Step:
    """Wrap a step so that a component of the walk follows a reference picture.

        x_s <- x_s - component(x_s) + component(alpha_s reference + sigma_s eps)

    The reference gets fresh noise of the level that was just *reached*. The network therefore always sees both parts equally
    noisy, and the last level, which is clean, keeps the component of the reference exactly. With `num_resamples` > 1 the walk
    goes back up and down again between the two levels, so that the rest can adapt to the pinned part.

    A mask of the known pixels gives RePaint (jump length 1), a low-pass filter an inverse hybrid image, the mean over colours
    a colourisation.

    Args:
        step: the step to wrap; it is taken `num_resamples` times.
        reference: (N or 1, C, H, W) the clean reference, in [-1, 1].
        component: a linear projection (a mask, a mean over colours) that returns the part of a picture to pin. A Gaussian blur
            is not quite a projection, because blurring twice blurs more; what is kept is then x - blur(x) + blur(reference).
        noise: draws the noise of the reference and of going back up. It has a stream of its own, so that pinning does not
            change the noise of the steps.
        num_resamples: how often each transition is made, at least 1; network calls grow in proportion.

    Raises:
        ValueError: `num_resamples` is less than 1.

    Reference: Lugmayr et al., *RePaint: Inpainting using Denoising Diffusion Probabilistic Models*, 2022, algorithm 1,
    https://arxiv.org/abs/2201.09865.
    """
    if num_resamples < 1:
        raise ValueError(
            f"num_resamples says how often each transition is made, so it must be at least 1; {num_resamples} was given"
        )

    def pinned(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, step_noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        def down(x_t: Tensor) -> tuple[Tensor, Prediction]:
            x_s, p = step(denoiser, x_t, t, s, step_noise, history)
            known = add_noise(reference.expand_as(x_s), s, noise)
            return x_s - component(x_s) + component(known), p  # not x_s + component(known - x_s), which rounds

        x_s, p = down(x_t)
        for _ in range(num_resamples - 1):
            x_s, p = down(renoise(x_s, s, t, noise))
        return x_s, p

    return pinned


def _ddim(x0: Tensor, x_t: Tensor, t: NoiseLevel, s: NoiseLevel) -> Tensor:
    shrink = s.sigma / t.sigma
    return (s.alpha - t.alpha * shrink) * x0 + shrink * x_t


def _log_snr_between(t: NoiseLevel, s: NoiseLevel) -> Tensor:
    return torch.log(s.alpha * t.sigma / (s.sigma * t.alpha))
