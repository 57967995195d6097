"""What a network is asked to say, and at which noise levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..walk.noise import Schedule
from ..walk.prediction import to_target

Network = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x_t, t, label) -> output."""


def logit_normal_times(num: int, generator: torch.Generator, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """t = sigmoid(mean + std z): most of the effort where the walk decides (Esser et al. 2024, section 3.1)."""
    return torch.sigmoid(mean + std * torch.randn(num, generator=generator))


def drop_labels(labels: Tensor, null: int, probability: float, generator: torch.Generator) -> Tensor:
    """Replace each label by `null` with the given probability, so that one network also learns the unconditional flow.

    Reference: Ho & Salimans, *Classifier-Free Diffusion Guidance*, 2022, algorithm 1.
    """
    dropped = torch.rand(len(labels), generator=generator).to(labels.device) < probability
    return torch.where(dropped, torch.full_like(labels, null), labels)


@dataclass(frozen=True)
class Objective:
    """Mean squared error of a target of the one-formula table, on a schedule.

    L = E_t,x0,eps || network(alpha x0 + sigma eps, t) - (a x0 + b eps) ||^2, averaged over pixels.

    Args:
        schedule: the noise levels trained on.
        prediction_type: a key of `TARGETS`.
        label_dropout: share of labels replaced by "no label".
        null_label: the label that means "no label".
    """

    schedule: Schedule
    prediction_type: str
    label_dropout: float
    null_label: int

    def loss(self, network: Network, x0: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """(N,) per-picture losses for x0 (N, C, H, W) in [-1, 1]; all randomness from the CPU `generator`."""
        t = logit_normal_times(len(x0), generator).to(x0.device)
        eps = torch.randn(x0.shape, generator=generator).to(x0.device)
        labels = drop_labels(labels, self.null_label, self.label_dropout, generator)
        level = self.schedule(t[:, None, None, None])
        output = network(level.alpha * x0 + level.sigma * eps, t, labels)
        target = to_target(x0, eps, level, self.prediction_type)
        return (output.float() - target).square().flatten(1).mean(1)
