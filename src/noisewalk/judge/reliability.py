"""How far a scorer can be trusted, measured on real pictures that it never saw.

`scorer_reliability.py` of the emoji recipe measures it.
"""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "How reliable this scorer is on real pictures has not been measured."


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
        """Say in two sentences what a score of the worst way of looking means."""
        if score >= self.least:
            return f"The scorer sees every prompt ({score:.2f}). {self.rule}"
        return f"Nothing good was found: the worst way of looking scores {score:.2f}. {self.rule}"

    @property
    def rule(self) -> str:
        """From which score on the scorer is right, in one sentence."""
        return f"The scorer is right in {100 * self.right:g} % of {self.of} where the score is {self.least:.2f} or more."


def reliability_of(scorer: object) -> Reliability | None:
    """Return from which score on a scorer is right; None if that was not measured."""
    known = getattr(scorer, "reliable", None)
    return known if isinstance(known, Reliability) else None


def verdict(scorer: object, score: float) -> str:
    """Say what the score of the worst way of looking means, by the scorer's own reliability on real pictures.

    Args:
        scorer: the scorer.
        score: the score.
    """
    known = reliability_of(scorer)
    return known.explain(score) if known else f"The worst way of looking scores {score:.2f}. {UNKNOWN}"
