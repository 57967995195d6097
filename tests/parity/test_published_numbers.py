"""Numbers of DeepFloyd IF, of the course (CS180 project 5) and of RePaint, to all published digits."""

from __future__ import annotations

import itertools

import pytest
import torch
from oracles import F64, at, tape, walked
from torch import Tensor

from noisewalk.walk import (
    DiscreteVP,
    LinearPath,
    NoiseLevel,
    Prediction,
    cosine_betas,
    cosine_schedule,
    ddim,
    ddpm,
    leading,
    levels,
    linear_betas,
    renoise,
    sample,
    strided,
    truncate,
    vp_schedule,
)

DEEPFLOYD_ABAR = {
    0: ".99995869", 30: ".99646574", 60: ".98863655", 90: ".97653931", 240: ".85697681", 250: ".84588802",
    390: ".66082227", 500: ".49228504", 540: ".43017161", 690: ".21452300", 750: ".14317866", 780: ".11203352",
    840: ".06015543", 900: ".02361611", 930: ".01151887", 960: ".00368961", 990: ".00019672",
}  # fmt: skip
COURSE = list(range(990, -1, -30))


def level(timestep: int, schedule: DiscreteVP | None = None) -> NoiseLevel:
    return at(schedule or cosine_schedule(), (timestep + 1) / 1000)


def test_abar_of_deepfloyd() -> None:
    """The published table is float32 and so rounds its products; rounded the same way, ours has the same eight digits."""
    single = torch.cumprod(1 - cosine_betas().float(), 0)
    assert {i: f"{single[i]:.8f}"[1:] for i in DEEPFLOYD_ABAR} == DEEPFLOYD_ABAR
    assert f"{single[999]:.2e}" == "2.43e-09"
    assert f"{cosine_schedule().alphas_cumprod[999]:.2e}" == "2.43e-09"


@pytest.mark.parametrize(("num", "abar"), [(300, ".04806"), (400, ".0175"), (1000, ".00004")], ids=["T=300", "T=400", "T=1000"])
def test_the_noisiest_level_of_a_linear_schedule_still_holds_signal(num: int, abar: str) -> None:
    """At T = 300 a fifth of the picture is left (signal .219), so a walk from pure noise starts off its path."""
    last = at(vp_schedule(linear_betas(num)), 1)
    assert f"{last.alpha**2:.{len(abar) - 1}f}"[1:] == abar
    assert num != 300 or f"{last.alpha:.3f}" == "0.219"


@pytest.mark.parametrize(
    ("timestep", "small", "large"),
    [(990, ".9713", ".9730"), (690, ".3846", ".3947"), (60, ".0494", ".0886"), (30, ".00639", ".0591")],
)
def test_range_of_the_learned_deviation_on_the_course_strides(timestep: int, small: str, large: str) -> None:
    """Both bounds belong to the pair of levels a step joins, 30 timesteps apart, not to t and t - 1.

    A step with noise 1 less the same step with noise 0 is its standard deviation.
    """
    t, s, x = level(timestep), level(timestep - 30), torch.zeros(1, 1, 1, 1, dtype=F64)

    def deviation(fraction: float) -> float:
        def denoiser(x_t: Tensor, level: NoiseLevel) -> Prediction:
            return Prediction(x_t, torch.full_like(x_t, fraction))

        return ddpm()(denoiser, x, t, s, torch.ones_like, None)[0].item()

    assert f"{deviation(0):.{len(small) - 1}f}"[1:] == small
    assert f"{deviation(1):.{len(large) - 1}f}"[1:] == large


@pytest.mark.parametrize(
    ("steps", "first", "last"), [(30, [957, 924], [33, 0]), (100, [990, 980], [10, 0]), (20, [950, 900], [50, 0])]
)
def test_deepfloyds_timesteps(steps: int, first: list[int], last: list[int]) -> None:
    grid = [round(t) for t in (leading(LinearPath(), steps) * 1000 - 1).tolist()]
    assert (grid[:2], grid[-3:]) == (first, [*last, -1])
    assert len(grid) == steps + 1


