"""What a tour is made of: experiments, and illusions of which the best seed is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

PICTURES = Path(str(files("noisewalk") / "pictures"))

ONE_JUMP = (
    "Noise need not be added step by step: one formula jumps to any level. "
    "This model's path is a straight line from the picture to the noise."
)
PART_OF_THE_WAY = (
    "Noise a picture part of the way and walk back: what is left of it decides what grows. "
    "The later the walk starts, the more of the picture is kept."
)
"""What the forward process and SDEdit are, for the bundled models."""


@dataclass(frozen=True)
class Stop:
    """An experiment of the tour.

    Args:
        title, idea, equation: see `Section`.
        commands: technique command lines; `{inputs}` stands for the folder of the tour's input pictures, and the walk
            of a command with --trajectory is shown too.
    """

    title: str
    idea: str
    equation: str
    commands: Sequence[str]


@dataclass(frozen=True)
class Hunt:
    """Illusions, of each of which the best of some seeds is looked for by the model's scorer.

    Args:
        title, idea, equation: see `Section`.
        commands: technique command lines without a seed.
        keep: how many of them to show, of different prompts: those that succeeded best.
        seeds: how many to try of each.
    """

    title: str
    idea: str
    equation: str
    commands: Sequence[str]
    keep: int
    seeds: int
