"""Whole walks against diffusers' schedulers: one network, one noise, float64, to 1e-9.

diffusers runs as in its pipelines, with timesteps 0 ... 999, and noisewalk with the same levels at the times (i + 1) / 1000.
The two sides share only the network and the noise.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from oracles import F64, TinyNet, tape, walked
from torch import Tensor

from noisewalk.guidance import clip, dynamic_threshold
from noisewalk.models.network import NetworkModel
from noisewalk.walk import (
    DiscreteVP,
    LinearPath,
    NoiseLevel,
    Prediction,
    cosine_schedule,
    ddim,
    ddpm,
    dpmpp,
    heun,
    leading,
    levels,
    linear_betas,
    linspace,
    scaled_linear_betas,
    to_x0,
    trailing,
    vp_schedule,
)

DEEPFLOYD = {
    "beta_schedule": "squaredcos_cap_v2",
    "variance_type": "learned_range",
    "thresholding": True,
    "dynamic_thresholding_ratio": 0.95,
    "sample_max_value": 1.5,
    "clip_sample_range": 1.0,
    "timestep_spacing": "leading",
}


def start(seed: int = 7) -> Tensor:
    return tape(seed)(torch.empty(2, 3, 6, 6))


def diffusers_walk(scheduler: Any, network: Callable[[Tensor, Tensor], Tensor], x: Tensor, **options: Any) -> Tensor:
    """The loop of a diffusers pipeline; the network gets the time of noisewalk, (i + 1) / 1000."""
    for timestep in scheduler.timesteps:
        t = ((timestep + 1) / 1000).to(torch.float32).expand(len(x))
        x = scheduler.step(network(x, t), timestep, x, **options).prev_sample
    return x


def close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.dtype == theirs.dtype == F64
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def learned(network: TinyNet, schedule: DiscreteVP) -> Callable[[Tensor, NoiseLevel], Prediction]:
    """A network like DeepFloyd's, with three channels of noise and three of the variance."""

    def denoise(x_t: Tensor, level: NoiseLevel) -> Prediction:
        t = schedule.time(level).float().expand(len(x_t))
        eps, v = network(x_t, t).chunk(2, dim=1)
        return Prediction(to_x0(eps, x_t, level, "epsilon"), (v + 1) / 2)

    return denoise


@pytest.mark.parametrize("steps", [10, 30])
def test_ddpm_as_deepfloyd_runs_it(double: Any, steps: int) -> None:
    """Cosine schedule, learned variance range, dynamic threshold, leading spacing."""
    network, schedule = TinyNet(3, 6), cosine_schedule()
    scheduler = double(DDPMScheduler, tape(1), **DEEPFLOYD)
    scheduler.set_timesteps(steps)
    path = levels(schedule, leading(schedule, steps))
    ours = walked(dynamic_threshold(learned(network, schedule), 0.95, 1.5), start(), path, ddpm(), tape(1))
    close(ours, diffusers_walk(scheduler, network, start()))


@pytest.mark.parametrize(("variance", "variance_type"), [("small", "fixed_small"), ("large", "fixed_large")])
@pytest.mark.parametrize("prediction_type", ["epsilon", "sample", "v_prediction"])
def test_ddpm_with_fixed_variances(double: Any, variance: Any, variance_type: str, prediction_type: str) -> None:
    """beta-tilde and beta on the *strided* pairs of levels, clipped x0, every target diffusers knows."""
    network, schedule = TinyNet(), vp_schedule(linear_betas())
    scheduler = double(DDPMScheduler, tape(2), variance_type=variance_type, prediction_type=prediction_type)
    scheduler.set_timesteps(20)
    path = levels(schedule, leading(schedule, 20))
    model = clip(NetworkModel(network, schedule, prediction_type))
    close(walked(model, start(), path, ddpm(variance), tape(2)), diffusers_walk(scheduler, network, start()))


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_ddim(double: Any, eta: float, prediction_type: str) -> None:
    network, schedule = TinyNet(), vp_schedule(scaled_linear_betas())
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
    scheduler = double(DDIMScheduler, tape(3), prediction_type=prediction_type, **config)
    scheduler.set_timesteps(25)
    path = levels(schedule, leading(schedule, 25))
    ours = walked(NetworkModel(network, schedule, prediction_type), start(), path, ddim(eta), tape(3))
    close(ours, diffusers_walk(scheduler, network, start(), eta=eta))


