"""Training an upscaler on drawings, conditioned on the same drawing at a quarter of the size, softened and noised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from noisewalk.models.nets.upscaler_unet import enlarge
from noisewalk.training.objectives import Network, Objective, drop_condition
from noisewalk.walk.noise import NoiseLevel
from noisewalk.walk.prediction import Condition

from .pairs import soften


@dataclass(frozen=True, eq=False)
class Upscaling:
    """The objective of an upscaler, on crops.

        beside = (1 - s) enlarge(soften(average(x0))) + s eps',    s = (k + 1) / 1000,    k uniform in 0 ... max_noise_level - 1

    Softening and noise imitate the errors of the stage before. The network gets k as an input.

    Args:
        objective: the objective of x_t and the target, without dropout.
        null: the words that mean "anything", tensors (1, ...).
        factor: the ratio of the sides of the large and the small picture.
        crop: the side of the training crops in pixels; the network is convolutional, so it learns from crops as from pictures.
        dropout: the share of captions that are dropped.
        max_noise_level: the number of timesteps of noise on the small picture.
        blur: the strongest softening, in halvings of the small picture's resolution; half of the pictures are not softened.
    """

    objective: Objective
    null: Condition
    factor: int = 4
    crop: int = 64
    dropout: float = 0.1
    max_noise_level: int = 600
    blur: float = 1.0

    def loss(self, network: Network, x0: Tensor, cond: Condition, generator: torch.Generator) -> Tensor:
        """Return the losses (N,) of whole pictures x0 (N, 3, S, S) in [-1, 1] and their words (vectors, mask)."""
        n, device = len(x0), generator.device
        level = self.blur * (2 * torch.rand(n, generator=generator, device=device) - 1).clamp(min=0)
        large = enlarge(soften(F.avg_pool2d(x0, self.factor), level), x0.shape[-1])
        x0, large = crops(torch.cat([x0, large], 1), self.crop, generator).chunk(2, dim=1)
        timestep = torch.randint(0, self.max_noise_level, (n,), generator=generator, device=device)
        s = ((timestep + 1) / 1000).view(-1, 1, 1, 1)
        noisy = NoiseLevel(1 - s, s)
        beside = noisy.alpha * large + noisy.sigma * torch.randn(large.shape, generator=generator, device=device)
        words = drop_condition(cond, self.null, self.dropout, generator)
        return self.objective.loss(network, x0, (beside, timestep, *words), generator)


def crops(pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return a random square of each picture, (N, C, size, size)."""
    n, _, height, width = pictures.shape
    if height == width == size:
        return pictures
    top = torch.randint(0, height - size + 1, (n, 1), generator=generator, device=generator.device)
    left = torch.randint(0, width - size + 1, (n, 1), generator=generator, device=generator.device)
    span = torch.arange(size, device=pictures.device)
    which = torch.arange(n, device=pictures.device).view(-1, 1, 1)
    return pictures.permute(0, 2, 3, 1)[which, (top + span)[:, :, None], (left + span)[:, None, :]].permute(0, 3, 1, 2)
