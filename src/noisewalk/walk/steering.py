"""Steering: a population of walks in which promising ones are copied and poor ones are given up."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from .noise import Noise, NoiseLevel
from .prediction import Denoiser, Prediction
from .steps import Past, Step, StepHistory, remember

Reward = Callable[[Tensor], Tensor]
"""A reward maps pictures (N, C, H, W) to (N,) numbers; larger is better."""


class Steered:
    """A step that steers a population: sequential Monte Carlo over the walks of one batch.

    At each chosen step every walk's weight grows by what its predicted picture has gained since the last chosen step,

        log w += strength (reward(x0) - reward(x0 at the last chosen step)),

    and if few walks carry most of the weight (less than half of the effective sample size (sum w)^2 / sum w^2), the population
    is resampled: a walk is copied or given up in proportion to its weight, and all weights are equal again. The gains
    telescope, so the weighted pictures at the end are a sample of p(x0) exp(strength reward(x0)), exactly so as the population
    grows. Each walk keeps its own noise stream, so a random step rule tells copies of one walk apart in the same step. Network
    calls stay one per step and walk.

    The object belongs to one walk, because it remembers the weights.

    Args:
        step: the step rule, or a constrained one; it must be random, or copies of a walk stay equal for ever.
        reward: of pictures; it is called once at each chosen step.
        at: the numbers of the chosen steps, from 0.
        strength: how far to lean towards the reward; 0 changes nothing.
        noise: draws one number in each resampling, from a stream of its own. The population's first picture decides it.
        population: walks per population; the batch is cut into populations of this size, which do not mix. None makes one of
            the whole batch.

    Attributes:
        log_weights: (N,) the logarithms of the weights, up to a constant, as they are after the last chosen step.

    References: Singhal et al., *A General Framework for Inference-time Scaling and Steering of Diffusion Models*, 2025,
    https://arxiv.org/abs/2501.06848; Del Moral, Doucet & Jasra, *Sequential Monte Carlo Samplers*, 2006.
    """

    def __init__(
        self,
        step: Step,
        reward: Reward,
        at: Collection[int],
        strength: float,
        noise: Noise,
        population: int | None = None,
    ) -> None:
        self.step, self.reward, self.strength, self.noise = step, reward, strength, noise
        self.at = frozenset(at)
        self.population = population
        self._number = 0
        self._gained = self.log_weights = torch.zeros(1, dtype=torch.float64)
        self._history: StepHistory | None = None

    def __call__(
        self, denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, noise: Noise, history: StepHistory | None, /
    ) -> tuple[Tensor, Prediction]:
        """Take the step of all walks, and resample the populations if it is a chosen step."""
        p = denoiser(x_t, t)
        if self._number in self.at:
            chosen = self._chosen(p.x0)
            x_t, p = x_t[chosen], p.rows(chosen)
            self._history = _rows(self._history, chosen)
        remaining, steps = (history.remaining, history.steps) if history else (0, 0)
        own = self._history and self._history._replace(remaining=remaining, steps=steps)
        x_s, p = self.step(_first_answer(denoiser, p), x_t, t, s, noise, own)
        self._history = remember(self._history, Past(t, x_t, p), remaining, steps)
        self._number += 1
        return x_s, p

    def finish(self, x: Tensor) -> None:
        """Weigh the pictures (N, C, H, W) that the walk ended with, without resampling them."""
        with torch.no_grad():
            self._weigh(x)

    def leaders(self, count: int) -> Tensor:
        """Return, for each population, the place of the walk with the largest reward so far; of equals, the first.

        Args:
            count: the number of walks in the batch.
        """
        size = self.population or count
        rewards = self._gained.expand(count)
        return torch.tensor([int(own[rewards[own].argmax()]) for own in torch.split(torch.arange(count), size)])

    def _weigh(self, x0: Tensor) -> None:
        reward = self.reward(x0).double().to("cpu")
        if reward.shape != (len(x0),):
            raise ValueError(f"a reward gives one number per picture, (N,); this one gave {tuple(reward.shape)} for {len(x0)}")
        self.log_weights = self.log_weights + self.strength * (reward - self._gained)
        self._gained = reward

    def _chosen(self, x0: Tensor) -> Tensor:
        """(N,) the walk that each place of the batch goes on with."""
        self._weigh(x0)
        size = self.population or len(x0)
        places = torch.split(torch.arange(len(x0)), size)
        uniform = torch.special.ndtr(self.noise(torch.empty(len(x0), 1, dtype=torch.float64)).cpu())
        chosen = torch.cat([self._resampled(own, float(uniform[own[0]])) for own in places])
        self._gained = self._gained[chosen]
        return chosen.to(x0.device)

    def _resampled(self, own: Tensor, uniform: float) -> Tensor:
        """Return the walks of a population that continue, after systematic resampling if the weights need it."""
        weights = self.log_weights[own].softmax(0)
        if 1 / weights.square().sum() >= len(own) / 2:
            return own
        self.log_weights[own] = 0
        points = (torch.arange(len(own), dtype=torch.float64) + uniform) / len(own)
        return own[torch.searchsorted(weights.cumsum(0), points).clamp(max=len(own) - 1)]


def _first_answer(denoiser: Denoiser, answer: Prediction) -> Denoiser:
    """Return the denoiser with a known result for its first call."""
    answers = [answer]

    def asked(x_t: Tensor, level: NoiseLevel) -> Prediction:
        return answers.pop() if answers else denoiser(x_t, level)

    return asked


def _rows(history: StepHistory | None, chosen: Tensor) -> StepHistory | None:
    if history is None:
        return None
    return history._replace(past=tuple(Past(p.level, p.x_t[chosen], p.prediction.rows(chosen)) for p in history.past))
