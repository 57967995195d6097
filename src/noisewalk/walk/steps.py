"""Steps: one reverse transition x_t -> x_s.

A step is a pure function. What a multistep rule needs to remember is passed to it as `history`: the last few levels and
predictions of the same walk, or None at the start.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from .noise import Noise, NoiseLevel, add_noise
from .prediction import Denoiser, Prediction

MEMORY = 4
"""How many earlier steps a walk keeps for its rule; a picture and a prediction each."""
SHORT = 15
"""Walks of fewer steps end with steps of lower order (multistep rules only), as DPM-Solver's authors advise."""


class Past(NamedTuple):
    """An earlier step of a walk: where it began, and what the denoiser predicted there."""

    level: NoiseLevel
    x_t: Tensor
    prediction: Prediction

    @property
    def eps(self) -> Tensor:
        """The noise that was predicted; needs sigma > 0."""
        return self.prediction.eps(self.x_t, self.level)


class StepHistory(NamedTuple):
    """What a walk remembers when a step begins.

    Args:
        past: the last steps, newest first, at most `MEMORY` of them and at least one.
        remaining: the number of steps that follow this one.
        steps: the number of steps of the whole walk.
    """

    past: tuple[Past, ...]
    remaining: int
    steps: int

    @property
    def level(self) -> NoiseLevel:
        """The level one step ago."""
        return self.past[0].level

    @property
    def prediction(self) -> Prediction:
        """What the denoiser predicted one step ago."""
        return self.past[0].prediction


def remember(history: StepHistory | None, done: Past, remaining: int, steps: int) -> StepHistory:
    """Return the history of a walk after one more step, for a step that `remaining` others follow."""
    return StepHistory((done, *(history.past if history else ()))[:MEMORY], remaining, steps)


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
            return transfer(p.x0, x_t, t, s), p
        large = (t.sigma**2 - (t.alpha / s.alpha * s.sigma) ** 2).clamp(min=0)
        std = eta * s.sigma / t.sigma * large.sqrt()
        direction = (s.sigma**2 - std**2).clamp(min=0).sqrt()
        return s.alpha * p.x0 + direction * p.eps(x_t, t) + std * noise(x_t), p

    return step


def ddim_raw() -> Step:
    """Return the step of DDIM that goes on with the noise that the network predicted, and not with that of a clipped x0.

        x_s = alpha_s x0 + sigma_s (x_t - alpha_t raw) / sigma_t,     raw = x0 before it was clipped

    This is the step of diffusers' DDIM where its `clip_sample` or `thresholding` is set. Without clipping it is `ddim`. The
    rule is of order 1.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        raw = p.x0 if p.raw is None else p.raw
        return transfer(raw, x_t, t, s) + s.alpha * (p.x0 - raw), p

    return step


def lcm() -> Step:
    """Return the step of few-step models: x0 with fresh noise.

        x_s = alpha_s x0 + sigma_s z

    It suits networks that were distilled to predict x0 in a few steps. With other networks it loses the walk's path.

    Reference: Song et al., *Consistency Models*, 2023, algorithm 1, https://arxiv.org/abs/2303.01469; Luo et al., *Latent
    Consistency Models*, 2023, https://arxiv.org/abs/2310.04378.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        return (p.x0 if s.sigma == 0 else add_noise(p.x0, s, noise)), p

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
        x_s = transfer(p.x0, x_t, t, s)
        if s.sigma == 0:
            return x_s, p
        q = denoiser(x_s, s)
        velocity = ((p.eps(x_t, t) - p.x0) + (q.eps(x_s, s) - q.x0)) / 2
        r_t, r_s = t.sigma / (t.alpha + t.sigma), s.sigma / (s.alpha + s.sigma)
        y = x_t / (t.alpha + t.sigma) + (r_s - r_t) * velocity
        return (s.alpha + s.sigma) * y, p

    return step


def transfer(x0: Tensor, x_t: Tensor, t: NoiseLevel, s: NoiseLevel) -> Tensor:
    """x_s = alpha_s x0 + sigma_s eps, with the eps that x0 implies: from t to s along one prediction."""
    shrink = s.sigma / t.sigma
    return (s.alpha - t.alpha * shrink) * x0 + shrink * x_t


def log_snr_between(t: NoiseLevel, s: NoiseLevel) -> Tensor:
    """lam_s - lam_t, with lam = log(alpha / sigma)."""
    return torch.log(s.alpha * t.sigma / (s.sigma * t.alpha))
