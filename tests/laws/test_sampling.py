"""The sampling loop: a generator that only makes its steps one after the other."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from oracles import Counting, TinyNet, path_between, tape, walked
from torch import Tensor

from noisewalk.guidance import THRESHOLDS, clip
from noisewalk.models.network import NetworkModel
from noisewalk.walk import (
    STEP_RULES,
    LinearPath,
    NoiseLevel,
    Past,
    Prediction,
    StepHistory,
    cosine_schedule,
    ddim,
    ddpm,
    levels,
    remember,
    sample,
    strided,
    truncate,
)

MODEL = NetworkModel(TinyNet(), LinearPath(), "flow_prediction")
X = tape(0)(torch.empty(2, 3, 6, 6))
PATH = path_between(LinearPath(), 1, 0, 6)


@pytest.mark.parametrize("rule", STEP_RULES)
def test_a_walk_is_its_steps_one_after_the_other(rule: str) -> None:
    """Each step gets the result of the step before, and the history of the walk."""
    history: StepHistory | None = None
    x, noise, step = X, tape(1), STEP_RULES[rule]()
    for i, state in enumerate(sample(MODEL, X, PATH, STEP_RULES[rule](), tape(1))):
        before = x
        x, prediction = step(MODEL, x, PATH[i], PATH[i + 1], noise, history)
        history = remember(history, Past(PATH[i], before, prediction), 4 - i, 6)
        assert state.step == i
        assert state.level is PATH[i + 1]
        assert torch.equal(state.x_t, x)
        assert torch.equal(state.x0, prediction.x0)
    assert i == len(PATH) - 2


@pytest.mark.parametrize("rule", STEP_RULES)
def test_a_walk_can_be_split_where_no_memory_is_lost(rule: str) -> None:
    """A walk to the middle and a second walk from there equal one whole walk, for rules without a memory."""
    noise, through = tape(1), list(sample(MODEL, X, PATH, STEP_RULES[rule](), tape(1)))
    halfway = walked(MODEL, X, PATH[:4], STEP_RULES[rule](), noise)
    end = walked(MODEL, halfway, PATH[3:], STEP_RULES[rule](), noise)
    assert torch.equal(through[2].x_t, halfway) or STEP_RULES[rule].memory  # which may end a short walk with lower order
    assert torch.equal(through[-1].x_t, end) == (STEP_RULES[rule].memory == 0)


@pytest.mark.parametrize(("i_start", "steps"), [(0, 33), (10, 23), (20, 13), (32, 1)])
def test_there_are_as_many_steps_as_the_grid_has_left(i_start: int, steps: int) -> None:
    path = levels(cosine_schedule(), truncate(strided(cosine_schedule())[:-1], i_start))
    model = Counting(NetworkModel(TinyNet(), cosine_schedule(), "sample"))
    assert len(list(sample(model, X, path, ddpm("small"), tape(0)))) == len(model.rows) == steps


def test_no_levels_no_steps() -> None:
    assert list(sample(MODEL, X, PATH[:1], ddim(), tape(0))) == []


def test_closing_cancels() -> None:
    """If the generator is closed, no further network call is made."""
    model = Counting(MODEL)
    walk = sample(model, X, PATH, ddim(), tape(0))
    next(walk), next(walk)
    walk.close()
    assert len(model.rows) == 2
    assert list(walk) == []


def test_the_callers_gradients_are_left_alone() -> None:
    """A `no_grad` held open across a yield would switch gradients off for the caller too, until the walk ends."""
    grown: list[Tensor] = []

    def model(x_t: Tensor, level: NoiseLevel) -> Prediction:
        assert not torch.is_grad_enabled()
        return Prediction(weight * x_t)

    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    for state in sample(model, X, PATH, ddim(), tape(0)):
        assert torch.is_grad_enabled()
        assert not state.x_t.requires_grad
        grown.append(weight * state.x_t)
    assert all(each.requires_grad for each in grown)
    with torch.no_grad():
        for _ in sample(model, X, PATH, ddim(), tape(0)):
            assert not torch.is_grad_enabled()


def test_the_start_and_earlier_states_are_not_written_over() -> None:
    """States are kept for previews and films."""
    start = X.clone()
    states = list(sample(MODEL, start, PATH, ddpm("small"), tape(1)))
    kept = [state.x_t.clone() for state in states]
    again = [state.x_t for state in sample(MODEL, start, PATH, ddpm("small"), tape(1))]
    assert torch.equal(start, X)
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))
    assert all(not torch.equal(a, b) for a, b in pairwise(kept))


@pytest.mark.parametrize("rule", STEP_RULES)
@pytest.mark.parametrize("schedule", [LinearPath(), cosine_schedule()], ids=["linear-path", "cosine"])
def test_a_model_that_knows_the_picture_is_walked_to_it(rule: str, schedule: object) -> None:
    """If the denoiser always predicts the same x0, every rule ends there."""
    picture = tape(5)(X)
    assert callable(schedule)
    path = [schedule(torch.tensor(t, dtype=torch.float64)) for t in (1, 0.8, 0.4, 0.1, 0)]
    end = walked(lambda x_t, level: Prediction(picture), X, path, STEP_RULES[rule](), tape(1))
    torch.testing.assert_close(end, picture, rtol=0, atol=1e-11)


@pytest.mark.parametrize("rule", STEP_RULES)
def test_single_precision_pictures_stay_single(rule: str) -> None:
    """Coefficients are float64 and pictures float32, from the first step to the last."""

    def single(like: Tensor) -> Tensor:
        return tape(1)(like).float()

    def learned(x_t: Tensor, level: NoiseLevel) -> Prediction:
        return Prediction(x_t.tanh(), x_t.sigmoid())

    states = list(sample(learned, X.float(), PATH, STEP_RULES[rule](), single))
    assert {state.x_t.dtype for state in states} == {torch.float32}


def test_clipping_keeps_x0_within_pictures() -> None:
    loud = Prediction(torch.tensor([-3.0, -1.0, 0.2, 1.0, 7.0]), torch.tensor(0.3))
    p = clip(lambda x_t, level: loud)(X, PATH[0])
    assert p.x0.tolist() == pytest.approx([-1, -1, 0.2, 1, 1])
    assert p.var_frac is loud.var_frac


def test_without_a_threshold_nothing_is_touched() -> None:
    """Thresholding is a switch, and off is the course's formula."""
    assert THRESHOLDS["none"](MODEL) is MODEL
