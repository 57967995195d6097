"""Schedules, grids, noising and thresholds against diffusers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st
from oracles import F64, at, tape

from noisewalk.guidance import dynamic_threshold
from noisewalk.walk import (
    DiscreteVP,
    LinearPath,
    NoiseLevel,
    Prediction,
    add_noise,
    cosine_betas,
    leading,
    linear_betas,
    scaled_linear_betas,
    trailing,
    vp_schedule,
)

TABLES = {
    "linear": (linear_betas(), {"beta_start": 1e-4, "beta_end": 0.02}),
    "scaled_linear": (scaled_linear_betas(), {"beta_start": 0.00085, "beta_end": 0.012}),
    "squaredcos_cap_v2": (cosine_betas(), {}),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_diffusers(double: Any, name: str) -> None:
    betas, config = TABLES[name]
    scheduler = double(DDPMScheduler, beta_schedule=name, **config)
    torch.testing.assert_close(vp_schedule(betas).alphas_cumprod, scheduler.alphas_cumprod, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", TABLES)
def test_timestep_i_of_diffusers_is_time_i_plus_1_of_1000(double: Any, name: str) -> None:
    """The off-by-one between 0 ... T-1 and 1 ... T: noising at i there is noising at (i + 1) / T here."""
    betas, config = TABLES[name]
    scheduler, schedule = double(DDPMScheduler, beta_schedule=name, **config), vp_schedule(betas)
    x0 = tape(0)(torch.empty(1, 1, 4, 4))
    for i in (0, 1, 40, 500, 998, 999):
        theirs = scheduler.add_noise(x0, tape(1)(x0), torch.tensor([i]))
        torch.testing.assert_close(add_noise(x0, at(schedule, (i + 1) / 1000), tape(1)), theirs, rtol=0, atol=1e-12)


def indices(times: torch.Tensor) -> list[int]:
    """Return the timesteps 0 ... 999 of a grid without its clean end."""
    assert times[-1] == 0
    return [round(t) for t in (times[:-1] * 1000 - 1).tolist()]


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 27, 30, 34, 50, 75, 100, 250, 999, 1000])
def test_leading_spacing(steps: int) -> None:
    scheduler = DDIMScheduler(timestep_spacing="leading")
    scheduler.set_timesteps(steps)
    assert indices(leading(LinearPath(), steps)) == scheduler.timesteps.tolist()


@pytest.mark.parametrize("steps", [*range(1, 48), 50, 60, 75, 80, 100, 125, 200, 250, 500, 1000])
def test_trailing_spacing(steps: int) -> None:
    """For some other numbers diffusers accumulates 1000 - i k in floating point: at 48 it rounds an exact half by chance,
    at 61 it returns 62 timesteps, the last of them -1. Ours are the exact multiples, always as many as asked."""
    scheduler = DDIMScheduler(timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    assert indices(trailing(LinearPath(), steps)) == scheduler.timesteps.tolist()


@given(st.integers(1, 1000))
def test_trailing_has_as_many_steps_as_asked_from_the_very_noisiest(steps: int) -> None:
    """This holds also where diffusers has one too many. The first must be timestep T - 1 (Lin et al. 2024)."""
    grid = indices(trailing(LinearPath(), steps))
    assert len(grid) == steps
    assert grid[0] == 999
    assert all(a > b >= 0 for a, b in itertools.pairwise(grid))


@given(
    st.integers(0, 2**32),
    st.floats(0.1, 4),
    st.sampled_from([0.5, 0.95, 0.995, 1.0]),
    st.sampled_from([1.0, 1.5, 10.0]),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
)
def test_dynamic_threshold(seed: int, scale: float, quantile: float, most: float, shape: tuple[int, ...]) -> None:
    """Also on pictures of one pixel, where the quantile has nothing to interpolate."""
    x0 = scale * tape(seed)(torch.empty(shape))
    scheduler = DDPMScheduler(thresholding=True, dynamic_thresholding_ratio=quantile, sample_max_value=most)
    level = NoiseLevel(torch.tensor(1.0, dtype=F64), torch.tensor(1.0, dtype=F64))
    ours = dynamic_threshold(lambda x_t, level: Prediction(x0), quantile, most)(x0, level).x0
    torch.testing.assert_close(ours, scheduler._threshold_sample(x0), rtol=0, atol=1e-12)


def test_a_table_starts_at_clean() -> None:
    """Before the first entry, abar is 1 and not the first entry again."""
    schedule = DiscreteVP(torch.tensor([0.9, 0.5]))
    assert at(schedule, 0).sigma == 0
    assert at(schedule, 0.5).alpha ** 2 == pytest.approx(0.9, abs=1e-7)  # the table was given in float32