def test_the_course_list_is_not_34_leading_steps() -> None:
    """The course's list of timesteps is not diffusers' leading grid of 34 steps."""
    course = [round(t) for t in (strided(LinearPath()) * 1000 - 1).tolist()]
    assert course == [*COURSE, -1]
    assert course != [round(t) for t in (leading(LinearPath(), 34) * 1000 - 1).tolist()]


@pytest.mark.parametrize(
    ("i_start", "timestep", "signal", "unet_steps"),
    [
        (1, 960, ".061", 32), (3, 900, ".154", 30), (5, 840, ".245", 28),
        (7, 780, ".335", 26), (10, 690, ".463", 23), (20, 390, ".813", 13),
    ],
)  # fmt: skip
def test_where_the_courses_edits_start(i_start: int, timestep: int, signal: str, unet_steps: int) -> None:
    """SDEdit: which timestep an i_start is, how much of the picture is left there, and how many network calls follow."""
    path = levels(cosine_schedule(), truncate(strided(cosine_schedule())[:-1], i_start))
    assert path[0].alpha == level(timestep).alpha
    assert f"{path[0].alpha:.3f}"[1:] == signal
    calls = 0

    def denoiser(x_t: Tensor, level: NoiseLevel) -> Prediction:
        nonlocal calls
        calls += 1
        return Prediction(x_t)

    x = torch.zeros(1, 1, 1, 1, dtype=F64)
    assert len(list(sample(denoiser, x, path, ddim(), tape(0)))) == calls == unet_steps


def test_the_courses_loop() -> None:
    """CS180 A.3 written out as the course states it, learned variance included, is `ddpm` on the course grid.

    Its loop ends at timestep 0, where the picture still has noise, and adds noise on the way there too.
    """
    abar = torch.cumprod(1 - cosine_betas(), 0)
    like = torch.empty(2, 3, 4, 4)
    noise_of = {t: tape(t)(like) for t in COURSE}  # the output of the "network" at a timestep, besides half of x_t
    v_of = {t: tape(t + 1)(like).tanh() for t in COURSE}

    x_t, z = tape(7)(like), tape(8)
    for t, t_next in itertools.pairwise(COURSE):
        eps, v = noise_of[t] + x_t / 2, v_of[t]
        alpha = abar[t] / abar[t_next]
        beta = 1 - alpha
        x0 = (x_t - (1 - abar[t]).sqrt() * eps) / abar[t].sqrt()
        to_x0, to_x_t = abar[t_next].sqrt() * beta / (1 - abar[t]), alpha.sqrt() * (1 - abar[t_next]) / (1 - abar[t])
        beta_tilde = beta * (1 - abar[t_next]) / (1 - abar[t])
        log_variance = (v + 1) / 2 * beta.log() + (1 - (v + 1) / 2) * beta_tilde.log()
        x_t = to_x0 * x0 + to_x_t * x_t + torch.exp(0.5 * log_variance) * z(x_t)

    def denoiser(x_t: Tensor, level: NoiseLevel) -> Prediction:
        t = COURSE[int((level.alpha**2 - abar[COURSE]).abs().argmin())]
        eps = noise_of[t] + x_t / 2
        return Prediction((x_t - level.sigma * eps) / level.alpha, (v_of[t] + 1) / 2)

    schedule = cosine_schedule()
    ours = walked(denoiser, tape(7)(like), levels(schedule, strided(schedule)[:-1]), ddpm("learned"), tape(8))
    torch.testing.assert_close(ours, x_t, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("low", "high", "variance"), [(-1, 0, "1.00e-04"), (36, 40, "3.46e-03")])
def test_going_back_up_adds_the_variance_between_the_two_levels(low: int, high: int, variance: str) -> None:
    """RePaint's undo from `low` to `high` (-1 is clean) owes 1.00e-4 at t = 0 and 3.46e-3 at t = 40 for its 250
    of 1000 steps; diffusers reads its table one stride late and adds 5.19e-4 and 3.70e-3."""
    schedule = vp_schedule(linear_betas())
    zero = torch.zeros(1, dtype=F64)
    added = renoise(zero, level(low, schedule), level(high, schedule), torch.ones_like)
    assert f"{added.item() ** 2:.2e}" == variance
