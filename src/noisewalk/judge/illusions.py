"""Scores of illusions: does every way of looking show its prompt, and only its own?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .scorer import Scorer


@dataclass(frozen=True, eq=False)
class IllusionScores:
    """Scores of N pictures looked at in K ways, each of which should show one prompt.

    Args:
        matrix: (N, K, K) S_ij, the score of way of looking i for prompt j.

    Reference: Geng et al., *Visual Anagrams*, 2024, section 4.2.
    """

    matrix: Tensor

    @property
    def alignment(self) -> Tensor:
        """(N,) A = min_i S_ii: how well the worst way of looking shows its prompt."""
        return self.matrix.diagonal(dim1=1, dim2=2).amin(1)

    @property
    def concealment(self) -> Tensor:
        """(N,) C = 1/K tr softmax_j(S), 0 to 1: how surely each way of looking shows its own prompt rather than another's.

        The softmax is over the prompts, and the scores are logits (similarities over the scorer's temperature). One prompt
        alone has C = 1; a prompt given twice can at best share.
        """
        return self.matrix.softmax(2).diagonal(dim1=1, dim2=2).mean(1)

    @property
    def margins(self) -> Tensor:
        """(N, K) S_ii - max_{j != i} S_ij: by how much each way of looking prefers its own prompt; infinite for K = 1."""
        own = self.matrix.diagonal(dim1=1, dim2=2)
        itself = torch.eye(self.matrix.shape[1], dtype=torch.bool)
        return own - self.matrix.masked_fill(itself, -torch.inf).amax(2)

    @property
    def margin(self) -> Tensor:
        """(N,) the least of the margins."""
        return self.margins.amin(1)


def score_illusions(
    scorer: Scorer, pictures: Tensor, looks: Sequence[Callable[[Tensor], Tensor]], prompts: Sequence[str]
) -> IllusionScores:
    """Score pictures for every prompt in every way of looking.

    For a hybrid the ways are near (the picture) and far (blurred and small): the two-distance score.

    Args:
        pictures: (N, C, H, W) in [-1, 1].
        looks: K ways of looking.
        prompts: what each should show.
    """
    seen = torch.cat([look(pictures) for look in looks])
    scores = scorer.score(seen, list(prompts))  # (K N, K)
    return IllusionScores(scores.float().view(len(looks), len(pictures), len(prompts)).transpose(0, 1))
