"""Time grids, on every schedule."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import F64

from noisewalk import UserError
from noisewalk.walk import (
    GRIDS,
    VE,
    LinearPath,
    Schedule,
    cosine_schedule,
    karras,
    levels,
    linear_betas,
    linspace,
    strided,
    truncate,
    vp_schedule,
    walk_times,
)

SCHEDULES: dict[str, Schedule] = {
    "linear-path": LinearPath(),
    "variance-exploding": VE(),
    "narrow-variance-exploding": VE(0.02, 50),
    "cosine": cosine_schedule(),
    "course-300": vp_schedule(linear_betas(300)),
}
on_every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


@on_every_schedule
@pytest.mark.parametrize("grid", [name for name in GRIDS if name != "native"])
@given(steps=st.integers(1, 34))
def test_a_grid_goes_strictly_down_to_clean_in_as_many_steps_as_asked(grid: str, schedule: Schedule, steps: int) -> None:
    """Two equal levels would divide by zero in a multistep rule: a grid must stay within what the schedule reaches, and the
    noisiest level of the course's 300 steps has sigma / alpha = 4.5, where Karras et al. start at 80."""
    grid_times = walk_times(grid, schedule, steps)
    path = levels(schedule, grid_times)
    ratio = torch.stack([level.sigma / level.alpha for level in path])
    assert len(grid_times) == steps + 1
    assert grid_times[0] <= 1
    assert grid_times[-1] == ratio[-1] == 0
    assert bool((grid_times.diff() < 0).all())
    assert bool((ratio.diff() < 0).all())


@pytest.mark.parametrize("schedule", [LinearPath(), VE(), cosine_schedule()], ids=["linear-path", "ve", "cosine"])
@pytest.mark.parametrize("steps", [2, 5, 18])
def test_karras_spacing(schedule: Schedule, steps: int) -> None:
    """Karras et al. 2022, eq. 5, written out for each i; sigma there is sigma / alpha of a level. Ends at 80 and 0.002."""
    path = levels(schedule, karras(schedule, steps))
    ratio = torch.stack([level.sigma / level.alpha for level in path[:-1]])
    top, bottom = 80.0 ** (1 / 7), 0.002 ** (1 / 7)
    expected = [(top + i / (steps - 1) * (bottom - top)) ** 7 for i in range(steps)]
    torch.testing.assert_close(ratio, torch.tensor(expected, dtype=F64), rtol=1e-9, atol=0)
    assert ratio[0].item() == pytest.approx(80, rel=1e-9)
    assert ratio[-1].item() == pytest.approx(0.002, rel=1e-9)


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [(vp_schedule(linear_betas(300)), 4.4507, 0.002), (VE(0.02, 50), 50, 0.02)],
    ids=["course-300", "narrow-ve"],
)
def test_karras_spacing_stays_within_what_the_schedule_reaches(schedule: Schedule, first: float, last: float) -> None:
    path = levels(schedule, karras(schedule, 6))
    assert (path[0].sigma / path[0].alpha).item() == pytest.approx(first, rel=1e-4)
    assert (path[-2].sigma / path[-2].alpha).item() == pytest.approx(last, rel=1e-9)


def test_a_grid_that_came_with_no_model_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="has no grid of its own; use --grid linspace"):
        GRIDS["native"](LinearPath(), 4)


def test_linspace_is_even() -> None:
    assert linspace(LinearPath(), 4).tolist() == [1, 0.75, 0.5, 0.25, 0]


def test_the_course_grid_keeps_its_last_entries() -> None:
    index = [round(t) for t in (strided(LinearPath(), 3) * 1000 - 1).tolist()]
    assert index == [60, 30, 0, -1]
    with pytest.raises(UserError, match="34 steps of 30, but 35 were asked"):
        strided(LinearPath(), 35)


@given(st.integers(0, 9))
def test_truncating_drops_the_first_steps(start: int) -> None:
    grid = linspace(LinearPath(), 10)
    assert torch.equal(truncate(grid, start), grid[start:])


@pytest.mark.parametrize("start", [-1, 10, 11])
def test_a_walk_cannot_start_outside_its_grid(start: int) -> None:
    """Index 10 of ten steps is clean already, so there is no step to make."""
    with pytest.raises(UserError, match="start at 0 to 9"):
        truncate(linspace(LinearPath(), 10), start)


def test_unknown_grids_and_empty_walks_are_refused() -> None:
    with pytest.raises(UserError, match="did you mean 'karras'"):
        walk_times("karas", LinearPath(), 5)
    with pytest.raises(UserError, match="at least 1 step"):
        walk_times("linspace", LinearPath(), 0)
