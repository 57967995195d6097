"""The one loop of noisewalk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from .noise import Noise, NoiseLevel
from .prediction import Denoiser
from .steps import Past, Step, StepHistory, remember


class State(NamedTuple):
    """Where a walk is after a step.

    Args:
        step: the number of the step, from 0.
        level: the level that was just reached.
        x_t: (N, C, H, W) the sample at that level.
        x0: (N, C, H, W) the picture that was predicted at the level before.
    """

    step: int
    level: NoiseLevel
    x_t: Tensor
    x0: Tensor


def sample(denoiser: Denoiser, x: Tensor, levels: Sequence[NoiseLevel], step: Step, noise: Noise) -> Iterator[State]:
    """Walk a sample `x` of `levels[0]` down to `levels[-1]`, and yield a `State` after each step.

    The loop is a generator. Previews, progress, saving and stopping live outside of it, and closing it cancels the walk.

    Args:
        denoiser: predicts x0.
        x: (N, C, H, W) a sample of the first level; for a whole walk, sigma times standard noise.
        levels: the noise levels, decreasing in noise, one more than there are steps.
        step: the step rule; wrap it with `pin` to constrain the walk.
        noise: draws the noise of random steps.

    Yields:
        The state after each step.
    """
    history: StepHistory | None = None
    steps = len(levels) - 1
    for i, (t, s) in enumerate(pairwise(levels)):
        before = x
        with torch.no_grad():  # inside the loop, because a generator must not change the caller's grad mode between two states
            x, prediction = step(denoiser, x, t, s, noise, history)
        history = remember(history, Past(t, before, prediction), steps - i - 2, steps)
        yield State(i, s, x, prediction.x0)
