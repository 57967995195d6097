"""Guidance by the gradient of a reward, for scorers that can be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..walk.noise import NoiseLevel
from ..walk.prediction import Denoiser, Prediction


def universal(denoiser: Denoiser, reward: Callable[[Tensor], Tensor], strength: float, largest: float = 0.2) -> Denoiser:
    """Move each predicted picture towards a larger reward (universal guidance).

        x0 <- x0 + strength sigma^2 / (alpha^2 + sigma^2) grad reward(x0)

    The factor is the variance of x0 given x_t for standard normal pictures. For these and a linear reward, the walk samples
    p(x0) exp(strength reward(x0)), and for others it is an approximation. It needs one gradient of the reward per step, and no
    further call of the network.

    Args:
        denoiser: predicts x0.
        reward: maps pictures (N, C, H, W) to (N,) numbers, by operations that can be differentiated; larger is better.
        strength: how far to lean towards the reward; 0 changes nothing.
        largest: the largest root mean square by which a picture is moved in a step, because the gradients of networks that read
            pictures can be steep.

    Reference: Bansal et al., *Universal Guidance for Diffusion Models*, 2023, section 3.3, https://arxiv.org/abs/2302.07121.
    """

    def guided(x_t: Tensor, level: NoiseLevel) -> Prediction:
        p = denoiser(x_t, level)
        variance = level.sigma**2 / (level.alpha**2 + level.sigma**2)
        with torch.enable_grad():
            x0 = p.x0.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(reward(x0).sum(), x0)
        move = strength * variance * gradient
        size = move.flatten(1).square().mean(1).sqrt().view(-1, *[1] * (x_t.ndim - 1))
        return replace(p, x0=p.x0 + move * (largest / size.clamp(min=largest)))

    return guided
