"""Every rule converges to the exact solution at the order it declares.

A wrong formula nearly always converges too, to something else or more slowly, and its shapes and values look normal. The data
are Gaussian, for which the denoiser, the probability-flow ODE and the reverse process have closed forms. The walks stop at a
small noise level, so that the rule is measured and not its first-order step to the clean picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from oracles import F64, Gaussian, TinyNet, moments, path_between, tape, walked
from torch import Tensor

from noisewalk.models.network import NetworkModel
from noisewalk.walk import (
    STEP_RULES,
    VE,
    LinearPath,
    Noise,
    NoiseLevel,
    Past,
    Prediction,
    Schedule,
    Step,
    StepRule,
    cosine_schedule,
    ddim,
    ddpm,
    levels,
    linear_betas,
    remember,
    vp_schedule,
)

SCHEDULES: dict[str, Schedule] = {
    "cosine": cosine_schedule(),
    "linear-betas": vp_schedule(linear_betas()),
    "linear-path": LinearPath(),
    "variance-exploding": VE(0.02, 20),
}
DATA = Gaussian(torch.tensor([0.3, -0.5, 0.1], dtype=F64), torch.diag(torch.tensor([0.04, 0.3, 0.9], dtype=F64)))
STEPS = (40, 80, 160)
DETERMINISTIC = {name: rule for name, rule in STEP_RULES.items() if not rule.random}
RANDOM = {name: rule for name, rule in STEP_RULES.items() if rule.random and rule.order}
every_deterministic_rule = pytest.mark.parametrize("rule", DETERMINISTIC.values(), ids=DETERMINISTIC)
on_every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def order(error: Callable[[int], float]) -> float:
    """Return the order: minus the slope of log(error) over log(steps), by least squares."""
    x = torch.tensor([math.log(n) for n in STEPS], dtype=F64)
    y = torch.tensor([math.log(error(n)) for n in STEPS], dtype=F64)
    x, y = x - x.mean(), y - y.mean()
    return -((x * y).sum() / (x * x).sum()).item()


@on_every_schedule
@every_deterministic_rule
def test_a_deterministic_rule_converges_to_the_probability_flow(schedule: Schedule, rule: StepRule) -> None:
    """A rule with a memory may converge faster than its order, until the error of its first steps dominates."""
    [t, s] = path_between(schedule, 0.9, 0.1, 1)
    x = tape(0)(torch.empty(8, 1, 1, 3))
    exact = DATA.flow(x, t, s)

    def error(steps: int) -> float:
        return (walked(DATA, x, path_between(schedule, 0.9, 0.1, steps), rule(), tape(1)) - exact).norm().item()

    assert rule.order - 0.2 < order(error) < rule.order + (0.2 if rule.memory < 2 else rule.memory)


EXACT_START = {
    "dpmpp-2m": 2,
    "dpmpp-3m": 2,
    "dpm-2m": 2,
    "dpm-3m": 2,
    "deis-3": 3,
    "lms": 4,
    "plms": 2,
    "unipc-2": 3,
    "unipc-3": 4,
    "vab": 2,
}


@pytest.mark.parametrize(("name", "expected"), EXACT_START.items())
def test_the_order_of_a_rule_whose_memory_starts_exact(name: str, expected: int) -> None:
    """Given the exact solution at its first levels, a multistep rule falls as its formula does.

    The walk goes on for a few steps, so that the last steps, which some rules take with a lower order, are not measured.
    """
    rule = STEP_RULES[name]
    schedule = VE(0.1, 2)
    [t, _] = path_between(schedule, 1, 0.1, 1)
    start = tape(0)(torch.empty(8, 1, 1, 3))

    def error(steps: int) -> float:
        path, history, step, x = path_between(schedule, 1, 0.1, steps), None, rule(), start
        for i, (t_i, s_i) in enumerate(pairwise(path)):
            before = DATA.flow(start, t, t_i) if i <= rule.memory else x
            x, p = step(DATA, before, t_i, s_i, tape(1), history)
            history = remember(history, Past(t_i, before, p), steps - i + 2, steps + 4)
        return (x - DATA.flow(start, t, path[-1])).norm().item()

    assert order(error) == pytest.approx(expected, abs=0.3)


def ancestral(mean: Tensor, cov: Tensor, path: list[NoiseLevel], step: Step) -> tuple[Tensor, Tensor]:
    """Return the exact moments of the end of a random walk that starts from N(mean, cov)."""

    def walk(like: Tensor, noise: Noise) -> Tensor:
        return walked(DATA, mean + noise(like) @ torch.linalg.cholesky(cov).T, path, step, noise)

    return moments(walk, 3)


@on_every_schedule
@pytest.mark.parametrize("rule", RANDOM.values(), ids=RANDOM)
def test_an_ancestral_rule_converges_weakly_to_the_reverse_process(schedule: Schedule, rule: StepRule) -> None:
    """The walk does not start from the marginal of the data, so that the rate at which it forgets its start is tested too.

    The mean of a rule without memory is exact at any number of steps, because E[x_s | x_t] is linear in x0.
    """
    mean, cov = torch.tensor([0.4, 0.2, -0.3], dtype=F64), torch.diag(torch.tensor([0.5, 1.0, 1.5], dtype=F64))
    exact_mean, exact_cov = DATA.reverse(mean, cov, *path_between(schedule, 0.9, 0.1, 1))

    def error(steps: int) -> float:
        reached_mean, reached_cov = ancestral(mean, cov, path_between(schedule, 0.9, 0.1, steps), rule())
        if not rule.memory:
            torch.testing.assert_close(reached_mean, exact_mean, rtol=0, atol=1e-12)
        return max((reached_cov - exact_cov).norm().item(), (reached_mean - exact_mean).norm().item())

    assert order(error) == pytest.approx(rule.order, abs=0.2)


@on_every_schedule
def test_ddim_between_deterministic_and_ancestral_keeps_the_marginals(schedule: Schedule) -> None:
    """Song et al. 2021: every eta has the marginals of the forward process; eta = 0.5 reaches them with order 1."""
    [t, s] = path_between(schedule, 0.9, 0.1, 1)

    def error(steps: int) -> float:
        path = path_between(schedule, 0.9, 0.1, steps)
        _, cov = ancestral(t.alpha * DATA.mean, DATA.covariance(t), path, ddim(0.5))
        return (cov - DATA.covariance(s)).norm().item()

    assert order(error) == pytest.approx(1, abs=0.2)


@on_every_schedule
def test_the_learned_variance_makes_ancestral_sampling_exact(schedule: Schedule) -> None:
    """On Gaussian data the true reverse variance lies between `small` and `large` where data vary by at most 1. Told where,
    `ddpm` walks with exactly the right moments in three steps: the bounds, and the interpolation in the logarithm, are
    what Nichol & Dhariwal 2021 (eq. 15) say."""
    path = path_between(schedule, 0.9, 0.1, 3)
    after = {id(t): s for t, s in pairwise(path)}

    def denoiser(x_t: Tensor, t: NoiseLevel) -> Prediction:
        s = after[id(t)]
        r = t.alpha / s.alpha
        large = t.sigma**2 - r**2 * s.sigma**2
        small = large * s.sigma**2 / t.sigma**2
        _, true = DATA.reverse(DATA.mean, torch.zeros(3, 3, dtype=F64), t, s)
        fraction = (true.diagonal() / small).log() / (large / small).log()
        return Prediction(DATA(x_t, t).x0, fraction.expand_as(x_t))

    mean, cov = torch.tensor([0.4, 0.2, -0.3], dtype=F64), torch.diag(torch.tensor([0.5, 1.0, 1.5], dtype=F64))

    def walk(like: Tensor, noise: Noise) -> Tensor:
        return walked(denoiser, mean + noise(like) @ cov.sqrt(), path, ddpm("learned"), noise)

    for ours, exact in zip(moments(walk, 3), DATA.reverse(mean, cov, path[0], path[-1]), strict=True):
        torch.testing.assert_close(ours, exact, rtol=0, atol=1e-12)


@on_every_schedule
def test_ddpm_with_the_small_variance_and_full_ddim_are_one_rule(schedule: Schedule) -> None:
    """Song et al. 2021, section 4.1: eta = 1 is ancestral sampling, on any path and for any network."""
    path = levels(schedule, torch.tensor([1, 0.75, 0.5, 0.25, 0], dtype=F64))
    model, x = NetworkModel(TinyNet(), schedule, "v_prediction"), tape(0)(torch.empty(2, 3, 5, 5))
    small, full = (walked(model, x, path, step, tape(1)) for step in (ddpm("small"), ddim(1.0)))
    torch.testing.assert_close(small, full, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rule", STEP_RULES.values(), ids=STEP_RULES)
def test_a_learned_variance_is_read_by_the_rules_that_say_so_and_no_other(rule: StepRule) -> None:
    """Other rules ignore the variance channels of DeepFloyd's networks."""
    path = path_between(cosine_schedule(), 0.9, 0, 4)
    x = tape(0)(torch.empty(2, 1, 1, 3))

    def learned(x_t: Tensor, level: NoiseLevel) -> Prediction:
        return Prediction(DATA(x_t, level).x0, torch.rand_like(x_t))

    same = torch.equal(walked(DATA, x, path, rule(), tape(1)), walked(learned, x, path, rule(), tape(1)))
    assert same is not rule.learned_variance


