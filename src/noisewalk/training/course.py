"""The course's four trainings (CS180, part B), exactly by its recipes.

Pictures are in [0, 1], the network is the course U-Net, and the optimizer is Adam. Weights are not averaged, gradients are not
clipped, and everything is in float32.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import torch

from ..models.nets.course import CourseUNet, CourseUNetConfig
from ..walk.noise import NoiseLevel
from ..walk.schedules import VE, LinearPath, linear_betas, vp_schedule
from .datasets import Dataset
from .loop import TrainConfig
from .objectives import Objective, discrete_times, fixed_time, uniform_times
from .recipe_type import Recipe

SIGMA = 0.5
"""The standard deviation of the noise that the denoiser learns to remove, on pictures in [0, 1]."""

_PLAIN = TrainConfig(1, warmup=0, decay="none", optimizer="adam", ema_decay=0, clip=0, bf16=False, compile=False)


def denoiser(data: Dataset, classes: bool) -> Recipe:
    """Return the course's one-step denoiser.

        z = x + sigma eps,     sigma = 0.5,     loss = || network(z) - x ||^2

    D = 128, batches of 256, 5 epochs, Adam with a learning rate of 1e-4.

    Args:
        data: the data set.
        classes: not used; the denoiser has no classes.
    """
    time = VE().time(NoiseLevel(torch.ones((), dtype=torch.float64), torch.full((), SIGMA, dtype=torch.float64)))
    objective = Objective(VE(), "sample", 0.0, _null(data), fixed_time(float(time)), unit_range=True)
    config = replace(_PLAIN, epochs=5, batch_size=256, learning_rate=1e-4)
    shape = _shape(data, CourseUNetConfig(hidden=128))
    return _recipe(data, shape, objective, config, "ve", {"steps": 1, "step_rule": "ddim"})


def mean_of_noise(data: Dataset, classes: bool) -> Recipe:
    """Return the denoiser that is trained on pure noise alone (course, 1.2.3).

    Its best answer is the mean of the training set.

    Args:
        data: the data set.
        classes: not used.
    """
    made = denoiser(data, classes)
    objective = Objective(LinearPath(), "sample", 0.0, _null(data), fixed_time(1.0), unit_range=True)
    return replace(made, loss=objective.loss, objective=objective, card=made.card | {"schedule": "linear"})


def ddpm(data: Dataset, classes: bool) -> Recipe:
    """Return the course's DDPM: a network that predicts epsilon and takes t / T as its time.

        loss = || network(sqrt(abar_t) x + sqrt(1 - abar_t) eps, t / T) - eps ||^2,     T = 300, beta from 1e-4 to 0.02

    D = 64, batches of 128, 20 epochs, Adam with a learning rate that falls from 1e-3 to a tenth.

    Args:
        data: the data set.
        classes: whether the network is conditioned on the class.

    Reference: Ho et al., *Denoising Diffusion Probabilistic Models*, 2020, algorithm 1, https://arxiv.org/abs/2006.11239.
    """
    schedule = vp_schedule(linear_betas(300))
    objective = Objective(schedule, "epsilon", 0.1 * classes, _null(data), discrete_times(300), unit_range=True)
    config = replace(_PLAIN, epochs=20, batch_size=128, learning_rate=1e-3, decay="exponential")
    shape = _conditioned(data, classes, CourseUNetConfig(time=True, edition="add"))
    defaults = {"steps": 300, "step_rule": "ddpm-large", "guidance_scale": 5.0 if classes else 1.0}
    return _recipe(data, shape, objective, config, "ddpm-300", defaults)


def flow(data: Dataset, classes: bool) -> Recipe:
    """Return the course's flow matching.

        loss = || network((1 - t) x + t eps, t) - (eps - x) ||^2,     t uniform in [0, 1]

    D = 64, batches of 64, 10 epochs, Adam with a learning rate that falls from 1e-2 to a tenth. The course's own flow runs in
    the other direction (t = 0 is noise, and the target is x - eps). The network's time is then 1 - t and its output has the
    other sign, which is the same training.

    Args:
        data: the data set.
        classes: whether the network is conditioned on the class.

    Reference: Lipman et al., *Flow Matching for Generative Modeling*, 2023, https://arxiv.org/abs/2210.02747.
    """
    objective = Objective(LinearPath(), "flow_prediction", 0.1 * classes, _null(data), uniform_times, unit_range=True)
    config = replace(_PLAIN, epochs=10, batch_size=64, learning_rate=1e-2, decay="exponential")
    shape = _conditioned(data, classes, CourseUNetConfig(time=True, edition="scale"))
    defaults = {"steps": 300 if classes else 50, "step_rule": "euler", "guidance_scale": 5.0 if classes else 1.0}
    return _recipe(data, shape, objective, config, "linear", defaults)


def _recipe(
    data: Dataset, shape: CourseUNetConfig, objective: Objective, config: TrainConfig, schedule: str, defaults: dict[str, Any]
) -> Recipe:
    card = {
        "network": "unet-course",
        "config": asdict(shape),
        "schedule": schedule,
        "prediction_type": objective.prediction_type,
        "unit_range": True,
        "labels": list(data.names) if shape.num_classes else [],
        "defaults": defaults,
    }
    return Recipe(lambda: CourseUNet(shape), data.load, objective.loss, config, card, objective)


def _shape(data: Dataset, shape: CourseUNetConfig) -> CourseUNetConfig:
    return replace(shape, in_channels=data.channels, image_size=data.size)


def _conditioned(data: Dataset, classes: bool, shape: CourseUNetConfig) -> CourseUNetConfig:
    return _shape(data, replace(shape, num_classes=len(data.names) if classes else 0))


def _null(data: Dataset) -> tuple[torch.Tensor, ...]:
    return (torch.tensor([len(data.names)]),)
