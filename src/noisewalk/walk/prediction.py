"""What a model predicts, in one currency: x0, the posterior mean E[x0 | x_t].

x0 is finite wherever a network was trained, thresholds are defined on it, and one call of a model is "one-step denoising".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from .noise import NoiseLevel

Coefficients = tuple[Tensor | float, Tensor | float]
Target = Callable[[NoiseLevel], Coefficients]

TARGETS: dict[str, Target] = {
    "epsilon": lambda n: (0.0, 1.0),
    "sample": lambda n: (1.0, 0.0),
    "v_prediction": lambda n: (-n.sigma, n.alpha),
    "flow_prediction": lambda n: (-1.0, 1.0),
}
"""Every trained target is y = a x0 + b eps; each name gives (a, b) at a level.

`epsilon` is the target of DeepFloyd IF, Stable Diffusion 1 and the course's DDPM; `sample` is that of the one-step denoiser;
`v_prediction` is from Salimans & Ho, *Progressive Distillation for Fast Sampling of Diffusion Models*, 2022,
https://arxiv.org/abs/2202.00512; `flow_prediction` (u = eps - x0) is that of the course's flow matching, SD 3 and Flux.
"""


def to_target(x0: Tensor, eps: Tensor, level: NoiseLevel, prediction_type: str) -> Tensor:
    """Return the training target.

        y = a x0 + b eps,     (a, b) from `TARGETS`

    Args:
        x0: (N, C, H, W) clean pictures.
        eps: (N, C, H, W) the noise that was added.
        level: the noise level.
        prediction_type: a key of `TARGETS`.

    Returns:
        (N, C, H, W) what the network should predict.
    """
    a, b = TARGETS[prediction_type](level)
    return a * x0 + b * eps


def to_x0(output: Tensor, x_t: Tensor, level: NoiseLevel, prediction_type: str) -> Tensor:
    """Compute x0 from the output of a network, whatever it was trained to predict.

        x0 = (b x_t - sigma y) / (b alpha - a sigma)

    This solves y = a x0 + b eps together with x_t = alpha x0 + sigma eps.

    Args:
        output: (N, C, H, W) the network's prediction y.
        x_t: (N, C, H, W) the sample that it was given.
        level: the noise level of x_t.
        prediction_type: a key of `TARGETS`.

    Returns:
        (N, C, H, W) the predicted x0.
    """
    a, b = TARGETS[prediction_type](level)
    return (b * x_t - level.sigma * output) / (b * level.alpha - a * level.sigma)


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer of a model at one noise level.

    Args:
        x0: (N, C, H, W) the posterior mean; data lies in [-1, 1].
        var_frac: (N, C, H, W) or None: the learned variance of DeepFloyd IF. It says where the variance of the transition lies
            between its two bounds, from 0 (smallest) to 1 (largest), interpolated in the logarithm. Only `ddpm` reads it.
        raw: (N, C, H, W) x0 before a threshold changed it, or None without a threshold. Only `ddim_raw` reads it.
    """

    x0: Tensor
    var_frac: Tensor | None = None
    raw: Tensor | None = None

    def eps(self, x_t: Tensor, level: NoiseLevel) -> Tensor:
        """Return the noise that this x0 implies.

        eps = (x_t - alpha x0) / sigma,     which needs sigma > 0
        """
        return (x_t - level.alpha * self.x0) / level.sigma

    def rows(self, chosen: Tensor) -> Prediction:
        """Return the predictions of some pictures of the batch, by their numbers (M,); a number may come more than once."""
        var_frac = None if self.var_frac is None else self.var_frac[chosen]
        return Prediction(self.x0[chosen], var_frac, None if self.raw is None else self.raw[chosen])


class Denoiser(Protocol):
    """A model for which everything but the picture is decided: the prompt, the guidance and the views."""

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level."""
        ...


Condition = tuple[Tensor, ...]
"""An encoded prompt: tensors whose first dimension is 1 (the same for every picture) or the batch size."""


class Model(Protocol):
    """A denoiser that still takes its condition."""

    def __call__(self, x_t: Tensor, level: NoiseLevel, *cond: Tensor) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level, under a condition."""
        ...


@dataclass(frozen=True, eq=False)
class Bound:
    """A model with its condition bound. Guidance evaluates all `Bound`s of one model in a single batched call.

    Args:
        model: it is called as model(x_t, level, *low_res, *cond).
        cond: the encoded prompt.
        low_res: low-resolution conditioning: pictures of the size of x_t, each (1 or N, C, H, W), that the model concatenates
            with x_t (an upscaler is given the smaller picture, enlarged). Views transform them as they transform x_t.
    """

    model: Model
    cond: Condition = ()
    low_res: Condition = ()

    @property
    def inputs(self) -> Condition:
        """Everything that the model is called with after x_t and the level."""
        return (*self.low_res, *self.cond)

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level."""
        return self.model(x_t, level, *(c.expand(len(x_t), *c.shape[1:]) for c in self.inputs))
