"""The loss by noise level, against the exact answer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from noisewalk.training.objectives import Objective
from noisewalk.walk.schedules import LinearPath


def best(x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
    """E[eps - x0 | x_t] for x0 and eps both N(0, 1)."""
    t = t[:, None, None, None]
    return (2 * t - 1) / (t**2 + (1 - t) ** 2) * x_t


def test_of_standard_normal_pictures_it_is_the_variance_that_is_left() -> None:
    """Var[eps - x0 | x_t] = 1 / (t^2 + (1 - t)^2)."""
    objective = Objective(LinearPath(), "flow_prediction", 0.0, (torch.tensor([0]),))
    pictures = torch.randn(512, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    times, losses = objective.loss_by_level(best, pictures, (torch.zeros(512, dtype=torch.long),))
    assert times == pytest.approx([0.05 + 0.1 * i for i in range(10)])
    assert losses == pytest.approx([1 / (t**2 + (1 - t) ** 2) for t in times], rel=0.03)  # 32,768 pixels: deviation 0.8 %


def test_it_is_the_same_each_time_and_asks_an_unconditional_network_for_no_label() -> None:
    asked: list[Tensor] = []

    def network(x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        asked.append(label)
        return torch.zeros_like(x_t)

    objective = Objective(LinearPath(), "flow_prediction", 1.0, (torch.tensor([7]),))
    pictures, labels = torch.zeros(3, 1, 4, 4), (torch.arange(3),)
    assert objective.loss_by_level(network, pictures, labels) == objective.loss_by_level(network, pictures, labels)
    assert all(label.tolist() == [7, 7, 7] for label in asked)
