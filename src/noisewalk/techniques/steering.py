"""Steering of a request: each picture is the best of a population of walks, which a scorer steers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UserError
from ..judge.illusions import score_illusions
from ..judge.scorer import get_scorer
from ..models.pretrained import Pretrained
from ..walk.noise import Noise, NoiseLevel
from ..walk.prediction import Denoiser
from ..walk.sampling import State, sample
from ..walk.steering import Reward, Steered
from ..walk.steps import Step
from .base import MOST_WALKS, Walk
from .prompt_view import PromptView


@dataclass(frozen=True)
class Steering:
    """How the walks of a stage are steered.

    Args:
        size: walks per picture.
        strength: how strongly a better reward is preferred.
        at: shares of the walk, from 0 to 1, after which it is rewarded.
        reward: of what is walked.
    """

    size: int
    strength: float
    at: Sequence[float]
    reward: Reward

    def walk_seeds(self, seeds: Sequence[int]) -> tuple[int, ...]:
        """Return the seeds of the walks of each picture: 64 seed, 64 seed + 1, ..."""
        return tuple(MOST_WALKS * seed + i for seed in seeds for i in range(self.size))

    def sample(
        self, denoiser: Denoiser, x: Tensor, path: Sequence[NoiseLevel], step: Step, noise: Noise, draw: Noise
    ) -> Iterator[State]:
        """Walk all populations, and yield the states of the walk that leads in each; at the end, of the best picture.

        Args:
            denoiser: predicts x0.
            x: (N size, C, H, W) the starts of all walks.
            path: the noise levels.
            step: the step rule.
            noise: draws the noise of random steps.
            draw: draws what the resampling needs.
        """
        steps = len(path) - 1
        at = {min(round(share * steps), steps - 1) for share in self.at}
        steered = Steered(step, self.reward, at, self.strength, draw, self.size)
        for state in sample(denoiser, x, path, steered, noise):
            if state.step == steps - 1:
                steered.finish(state.x_t)
            leaders = steered.leaders(len(x))
            yield state._replace(x_t=state.x_t[leaders], x0=state.x0[leaders])


def steering_of(asked: Walk, model: Pretrained, prompt_views: Sequence[PromptView]) -> Steering:
    """Return the steering that a request asks for.

    The reward of a picture is its alignment A: the score of the worst way of looking at it.

    Raises:
        UserError: there is no prompt to score for, or no scorer, or the scorer does not know the prompt.
    """
    if not prompt_views:
        raise UserError("--steer needs a prompt for which the pictures can be scored; give a prompt, or leave it out")
    return Steering(asked.steer, asked.steer_scale, asked.steer_at, _alignment(model, asked.steer_scorer, prompt_views))


def _alignment(model: Pretrained, scorer: str, prompt_views: Sequence[PromptView]) -> Reward:
    looks, prompts = [view.look for view in prompt_views], [view.prompt for view in prompt_views]
    judge = get_scorer(scorer, model, option="--steer-scorer")
    judge.score(torch.zeros(1, *model.shape), prompts)  # an unknown prompt, or pictures that it cannot read, are refused now

    def reward(x: Tensor) -> Tensor:
        return score_illusions(judge, model.to_picture(x).float().clamp(-1, 1), looks, prompts).alignment

    return reward