@pytest.mark.parametrize("rule", STEP_RULES.values(), ids=STEP_RULES)
def test_a_rule_calls_the_network_and_draws_noise_as_often_as_it_says(rule: StepRule) -> None:
    calls, draws = [], []

    def counted(x_t: Tensor, level: NoiseLevel) -> Prediction:
        calls.append(level)
        return DATA(x_t, level)

    def noise(like: Tensor) -> Tensor:
        draws.append(like.shape)
        return torch.zeros_like(like)

    walked(counted, tape(0)(torch.empty(2, 1, 1, 3)), path_between(cosine_schedule(), 0.9, 0.1, 5), rule(), noise)
    assert len(calls) == 5 * rule.calls + rule.first_calls
    assert len(draws) == 5 * rule.random


@pytest.mark.parametrize("schedule", [LinearPath(), cosine_schedule()], ids=["linear-path", "cosine"])
@every_deterministic_rule
def test_walks_may_start_at_pure_noise_and_land_on_clean(schedule: Schedule, rule: StepRule) -> None:
    """At pure noise and at clean, log(alpha / sigma) is infinite (linear path) or nearly infinite (cosine).

    The exact solution is finite at both ends, and 200 steps come as near as the first-order landing allows.
    """
    path = path_between(schedule, 1, 0, 200)
    x = tape(0)(torch.empty(8, 1, 1, 3))
    torch.testing.assert_close(walked(DATA, x, path, rule(), tape(1)), DATA.flow(x, path[0], path[-1]), rtol=0, atol=0.03)
