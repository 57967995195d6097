"""How far a scorer can be believed, measured on real pictures that it never saw (scorer_reliability.py of the emoji recipe)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reliability:
    """From which score on a scorer is right.

    Args:
        least: the score from which on it is believed.
        right: of the real pairs of a picture and a prompt that score at least so much, the share in which the prompt is true.
        of: which real pairs these were.
    """

    least: float
    right: float
    of: str

    def said(self, score: float) -> str:
        """What a score of the worst way of looking means, in one sentence."""
        if score >= self.least:
            return (
                f"The scorer sees every prompt ({score:.2f}); it is right in {self.share} of {self.of} "
                f"where the score is {self.least:.2f} or more."
            )
        return (
            f"Nothing good was found: the worst way of looking scores {score:.2f}, and only from {self.least:.2f} on is the "
            f"scorer right in {self.share} of {self.of}."
        )

    @property
    def share(self) -> str:
        """`right` in per cent."""
        return f"{100 * self.right:g} %"


def verdict(scorer: object, score: float) -> str:
    """What the score of the worst way of looking means, by the scorer's own reliability on real pictures."""
    known = getattr(scorer, "reliable", None)
    if isinstance(known, Reliability):
        return known.said(score)
    return f"The worst way of looking scores {score:.2f}; how reliable this scorer is on real pictures has not been measured."
