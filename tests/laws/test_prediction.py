"""The four prediction types are the same statement about a noisy picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import F64, Gaussian, TinyNet, as_network, at, tape
from torch import Tensor

from noisewalk.models.network import NetworkModel
from noisewalk.walk import (
    TARGETS,
    VE,
    Bound,
    DiscreteVP,
    LinearPath,
    NoiseLevel,
    Prediction,
    Schedule,
    add_noise,
    cosine_schedule,
    levels,
    linspace,
    to_target,
    to_x0,
)

# The table has 1024 entries, so that times of few binary digits are entries of it
SCHEDULES: dict[str, Schedule] = {"vp": cosine_schedule(1024), "linear": LinearPath(), "ve": VE(0.02, 20)}
on_every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
of_every_type = pytest.mark.parametrize("prediction_type", TARGETS)
LIKE = torch.empty(2, 3, 4, 4)


@on_every_schedule
@of_every_type
@given(t=st.floats(0.01, 0.99))
def test_x0_survives_being_made_a_target(schedule: Schedule, prediction_type: str, t: float) -> None:
    """to_x0 inverts to_target on every path; a library that derives each case by hand got v-prediction wrong off the
    variance-preserving one."""
    level, x0, eps = at(schedule, t), tape(0)(LIKE), tape(1)(LIKE)
    x_t = level.alpha * x0 + level.sigma * eps
    target = to_target(x0, eps, level, prediction_type)
    torch.testing.assert_close(to_x0(target, x_t, level, prediction_type), x0, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("prediction_type", "written_out"),
    [
        ("epsilon", lambda x0, eps, level: eps),
        ("sample", lambda x0, eps, level: x0),
        ("v_prediction", lambda x0, eps, level: level.alpha * eps - level.sigma * x0),
        ("flow_prediction", lambda x0, eps, level: eps - x0),
    ],
)
def test_the_targets_are_the_published_ones(prediction_type: str, written_out: object) -> None:
    """Ho et al. 2020; Salimans & Ho 2022, appendix D (v = alpha eps - sigma x0); Lipman et al. 2023 (u = eps - x0, the
    derivative of the linear path by t)."""
    level, x0, eps = at(cosine_schedule(), 0.4), tape(0)(LIKE), tape(1)(LIKE)
    assert callable(written_out)
    torch.testing.assert_close(to_target(x0, eps, level, prediction_type), written_out(x0, eps, level), rtol=0, atol=1e-15)


def test_the_flow_target_is_the_velocity_of_the_linear_path() -> None:
    """d x_t / dt along t -> (1 - t) x0 + t eps, by a difference quotient, which is exact for a straight line."""
    x0, eps = tape(0)(LIKE), tape(1)(LIKE)
    early, late = (add_noise(x0, at(LinearPath(), t), lambda like: eps) for t in (0.25, 0.75))
    velocity = to_target(x0, eps, at(LinearPath(), 0.5), "flow_prediction")
    torch.testing.assert_close(velocity, (late - early) / 0.5, rtol=0, atol=1e-12)


@on_every_schedule
def test_the_noise_and_x0_of_a_prediction_make_up_x_t(schedule: Schedule) -> None:
    level, x_t, p = at(schedule, 0.3), tape(0)(LIKE), Prediction(tape(1)(LIKE))
    torch.testing.assert_close(level.alpha * p.x0 + level.sigma * p.eps(x_t, level), x_t, rtol=0, atol=1e-12)


def test_a_condition_is_the_same_for_every_picture_or_one_for_each() -> None:
    seen: list[Tensor] = []

    def model(x_t: Tensor, level: NoiseLevel, label: Tensor) -> Prediction:
        seen.append(label)
        return Prediction(x_t)

    level = at(LinearPath(), 0.5)
    for label in (torch.tensor([7]), torch.tensor([4, 2])):
        Bound(model, (label,))(LIKE, level)
    assert [label.tolist() for label in seen] == [[7, 7], [4, 2]]


# Networks on any path


@on_every_schedule
@of_every_type
def test_one_denoiser_trained_four_ways_gives_one_x0(schedule: Schedule, prediction_type: str) -> None:
    """A perfect network of each prediction type, called through `NetworkModel`."""
    truth = NetworkModel(TinyNet(), schedule, "sample")
    model = NetworkModel(as_network(truth, schedule, prediction_type), schedule, prediction_type)
    for t in (0.125, 0.5, 0.875):
        level, x_t = at(schedule, t), tape(2)(LIKE)
        torch.testing.assert_close(model(x_t, level).x0, truth(x_t, level).x0, rtol=0, atol=1e-10)


@pytest.mark.parametrize("walked_along", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("trained_on", SCHEDULES.values(), ids=SCHEDULES)
def test_a_network_can_be_walked_along_any_path(trained_on: Schedule, walked_along: Schedule) -> None:
    """E[x0 | x_t] depends on x_t and the signal-to-noise ratio only, not on how both are scaled."""
    model = NetworkModel(TinyNet(), trained_on, "epsilon")
    for t in (0.25, 0.5, 0.75):
        own, x_t = at(trained_on, t), tape(3)(LIKE)
        other = walked_along(walked_along.time(own))  # as noisy, on the other path
        on_other = model(x_t * (other.alpha / own.alpha), other).x0
        torch.testing.assert_close(on_other, model(x_t, own).x0, rtol=0, atol=1e-9)


@on_every_schedule
@of_every_type
def test_a_network_may_have_been_trained_in_another_range(schedule: Schedule, prediction_type: str) -> None:
    """If x is Gaussian, z = x / 2 + 1/2 is too, and the exact network for z must agree with the exact denoiser for x."""
    mean, cov = torch.tensor([0.3, -0.5], dtype=F64), torch.tensor([[0.5, 0.2], [0.2, 0.3]], dtype=F64)
    data, trained_on = Gaussian(mean, cov), Gaussian(mean / 2 + 0.5, cov / 4)
    network = as_network(trained_on, schedule, prediction_type)
    model = NetworkModel(network, schedule, prediction_type, data_scale=0.5, data_shift=0.5)
    x_t = tape(0)(torch.empty(4, 1, 1, 2))
    for path_scale in (1.0, 0.3):
        own = at(schedule, 0.5)
        level = NoiseLevel(path_scale * own.alpha, path_scale * own.sigma / 0.5)  # as noisy, seen from the range of x
        torch.testing.assert_close(model(x_t, level).x0, data(x_t, level).x0, rtol=0, atol=1e-12)


@pytest.mark.parametrize("schedule", [cosine_schedule(), *SCHEDULES.values()], ids=["deepfloyd", *SCHEDULES])
def test_on_its_own_path_a_network_is_shown_exactly_the_picture_and_its_time(schedule: Schedule) -> None:
    """Nothing is scaled by 1.0000001 and no time is rounded: float32 pictures arrive bit for bit."""
    shown: list[tuple[Tensor, Tensor]] = []

    def network(x: Tensor, t: Tensor) -> Tensor:
        shown.append((x, t))
        return x

    x_t, times = tape(0)(LIKE).float(), linspace(schedule, 1000)[:-1]
    for level in levels(schedule, times):
        NetworkModel(network, schedule, "sample")(x_t, level)
    assert all(torch.equal(x, x_t) for x, _ in shown)
    assert torch.equal(torch.stack([t[0] for _, t in shown]), times.float())


def test_a_network_in_half_precision_leaves_pictures_in_single() -> None:
    """The output gets a wider dtype before x0 is computed; near clean, x0 is a small difference of large numbers."""
    level, x_t = at(cosine_schedule(), 0.9), tape(0)(LIKE).float()
    output = tape(1)(LIKE).half()
    x0 = NetworkModel(lambda x, t: output, cosine_schedule(), "epsilon")(x_t, level).x0
    assert x0.dtype == torch.float32
    assert torch.equal(x0, to_x0(output.float(), x_t, level, "epsilon"))


@pytest.mark.parametrize(("max_batch", "calls"), [(0, [7]), (7, [7]), (3, [3, 3, 1]), (1, [1] * 7)])
def test_a_bounded_batch_gives_the_same_answers_in_more_calls(max_batch: int, calls: list[int]) -> None:
    """Every row keeps its own time and its own label."""
    net, x_t, label, level = TinyNet(), tape(0)(torch.empty(7, 3, 4, 4)), torch.arange(7), at(LinearPath(), 0.5)
    whole = NetworkModel(TinyNet(), LinearPath(), "epsilon")(x_t, level, label).x0
    parts = NetworkModel(net, LinearPath(), "epsilon", max_batch=max_batch)(x_t, level, label).x0
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-12)
    assert net.rows == calls


def test_filling_rows_changes_no_answer() -> None:
    net, x_t, label, level = TinyNet(), tape(0)(torch.empty(6, 3, 4, 4)), torch.arange(6), at(LinearPath(), 0.5)
    plain = NetworkModel(TinyNet(), LinearPath(), "epsilon")(x_t, level, label).x0
    filled = NetworkModel(net, LinearPath(), "epsilon", row_multiple=4)(x_t, level, label).x0
    torch.testing.assert_close(filled, plain, rtol=0, atol=1e-12)
    assert net.rows == [8]


def test_the_one_step_denoiser_is_the_call_itself() -> None:
    """For a denoiser that is trained at one noise level and predicts x0, x0 is the output of the network at every level."""
    schedule = DiscreteVP(torch.tensor([0.8]))
    net = TinyNet()
    x_t, level = tape(0)(LIKE), at(schedule, 1)
    x0 = NetworkModel(net, schedule, "sample")(x_t, level).x0
    torch.testing.assert_close(x0, net(x_t, torch.ones(2)), rtol=0, atol=1e-12)