def test_ddim_with_a_clipped_x0_takes_the_noise_that_x0_implies(double: Any) -> None:
    """Thresholding is part of what the denoiser says, so the noise follows from the clipped x0 (Glide, Imagen); diffusers
    does this under `use_clipped_model_output`, and otherwise walks on with a pair (x0, eps) that is not x_t.
    """
    network, schedule = TinyNet(), cosine_schedule()
    scheduler = double(DDIMScheduler, beta_schedule="squaredcos_cap_v2", timestep_spacing="trailing")
    scheduler.set_timesteps(20)
    path = levels(schedule, trailing(schedule, 20))
    ours = walked(clip(NetworkModel(network, schedule, "epsilon")), start(), path, ddim(), tape(0))
    close(ours, diffusers_walk(scheduler, network, start(), use_clipped_model_output=True))


@pytest.mark.parametrize("steps", [5, 16, 20])
def test_dpm_solver_on_a_variance_preserving_path(double: Any, steps: int) -> None:
    """Second order, midpoint, landing on clean; 5 steps take diffusers' branch for short walks, 16 and 20 the other."""
    network, schedule = TinyNet(), vp_schedule(linear_betas())
    scheduler = double(DPMSolverMultistepScheduler, timestep_spacing="trailing", final_sigmas_type="zero")
    scheduler.set_timesteps(steps)
    path = levels(schedule, trailing(schedule, steps))
    ours = walked(NetworkModel(network, schedule, "epsilon"), start(), path, dpmpp(), tape(0))
    close(ours, diffusers_walk(scheduler, network, start()))


def test_dpm_solver_with_thresholding_on_the_cosine_schedule(double: Any) -> None:
    """The cosine table ends at abar 2.4e-9, where log(alpha / sigma) is all but infinite."""
    network, schedule = TinyNet(), cosine_schedule()
    options = {"thresholding": True, "dynamic_thresholding_ratio": 0.95, "sample_max_value": 1.5}
    config = {"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing", **options}
    scheduler = double(DPMSolverMultistepScheduler, **config)
    scheduler.set_timesteps(20)
    path = levels(schedule, trailing(schedule, 20))
    model = dynamic_threshold(NetworkModel(network, schedule, "epsilon"), 0.95, 1.5)
    close(walked(model, start(), path, dpmpp(), tape(0)), diffusers_walk(scheduler, network, start()))


def test_dpm_solver_on_the_linear_path(double: Any) -> None:
    """diffusers' flow mode: sigmas evenly spaced from .999; its integer timesteps repeat, so steps are counted instead."""
    network, schedule, steps = TinyNet(), LinearPath(), 20
    config = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "final_sigmas_type": "zero"}
    scheduler = double(DPMSolverMultistepScheduler, **config)
    scheduler.set_timesteps(steps)
    scheduler.set_begin_index(0)
    times = torch.cat([1 - torch.linspace(0.001, 1, steps + 1, dtype=F64)[:-1], torch.zeros(1, dtype=F64)])
    ours = walked(NetworkModel(network, schedule, "flow_prediction"), start(), levels(schedule, times), dpmpp(), tape(0))
    theirs = start()
    for i, timestep in enumerate(scheduler.timesteps):
        output = network(theirs, times[i].float().expand(2))
        theirs = scheduler.step(output, timestep, theirs).prev_sample
    close(ours, theirs)


def test_ddim_on_the_linear_path_is_the_euler_method_of_flow_matching(double: Any) -> None:
    network, schedule, steps = TinyNet(), LinearPath(), 20
    scheduler = double(FlowMatchEulerDiscreteScheduler)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps))
    path = levels(schedule, linspace(schedule, steps))
    theirs = start()
    for sigma, timestep in zip(scheduler.sigmas[:-1], scheduler.timesteps, strict=True):
        theirs = scheduler.step(network(theirs, sigma.float().expand(2)), timestep, theirs).prev_sample
    ours = walked(NetworkModel(network, schedule, "flow_prediction"), start(), path, ddim(), tape(0))
    close(ours, theirs)


def test_heun_on_the_linear_path_is_the_trapezoid_rule_of_flow_matching() -> None:
    """diffusers' flow Heun works in float32 throughout, so the rule is written out: average of both ends' velocities."""
    network, schedule, steps = TinyNet(), LinearPath(), 10
    times = linspace(schedule, steps)
    x = start()
    for t, s in itertools.pairwise(times):
        u = network(x, t.float().expand(2))
        euler = x + (s - t) * u
        x = euler if s == 0 else x + (s - t) * (u + network(euler, s.float().expand(2))) / 2
    model = NetworkModel(network, schedule, "flow_prediction")
    close(walked(model, start(), levels(schedule, times), heun(), tape(0)), x)
