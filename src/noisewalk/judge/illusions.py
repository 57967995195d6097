"""Scores of illusions: does every way of looking show its own prompt, and only that one?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .scorer import Scorer


@dataclass(frozen=True, eq=False)
class IllusionScores:
    """The scores of N pictures that are looked at in K ways, each of which should show one prompt.

    Args:
        matrix: (N, K, K) S_ij, the score of way of looking i for prompt j.

    Reference: Geng et al., *Visual Anagrams: Generating Multi-View Optical Illusions with Diffusion Models*, 2024, section 4.2,
    https://arxiv.org/abs/2311.17919.
    """

    matrix: Tensor

    @property
    def alignment(self) -> Tensor:
        """(N,) A = min_i S_ii: how well the worst way of looking shows its prompt."""
        return self.matrix.diagonal(dim1=1, dim2=2).amin(1)

    @property
    def concealment(self) -> Tensor:
        """(N,) C = 1/K tr softmax_j(S), from 0 to 1: how surely each way of looking shows its own prompt and not another one.

        The softmax is over the prompts, and the scores are logits (similarities divided by the scorer's temperature). A single
        prompt has C = 1; a prompt that is given twice has C = 1/2 at best.
        """
        return self.matrix.softmax(2).diagonal(dim1=1, dim2=2).mean(1)

    @property
    def margins(self) -> Tensor:
        """(N, K) S_ii - max_{j != i} S_ij: how much each way of looking prefers its own prompt; infinite for K = 1."""
        own = self.matrix.diagonal(dim1=1, dim2=2)
        itself = torch.eye(self.matrix.shape[1], dtype=torch.bool)
        return own - self.matrix.masked_fill(itself, -torch.inf).amax(2)

    @property
    def margin(self) -> Tensor:
        """(N,) the smallest of the margins."""
        return self.margins.amin(1)


def score_illusions(
    scorer: Scorer, pictures: Tensor, looks: Sequence[Callable[[Tensor], Tensor]], prompts: Sequence[str]
) -> IllusionScores:
    """Score pictures for every prompt in every way of looking.

    The ways of looking at a hybrid image are near (the picture) and far (blurred and small).

    Args:
        scorer: scores pictures.
        pictures: (N, C, H, W) in [-1, 1].
        looks: K maps from a picture to what one sees.
        prompts: what each of them should show.
    """
    seen = torch.cat([look(pictures) for look in looks])
    scores = scorer.score(seen, list(prompts))  # (K N, K)
    return IllusionScores(scores.float().view(len(looks), len(pictures), len(prompts)).transpose(0, 1))
