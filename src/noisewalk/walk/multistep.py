"""Multistep rules that integrate exactly in lam = log(alpha / sigma): DPM-Solver, DPM-Solver++, their SDE, and UniPC.

Each rule remembers the predictions of the last few levels and makes one network call per step. It takes a step of lower order
where it remembers too little, near the end of a short walk, and on the step that lands on the clean picture.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from .noise import Noise, NoiseLevel
from .prediction import Denoiser, Prediction
from .steps import SHORT, Past, Step, StepHistory, log_snr_between, transfer

Kind = Literal["midpoint", "heun"]


def dpmpp(order: int = 2, kind: Kind = "midpoint", random: bool = False) -> Step:
    """Return the step of DPM-Solver++ of an order from 1 to 3.

    With h = lam_s - lam_t, k = 1, phi = e^(-k h) - 1, and D1, D2 the first and second
    differences of x0 over lam, times h and h^2,

        x_s = sigma_s / sigma_t e^(-(k - 1) h) x_t - alpha_s phi x0 + alpha_s (phi / (k h) + 1) D1
              - alpha_s ((phi + h) / h^2 - 1/2) D2

    `midpoint` has -phi / 2 in place of (phi / (k h) + 1) at order 2. `random` is its stochastic equation, of order 1 and 2:
    there k = 2, and sigma_s sqrt(1 - e^(-2 h)) z is added. D2 is half the second difference, as in the authors' program, so
    that the error of order 3 falls with steps^-2 too.

    Reference: Lu et al., *DPM-Solver++*, 2022, section 4 and appendix, https://arxiv.org/abs/2211.01095.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        z = noise(x_t) if random else None
        past = _known(history, _lowered(order, history, s))
        if s.sigma == 0 or (not past and not random):
            return transfer(p.x0, x_t, t, s), p
        if t.alpha == 0:  # random, and lam_t is minus infinity: all of x_t is replaced
            assert z is not None
            return s.alpha * p.x0 + s.sigma * z, p
        h, k = log_snr_between(t, s), 2 if random else 1
        phi = torch.expm1(-k * h)
        x_s = s.sigma / t.sigma * torch.exp(-(k - 1) * h) * x_t - s.alpha * phi * p.x0
        differences = _differences([p.x0, *(each.prediction.x0 for each in past)], t, past, h)
        if len(differences) == 1 and kind == "midpoint" and not random:
            return transfer(p.x0 + differences[0] / 2, x_t, t, s), p
        if len(differences) == 2:
            d1, d2 = differences
            x_s = x_s + s.alpha * (phi / h + 1) * d1 - s.alpha * ((phi + h) / h**2 - 0.5) * d2
        elif differences:
            x_s = x_s - s.alpha * (phi / 2 if kind == "midpoint" else -(phi / (k * h) + 1)) * differences[0]
        return (x_s if z is None else x_s + s.sigma * torch.sqrt((-torch.expm1(-2 * h)).clamp(min=0)) * z), p

    return step


