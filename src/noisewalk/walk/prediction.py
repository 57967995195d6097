"""What a model says, in one currency: x0, the posterior mean E[x0 | x_t].

x0 is finite wherever a network was trained, thresholding is defined on it, and "one-step denoising" is the call itself.
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

`epsilon`: DeepFloyd IF, SD 1, the course's DDPM. `sample`: the one-step denoiser. `v_prediction`: Salimans & Ho 2022.
`flow_prediction`: the course's flow matching, SD 3, Flux (u = eps - x0).
"""


def to_target(x0: Tensor, eps: Tensor, level: NoiseLevel, prediction_type: str) -> Tensor:
    """The training target y = a x0 + b eps."""
    a, b = TARGETS[prediction_type](level)
    return a * x0 + b * eps


def to_x0(output: Tensor, x_t: Tensor, level: NoiseLevel, prediction_type: str) -> Tensor:
    """x0 from a network's output, whatever it was trained to say:

        x0 = (b x_t - sigma y) / (b alpha - a sigma)

    which solves y = a x0 + b eps together with x_t = alpha x0 + sigma eps.
    """
    a, b = TARGETS[prediction_type](level)
    return (b * x_t - level.sigma * output) / (b * level.alpha - a * level.sigma)


@dataclass(frozen=True, eq=False)
class Prediction:
    """A model's answer at one noise level.

    Args:
        x0: (N, C, H, W) the posterior mean, data in [-1, 1].
        var_frac: (N, C, H, W) or None. DeepFloyd IF's learned variance: where the variance of the transition lies
            between its two bounds, 0 = smallest, 1 = largest, interpolated in the logarithm. Read by `ddpm` only.
    """

    x0: Tensor
    var_frac: Tensor | None = None

    def eps(self, x_t: Tensor, level: NoiseLevel) -> Tensor:
        """The noise this x0 implies: eps = (x_t - alpha x0) / sigma; needs sigma > 0."""
        return (x_t - level.alpha * self.x0) / level.sigma


class Denoiser(Protocol):
    """A model with everything but the picture decided: prompt, guidance, views."""

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level."""
        ...


Condition = tuple[Tensor, ...]
"""What a prompt becomes: tensors whose first dimension is 1 (the same for every picture) or the batch size."""


class Model(Protocol):
    """A denoiser that still asks for its condition."""

    def __call__(self, x_t: Tensor, level: NoiseLevel, *cond: Tensor) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level, under a condition."""
        ...


@dataclass(frozen=True, eq=False)
class Bound:
    """A model with its condition bound. Guidance batches the calls of all `Bound`s of one model into one.

    Args:
        model: called as model(x_t, level, *low_res, *cond).
        cond: what the prompt became.
        beside: pictures of x_t's size that the model sees beside it (the smaller picture that an upscaler enlarges), each
            (1 or N, C, H, W). Views turn them as they turn x_t.
    """

    model: Model
    cond: Condition = ()
    low_res: Condition = ()

    @property
    def inputs(self) -> Condition:
        """Everything the model is called with after x_t and the level."""
        return (*self.low_res, *self.cond)

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level."""
        return self.model(x_t, level, *(c.expand(len(x_t), *c.shape[1:]) for c in self.inputs))
