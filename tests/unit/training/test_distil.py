"""Distillation against known answers: Gaussian data, data of one point, and guidance as the library applies it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from noisewalk.guidance import cfg, within
from noisewalk.models.nets.build import SCHEDULES
from noisewalk.models.network import NetworkModel
from noisewalk.training import distil
from noisewalk.training.distil import Distillation, end_of_segment, segment_times
from noisewalk.walk import Bound, Denoiser, NoiseLevel, ddim, levels, linspace, sample, to_target
from noisewalk.walk.steps import transfer

KINDS = [("linear", "flow_prediction"), ("linear", "sample"), ("cosine", "v_prediction"), ("ddpm-1000", "epsilon")]
MEAN, STD = 0.3, 0.4


class OfPoints(nn.Module):
    """The exact network of pictures that are one point for each label, of which the last one stands for no label."""

    def __init__(self, schedule: str, prediction_type: str, points: tuple[float, ...]) -> None:
        super().__init__()
        self.schedule, self.prediction_type, self.points = SCHEDULES[schedule](), prediction_type, torch.tensor(points)

    def x0(self, x: Tensor, level: NoiseLevel, label: Tensor) -> Tensor:
        return self.points[label].view(-1, 1, 1, 1).expand_as(x)

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        level = self.schedule(t[:, None, None, None])
        x0 = self.x0(x, level, label)
        return to_target(x0, (x - level.alpha * x0) / level.sigma, level, self.prediction_type)


class OfGaussian(OfPoints):
    """The exact network of pixels that are normal, with the mean of their label and one standard deviation."""

    def x0(self, x: Tensor, level: NoiseLevel, label: Tensor) -> Tensor:
        mean = super().x0(x, level, label)
        gain = level.alpha * STD**2 / (level.alpha**2 * STD**2 + level.sigma**2)
        return mean + gain * (x - level.alpha * mean)


def flow(x_t: Tensor, t: NoiseLevel, s: NoiseLevel) -> Tensor:
    """The exact end at s of the probability flow of such pixels: the distance from the mean scales with the deviation."""
    ratio = (s.alpha**2 * STD**2 + s.sigma**2) / (t.alpha**2 * STD**2 + t.sigma**2)
    return s.alpha * MEAN + ratio.sqrt() * (x_t - t.alpha * MEAN)


class Student(OfPoints):
    """The exact student: what its teacher would have to say at a time so that one DDIM step ends where the flow does."""

    def __init__(self, schedule: str, prediction_type: str, calls: int) -> None:
        super().__init__(schedule, prediction_type, (MEAN,))
        self.calls = calls

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        t = t.double()
        here, end = (self.schedule(each[:, None, None, None]) for each in (t, end_of_segment(t, self.calls)))
        shrink = end.sigma / here.sigma
        x0 = (flow(x, here, end) - shrink * x) / (end.alpha - here.alpha * shrink)
        return to_target(x0, (x - here.alpha * x0) / here.sigma, here, self.prediction_type)


def objective(
    teacher: OfPoints, guidance_scale: float = 1.0, guidance_interval: tuple[int, ...] = (), calls: int = 4
) -> Distillation:
    return Distillation(
        schedule=teacher.schedule,
        prediction_type=teacher.prediction_type,
        dropout=0.0,
        null=(torch.tensor([len(teacher.points) - 1]),),
        times=segment_times(calls),
        teacher=teacher,
        guidance_scale=guidance_scale,
        guidance_interval=guidance_interval,
        calls=calls,
    )


def loss(of: Distillation, student: nn.Module, labels: tuple[int, ...]) -> Tensor:
    """The losses of 64 pictures, in float64 like the exact networks."""
    generator = torch.Generator().manual_seed(0)
    pictures, eps = torch.randn(2, 64, 1, 4, 4, generator=generator, dtype=torch.float64)
    t = of.times(64, generator).double()
    return of.loss_at(student, pictures, (torch.tensor(labels).repeat(64)[:64],), t, eps)


@pytest.mark.parametrize("calls", [1, 3, 4, 8])
@pytest.mark.parametrize(("schedule", "prediction_type"), KINDS)
def test_on_one_point_the_teacher_is_its_own_student(schedule: str, prediction_type: str, calls: int) -> None:
    """Its paths are straight, so the velocity at a time is the mean velocity to the end of every segment."""
    teacher = OfPoints(schedule, prediction_type, (0.2, -0.5, 0.0))
    exact = objective(teacher, calls=calls)
    assert float(loss(exact, teacher, (0, 1)).max()) < 1e-6
    assert float(loss(exact, OfPoints(schedule, prediction_type, (0.3, -0.5, 0.0)), (0, 1)).max()) > 1e-6


@pytest.mark.parametrize("calls", [1, 2, 4])
@pytest.mark.parametrize(("schedule", "prediction_type"), KINDS)
def test_on_gaussian_pictures_the_target_is_the_exact_map(
    schedule: str, prediction_type: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The midpoint rule is of order 2, so twice the steps divide the loss of the exact student by 16 or more."""
    teacher, student = OfGaussian(schedule, prediction_type, (MEAN, MEAN)), Student(schedule, prediction_type, calls)
    exact, found = objective(teacher, calls=calls), []
    for steps in (8, 16):
        monkeypatch.setattr(distil, "TEACHER_STEPS", steps)
        found.append(float(loss(exact, student, (0,)).mean()))
    assert found[0] < 1e-4 * float(loss(exact, teacher, (0,)).mean())
    assert found[0] / found[1] > 15


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_the_walk_of_an_exact_student_ends_where_the_flow_does(calls: int) -> None:
    """By ddim and in as many steps as it has calls, from pure noise, on the grid linspace."""
    model = NetworkModel(Student("linear", "flow_prediction", calls), SCHEDULES["linear"](), "flow_prediction")
    noise = torch.randn(8, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    path = levels(model.schedule, linspace(model.schedule, calls))
    *_, last = sample(Bound(model, (torch.tensor([0]),)), noise, path, ddim(), lambda like: like)
    torch.testing.assert_close(last.x_t, flow(noise, path[0], path[-1]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("interval", [(), (200, 799)])
@pytest.mark.parametrize("timestep", [100, 199, 200, 500, 799, 800, 999])
def test_the_teacher_is_guided_as_a_walk_is(timestep: int, interval: tuple[int, ...]) -> None:
    teacher = OfGaussian("linear", "flow_prediction", (0.2, -0.5, 0.0))
    t = torch.tensor((timestep + 1) / 1000, dtype=torch.float64)
    level, labels = teacher.schedule(t), torch.tensor([0, 1, 2])
    x_t = torch.randn(3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = NetworkModel(teacher, teacher.schedule, "flow_prediction", time_conditioning=lambda t: t)
    plain = Bound(model, (labels,))
    guided: Denoiser = cfg(plain, Bound(model, (torch.tensor([2]),)), 1.7)
    if interval:
        last, first = (teacher.schedule(torch.tensor((each + 1) / 1000, dtype=torch.float64)) for each in interval)
        guided = within(guided, plain, first, last)
    p = guided(x_t, level)
    found = objective(teacher, 1.7, interval).velocity(x_t, t.expand(3, 1, 1, 1), (labels,))
    torch.testing.assert_close(found, p.eps(x_t, level) - p.x0, rtol=1e-6, atol=1e-6)


def test_a_student_of_guided_points_has_the_guided_points() -> None:
    """u + g (c - u) for every label, and u itself for no label."""
    teacher = OfPoints("linear", "flow_prediction", (0.2, -0.5, 0.1))
    student = OfPoints("linear", "flow_prediction", (0.1 + 2 * 0.1, 0.1 - 2 * 0.6, 0.1))
    assert float(loss(objective(teacher, 2.0), student, (0, 1, 2)).max()) < 1e-6
    assert float(loss(objective(teacher, 1.5), student, (0, 1)).min()) > 1e-3


@pytest.mark.parametrize("calls", range(1, 101))
def test_times_lie_in_segments_and_most_are_their_starts(calls: int) -> None:
    starts = torch.arange(1, calls + 1) / calls
    torch.testing.assert_close(end_of_segment(starts, calls), (starts - 1 / calls).clamp(min=0))
    t = segment_times(calls)(4000, torch.Generator().manual_seed(calls))
    end = end_of_segment(t, calls)
    assert float((t - end).min()) > 0.009 / calls
    assert float((t - end).max()) < 1.0001 / calls
    assert float(torch.isin(t, starts).float().mean()) == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(("schedule", "prediction_type"), KINDS)
def test_one_step_of_the_target_makes_the_step_of_the_teacher(schedule: str, prediction_type: str) -> None:
    """The mean velocity, as x0 and eps, goes by one DDIM step to the point to which the teacher's own steps go."""
    teacher = OfGaussian(schedule, prediction_type, (MEAN, MEAN))
    t = torch.full((2,), 0.75, dtype=torch.float64)
    here, end = (teacher.schedule(each[:, None, None, None]) for each in (t, end_of_segment(t, 4)))
    x_t = torch.randn(2, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    u = objective(teacher).mean_velocity(x_t, t, (torch.tensor([0, 0]),))
    x0 = (x_t - here.sigma * u) / (here.alpha + here.sigma)
    torch.testing.assert_close(transfer(x0, x_t, here, end), flow(x_t, here, end), rtol=0, atol=2e-3)
