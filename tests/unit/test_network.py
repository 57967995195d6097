"""Networks as models, for all ranges of their training data."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from noisewalk.models.network import NetworkModel
from noisewalk.walk import (
    Bound,
    LinearPath,
    NoiseLevel,
    Rescaled,
    ddim,
    ddpm,
    levels,
    linear_betas,
    linspace,
    sample,
    vp_schedule,
)


@pytest.fixture
def network():
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(1, 1, 3, padding=1).double().requires_grad_(False)

    def net(x: Tensor, t: Tensor) -> Tensor:
        return conv(x) * t[:, None, None, None].double() + 0.1 * x

    return net


def test_the_courses_euler_loop_on_pictures_in_0_to_1(network) -> None:
    """Written as the notebook has it, in [0, 1]; the walk is in [-1, 1] throughout."""
    x, steps = torch.randn(2, 1, 8, 8, dtype=torch.float64), 50
    expected = x.clone()
    for i in range(steps):
        expected = expected - network(expected, torch.full((2,), 1 - i / steps)) / steps
    model = NetworkModel(network, LinearPath(), "flow_prediction", data_scale=0.5, data_shift=0.5)
    path = Rescaled(LinearPath(), 2.0)
    *_, last = sample(Bound(model), 2 * x, levels(path, linspace(path, steps)), ddim(), torch.randn_like)
    assert ((last.x_t + 1) / 2 - expected).abs().max() < 1e-12


def test_the_courses_ddpm_loop_on_pictures_in_0_to_1(network) -> None:
    """Algorithm 2 of Ho et al. as the 2024 notebook has it: T = 300, sqrt(beta_t) z, no noise at t = 1, t / T fed."""
    betas = linear_betas(300)
    abars = torch.cumprod(1 - betas, 0)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    noises = [torch.randn_like(x) for _ in range(300)]
    expected = x.clone()
    for t in range(300, 0, -1):
        beta, abar = betas[t - 1], abars[t - 1]
        before = abars[t - 2] if t > 1 else torch.ones(())
        eps = network(expected, torch.full((2,), t / 300))
        x0 = (expected - (1 - abar).sqrt() * eps) / abar.sqrt()
        expected = before.sqrt() * beta / (1 - abar) * x0 + (1 - beta).sqrt() * (1 - before) / (1 - abar) * expected
        if t > 1:
            expected = expected + beta.sqrt() * noises[t - 1]
    schedule = vp_schedule(betas)
    model = NetworkModel(network, schedule, "epsilon", data_scale=0.5, data_shift=0.5)
    path = Rescaled(schedule, 2.0)
    left = list(noises)
    walk = levels(path, linspace(path, 300))
    start = 2 * x - walk[0].alpha  # the notebook starts at x01 = noise; x = 2 x01 - 1 at this level
    *_, last = sample(Bound(model), start, walk, ddpm("large"), lambda like: left.pop())
    assert ((last.x_t + 1) / 2 - expected).abs().max() < 1e-6  # the network's t is float32


def test_filling_batches_changes_nothing(network) -> None:
    x, level = torch.randn(5, 1, 8, 8, dtype=torch.float64), NoiseLevel(torch.tensor(0.6), torch.tensor(0.8))
    plain = NetworkModel(network, LinearPath(), "sample")(x, level).x0
    for model in (
        NetworkModel(network, LinearPath(), "sample", row_multiple=4),
        NetworkModel(network, LinearPath(), "sample", max_batch=2, row_multiple=4),
    ):
        assert torch.allclose(model(x, level).x0, plain, atol=1e-12)
