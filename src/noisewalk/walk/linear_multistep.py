"""Multistep rules that extrapolate eps (PLMS, LMS and DEIS) or the velocity (vAB), and Heun's method in sigma / alpha.

With x' = x / alpha and r = sigma / alpha, every path has dx'/dr = eps. These rules integrate a polynomial through the last
values of eps, and differ in the variable of that polynomial: the number of the step (PLMS), r (LMS) or log r (DEIS). The rule
of the velocity does the same on the linear path, whose variable is finite at pure noise too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor

from .noise import Noise, NoiseLevel
from .prediction import Denoiser, Prediction
from .steps import SHORT, Step, StepHistory, transfer

_ADAMS = ((1.0,), (1.5, -0.5), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))


def plms() -> Step:
    """Return the pseudo linear multistep of PNDM: Adams-Bashforth's method of order 4 on eps, as if all steps were equal.

    The first step averages eps of both its ends, which needs a second network call. It is the sampler that came with Stable
    Diffusion 1. The rule is of order 2, because the steps are not equal in sigma / alpha.

    Reference: Liu et al., *Pseudo Numerical Methods for Diffusion Models on Manifolds*, 2022,
    equation 12, https://arxiv.org/abs/2202.09778.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        if history is None:
            x_s = transfer(p.x0, x_t, t, s)
            if t.alpha == 0 or s.sigma == 0:
                return x_s, p
            eps = (p.eps(x_t, t) + denoiser(x_s, s).eps(x_s, s)) / 2
        else:
            estimates = [p.eps(x_t, t), *(each.eps for each in history.past[:3])]
            eps = _sum(_ADAMS[len(estimates) - 1], estimates)
        return along(eps, x_t, t, s), p

    return step


def lms(order: int = 4) -> Step:
    """Return the linear multistep: the polynomial in r through the last values of eps, integrated exactly from r_t to r_s.

    Reference: Crowson's k-diffusion, https://github.com/crowsonkb/k-diffusion.
    """
    return _multistep(order, _adams, lowered=False)


def vab(order: int = 2) -> Step:
    """Return Adams-Bashforth's multistep on the velocity of the linear path.

        y = x / (alpha + sigma),     r = sigma / (alpha + sigma),     dy/dr = eps - x0

    Every path is a rescaled linear path. The polynomial in r through the last velocities is integrated exactly from r_t to r_s.
    Its variable is finite at pure noise and at the clean picture, so no step needs a lower order but the first. It makes one
    network call per step.

    Args:
        order: the number of velocities of the polynomial, which is the order of the rule's formula.

    Reference: `vABSampler` of Rozet's azula, https://github.com/probabilists/azula; the method is Zhang & Chen's rho-AB (*Fast
    Sampling of Diffusion Models with Exponential Integrator*, 2023, section 3.2, https://arxiv.org/abs/2204.13902) on the
    straight path of flow matching, https://arxiv.org/abs/2209.03003.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        past = history.past[: order - 1] if history else ()
        times = [float(each.sigma / (each.alpha + each.sigma)) for each in (t, *(each.level for each in past))]
        found = _adams(times, float(s.sigma / (s.alpha + s.sigma)))
        total = _sum(found, [p.eps(x_t, t) - p.x0, *(each.eps - each.prediction.x0 for each in past)])
        return (s.alpha + s.sigma) * (x_t / (t.alpha + t.sigma) + total), p

    return step


def deis(order: int = 2) -> Step:
    """Return the step of DEIS of order 2 or 3: the polynomial in log r through the last values of eps, integrated over r.

    Reference: Zhang & Chen, *Fast Sampling of Diffusion Models with Exponential Integrator*, 2023,
    https://arxiv.org/abs/2204.13902.
    """

    def weights(ratios: list[float], end: float) -> list[float]:
        length = math.log(end / ratios[0])
        moments = [math.expm1(length)]  # the integrals of u^i e^u from 0 to `length`, where r = ratios[0] e^u
        for i in range(1, len(ratios)):
            moments.append(length**i * math.exp(length) - i * moments[-1])
        return _weights([math.log(r / ratios[0]) for r in ratios], [ratios[0] * m for m in moments])

    return _multistep(order, weights, lowered=True)


def heun_ratio() -> Step:
    """Return the step of Heun's method on dx'/dr = eps; two network calls per step, and one on the step that lands on clean.

    Reference: Karras et al., *Elucidating the Design Space of Diffusion-Based Generative Models*, 2022, algorithm 1,
    https://arxiv.org/abs/2206.00364.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        x_s = transfer(p.x0, x_t, t, s)
        if s.sigma == 0:
            return x_s, p
        q = denoiser(x_s, s)
        if t.alpha == 0:
            return x_s, p
        return along((p.eps(x_t, t) + q.eps(x_s, s)) / 2, x_t, t, s), p

    return step


def along(eps: Tensor, x_t: Tensor, t: NoiseLevel, s: NoiseLevel) -> Tensor:
    """Go from t to s along one eps: x_s = alpha_s (x_t - sigma_t eps) / alpha_t + sigma_s eps, for alpha_t > 0."""
    shrink = s.alpha / t.alpha
    return shrink * x_t + (s.sigma - shrink * t.sigma) * eps


def _multistep(order: int, weights: Callable[[list[float], float], list[float]], lowered: bool) -> Step:
    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        most = order
        if history is not None and lowered and history.steps < SHORT:
            most = min(order, history.remaining + 1)
        past = [each for each in (history.past[: most - 1] if history else ()) if each.level.alpha > 0]
        if not past or (lowered and s.sigma == 0):
            return transfer(p.x0, x_t, t, s), p
        ratios = [float(each.sigma / each.alpha) for each in (t, *(each.level for each in past))]
        found = weights(ratios, float(s.sigma / s.alpha))
        total = _sum(found, [p.eps(x_t, t), *(each.eps for each in past)])
        return s.alpha * (x_t / t.alpha + total), p

    return step


def _adams(knots: list[float], end: float) -> list[float]:
    """Return the integral of each Lagrange polynomial over the knots, from the first knot to `end`."""
    length = end - knots[0]
    return _weights([knot - knots[0] for knot in knots], [length ** (i + 1) / (i + 1) for i in range(len(knots))])


def _weights(knots: list[float], moments: list[float]) -> list[float]:
    """Return the integral of each Lagrange polynomial over the knots, from the integrals of the powers of its variable."""
    found = []
    for k, own in enumerate(knots):
        coefficients = [1.0]  # of the polynomial that is 1 at its own knot and 0 at the others, from the power 0 on
        for other in knots[:k] + knots[k + 1 :]:
            shifted = [0.0, *coefficients]
            coefficients = [(a - other * b) / (own - other) for a, b in zip(shifted, [*coefficients, 0.0], strict=True)]
        found.append(sum(c * m for c, m in zip(coefficients, moments, strict=True)))
    return found


def _sum(weights: Sequence[float], estimates: Sequence[Tensor]) -> Tensor:
    total = weights[0] * estimates[0]
    for weight, eps in zip(weights[1:], estimates[1:], strict=True):
        total = total + weight * eps
    return total