def dpm_solver(order: int = 2, kind: Kind = "midpoint") -> Step:
    """Return the step of DPM-Solver of order 2 or 3, which is `dpmpp` on eps.

    With phi = e^h - 1 and D1, D2 differences of eps,

        x_s = alpha_s / alpha_t x_t - sigma_s phi eps - sigma_s (phi / h - 1) D1 - sigma_s ((phi - h) / h^2 - 1/2) D2

    Reference: Lu et al., *DPM-Solver*, 2022, https://arxiv.org/abs/2206.00927.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        past = _known(history, _lowered(order, history, s))
        if not past:
            return transfer(p.x0, x_t, t, s), p
        h = log_snr_between(t, s)
        phi = torch.expm1(h)
        differences = _differences([p.eps(x_t, t), *(each.eps for each in past)], t, past, h)
        x_s = transfer(p.x0, x_t, t, s)
        if len(differences) == 2:
            d1, d2 = differences
            return x_s - s.sigma * (phi / h - 1) * d1 - s.sigma * ((phi - h) / h**2 - 0.5) * d2, p
        return x_s - s.sigma * (phi / 2 if kind == "midpoint" else phi / h - 1) * differences[0], p

    return step


def unipc(order: int = 2, kind: Literal["bh1", "bh2"] = "bh2") -> Step:
    """Return the step of UniPC, where the prediction at t first corrects the last step, without a second network call.

    Both halves solve for weights rho of the differences D of x0 (page 5): with B = e^-h - 1 (`bh2`) or -h (`bh1`),

        x_s = sigma_s / sigma_t x_t - alpha_s (e^-h - 1) x0 - alpha_s B sum_k rho_k D_k

    The corrector has the same first two terms as the predictor that led to x_t, so it is the difference of their sums.

    Reference: Zhao et al., *UniPC*, 2023, algorithms 1 and 2, https://arxiv.org/abs/2302.04867.
    """

    def step(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        p = denoiser(x_t, t)
        if s.sigma == 0:
            return transfer(p.x0, x_t, t, s), p
        past = _known(history, order + 1)
        if past and history is not None:
            before = past[0]
            used = min(order, history.remaining + 2, len(past))
            levels, estimates = [before.level, *(each.level for each in past[1:])], [each.prediction.x0 for each in past]
            rest = _unified(kind, levels, estimates, t, used) - _unified(kind, levels, estimates, t, used, p.x0)
            x_t = x_t + t.alpha * rest
        used = min(order, 1 + len(past), 1 + (history.remaining if history else 0))
        x_s = transfer(p.x0, x_t, t, s)
        if used == 1:
            return x_s, p
        return x_s - s.alpha * _unified(
            kind, [t, *(each.level for each in past)], [p.x0, *(each.prediction.x0 for each in past)], s, used
        ), p

    return step


def _unified(
    kind: str, levels: list[NoiseLevel], estimates: list[Tensor], s: NoiseLevel, order: int, reached: Tensor | None = None
) -> Tensor:
    """B times the weighted sum of differences, from levels[0] to s; with the prediction at s too, for the corrector."""
    h = log_snr_between(levels[0], s)
    ratios = [log_snr_between(levels[0], levels[i]) / h for i in range(1, order)]
    differences = [(estimates[i] - estimates[0]) / r for i, r in enumerate(ratios, 1)]
    if reached is not None:
        ratios, differences = [*ratios, torch.ones_like(h)], [*differences, reached - estimates[0]]
    if not ratios:
        return torch.zeros_like(estimates[0])
    scale = -h if kind == "bh1" else torch.expm1(-h)
    if order == (1 if reached is not None else 2):
        weights = [torch.full_like(h, 0.5)]
    else:
        phi, rows = torch.expm1(-h) / -h - 1, []
        for i in range(1, len(ratios) + 1):
            rows.append(phi * math.factorial(i) / scale)
            phi = phi / -h - 1 / math.factorial(i + 1)
        powers = torch.stack([torch.stack(ratios) ** i for i in range(len(ratios))])
        weights = list(torch.linalg.solve(powers, torch.stack(rows)))
    total = torch.zeros_like(estimates[0])
    for weight, difference in zip(weights, differences, strict=True):
        total = total + scale * weight * difference
    return total


def _lowered(order: int, history: StepHistory | None, s: NoiseLevel) -> int:
    """Return the order of a step: at the end of a short walk it is 1, and before that at most 2; a step to clean has 1."""
    if history is None or s.sigma == 0:
        return 1
    return min(order, history.remaining + 1) if history.steps < SHORT else order


def _known(history: StepHistory | None, order: int) -> tuple[Past, ...]:
    """Return the earlier steps that an order needs, as far as there are any; none from pure noise, where lam is infinite."""
    past = history.past[: order - 1] if history else ()
    return tuple(each for each in past if each.level.alpha > 0)


def _differences(estimates: list[Tensor], t: NoiseLevel, past: tuple[Past, ...], h: Tensor) -> list[Tensor]:
    """First and second difference over lam at t, times h and h^2; as many as there are earlier steps."""
    if not past:
        return []
    r0 = log_snr_between(past[0].level, t) / h
    first = (estimates[0] - estimates[1]) / r0
    if len(past) == 1:
        return [first]
    r1 = log_snr_between(past[1].level, past[0].level) / h
    change = (first - (estimates[1] - estimates[2]) / r1) / (r0 + r1)
    return [first + r0 * change, change]
