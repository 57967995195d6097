"""How far a scorer can be trusted, measured on real pictures that it never saw.

`scorer_reliability.py` of the emoji recipe measures it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reliability:
    """From which score on a scorer is right.

    Args:
        least: the score from which on it is trusted.
        right: among the real pairs of a picture and a prompt with at least that score, the share in which the prompt is true.
        of: which real pairs these were.
    """

    least: float
    right: float
    of: str

    def explain(self, score: float) -> str:
        """Say in one sentence what a score of the worst way of looking means."""
        if score >= self.least:
            return (
                f"The scorer sees every prompt ({score:.2f}); it is right in {self.share} of {self.of} "
                f"where the score is {self.least:.2f} or more."
            )
        return (
            f"Nothing good was found: the worst way of looking scores {score:.2f}, but the scorer is right in {self.share} of "
            f"{self.of} only from {self.least:.2f} on."
        )

    @property
    def share(self) -> str:
        """The share `right` in per cent."""
        return f"{100 * self.right:g} %"


def verdict(scorer: object, score: float) -> str:
    """Say what the score of the worst way of looking means, by the scorer's own reliability on real pictures.

    Args:
        scorer: the scorer.
        score: the score.
    """
    known = getattr(scorer, "reliable", None)
    if isinstance(known, Reliability):
        return known.explain(score)
    return f"The worst way of looking scores {score:.2f}; how reliable this scorer is on real pictures has not been measured."
