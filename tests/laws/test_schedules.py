"""Schedules and their inverses, noising, and re-noising."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import F64, Gaussian, at, moments, path_between, tape
from torch import Tensor

from noisewalk.walk import (
    VE,
    DiscreteVP,
    LinearPath,
    Noise,
    NoiseLevel,
    Schedule,
    add_noise,
    cosine_schedule,
    levels,
    linear_betas,
    renoise,
    scaled_linear_betas,
    vp_schedule,
)

SCHEDULES: dict[str, Schedule] = {
    "linear-path": LinearPath(),
    "variance-exploding": VE(),
    "narrow-variance-exploding": VE(0.02, 50),
    "cosine": cosine_schedule(),
    "linear-betas": vp_schedule(linear_betas()),
    "stable-diffusion": vp_schedule(scaled_linear_betas()),
    "course-300": vp_schedule(linear_betas(300)),
    "two-entries": DiscreteVP(torch.tensor([0.7, 0.2])),
}
on_every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
times = st.floats(0, 1)


@on_every_schedule
@given(t=times)
def test_time_inverts_the_schedule(schedule: Schedule, t: float) -> None:
    assert schedule.time(at(schedule, t)).item() == pytest.approx(t, abs=1e-12)


@on_every_schedule
@given(t=times, scale=st.floats(1e-3, 1e3))
def test_time_depends_on_the_signal_to_noise_ratio_only(schedule: Schedule, t: float, scale: float) -> None:
    alpha, sigma = at(schedule, t)
    assert schedule.time(NoiseLevel(scale * alpha, scale * sigma)).item() == pytest.approx(t, abs=1e-12)


@on_every_schedule
@given(st.lists(times, min_size=2, max_size=6, unique=True))
def test_noise_grows_with_time(schedule: Schedule, instants: list[float]) -> None:
    """It holds between the entries of a table too, and for a vector of times."""
    t = torch.tensor(sorted(instants), dtype=F64)
    at_once = schedule(t)
    for together, alone in zip(at_once, zip(*levels(schedule, t), strict=True), strict=True):
        assert torch.equal(together, torch.stack(alone))
    apart = t.diff() > 1e-9
    assert bool((at_once.sigma.diff()[apart] >= 0).all())
    assert bool((at_once.alpha.diff()[apart] <= 0).all())


@on_every_schedule
def test_time_0_is_exactly_clean(schedule: Schedule) -> None:
    """Steps end at the clean picture, and pins at the reference, only if sigma is exactly 0 and alpha is exactly 1."""
    assert at(schedule, 0) == (1, 0)


@given(t=times)
def test_variance_is_preserved(t: float) -> None:
    alpha, sigma = at(cosine_schedule(), t)
    assert (alpha**2 + sigma**2).item() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("table", [[0.5, 0.9], [0.9, 0.9], [1.0, 0.5], [0.5, -0.1], []])
def test_a_table_must_fall_from_1_towards_0(table: list[float]) -> None:
    with pytest.raises(ValueError, match="strictly decreasing"):
        DiscreteVP(torch.tensor(table))


def test_a_table_may_end_in_pure_noise() -> None:
    """With zero terminal SNR the last level has no signal, and its time is found from the ratio."""
    schedule = DiscreteVP(torch.tensor([0.9, 0.5, 0.0], dtype=F64))
    assert at(schedule, 1) == (0, 1)
    for t in (1.0, 0.9, 2 / 3):
        assert schedule.time(at(schedule, t)).item() == pytest.approx(t, abs=1e-12)


def test_levels_keep_their_digits_and_leave_pictures_in_single_precision() -> None:
    """Products of a thousand alphas in half precision lose the schedule. Coefficients are float64, and as 0-d
    tensors they do not change the dtype of what they scale."""
    for level in path_between(cosine_schedule(), 1, 0, 3):
        assert level.alpha.dtype == level.sigma.dtype == F64
        assert (level.alpha * torch.ones(1, dtype=torch.float32)).dtype == torch.float32


DATA = Gaussian(torch.tensor([0.3, -0.5], dtype=F64), torch.tensor([[0.5, 0.2], [0.2, 0.3]], dtype=F64))


def marginal(level: NoiseLevel, like: Tensor, noise: Noise) -> Tensor:
    clean = DATA.mean + noise(like) @ torch.linalg.cholesky(DATA.cov).T
    return add_noise(clean, level, noise)


@on_every_schedule
def test_noising_in_one_jump_has_the_marginal_of_the_level(schedule: Schedule) -> None:
    level = at(schedule, 0.4)
    mean, cov = moments(lambda like, noise: marginal(level, like, noise), 2)
    torch.testing.assert_close(mean, level.alpha * DATA.mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(cov, DATA.covariance(level), rtol=0, atol=1e-12)


@on_every_schedule
@pytest.mark.parametrize(("low", "high"), [(0, 0.7), (0.2, 0.7), (0.69, 0.7), (0.7, 0.7)])
def test_going_back_up_has_the_marginal_of_the_higher_level(schedule: Schedule, low: float, high: float) -> None:
    """A sample of level s becomes a sample of level t for any levels; from clean it is the usual noising."""
    s, t = at(schedule, low), at(schedule, high)
    mean, cov = moments(lambda like, noise: renoise(marginal(s, like, noise), s, t, noise), 2)
    torch.testing.assert_close(mean, t.alpha * DATA.mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(cov, DATA.covariance(t), rtol=1e-12, atol=1e-12)


def test_from_clean_going_up_is_noising() -> None:
    t, x0 = at(cosine_schedule(), 0.5), tape(0)(torch.empty(1, 1, 4, 4))
    ours = renoise(x0, at(cosine_schedule(), 0), t, tape(1))
    torch.testing.assert_close(ours, add_noise(x0, t, tape(1)), rtol=0, atol=1e-15)
