"""x0 prediction with the loss of velocity prediction, for patches that hold more numbers than the network is wide."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from noisewalk.training.objectives import Network, Times, drop_condition, logit_normal_times
from noisewalk.walk.prediction import Condition

LATE = partial(logit_normal_times, mean=0.7)
"""Times of a batch; at 64 pixels the same noise hides half as much as at 32, hence t' = 2 t / (1 + t), which adds log 2 to
the mean of the logit (Esser et al. 2024, https://arxiv.org/abs/2403.03206)."""


@dataclass(frozen=True, eq=False)
class CleanPrediction:
    """The loss of a network that predicts x0, measured on the velocity that this implies on the linear path.

    L = E_t,x0,eps || (network((1 - t) x0 + t eps, t) - x0) / max(t, floor) ||^2, averaged over pixels.

    Args:
        null: the condition that means "anything", tensors (1, ...).
        dropout: the share of conditions that are replaced by `null`.
        floor: the smallest t in the weight.
        times: maps (N, generator) to the (N,) times of a batch in [0, 1].

    Reference: Li & He, *Back to Basics: Let Denoising Generative Models Denoise*, 2025 (https://arxiv.org/abs/2511.13720):
    x-prediction with v-loss.
    """

    null: Condition
    dropout: float = 0.1
    floor: float = 0.05
    times: Times = LATE

    def loss(self, network: Network, x0: Tensor, cond: Condition, generator: torch.Generator) -> Tensor:
        """Return the losses (N,) of x0 (N, C, H, W) in [-1, 1]; all randomness comes from `generator`, on its device."""
        t = self.times(len(x0), generator)
        eps = torch.randn(x0.shape, generator=generator, device=generator.device)
        at = t[:, None, None, None]
        said = network((1 - at) * x0 + at * eps, t, *drop_condition(cond, self.null, self.dropout, generator))
        return ((said.float() - x0) / at.clamp(min=self.floor)).square().flatten(1).mean(1)
