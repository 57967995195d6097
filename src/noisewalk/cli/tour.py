"""The tours on the command line."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import OmitArgPrefixes

from ..commands import parse
from ..models.loading import CascadeLoading
from .terminal import folder_to_write, progress


@dataclass(frozen=True)
class TourCommand:
    """Run every experiment once and put all of it on one page, out/tour/index.html."""

    part: Literal["a", "b"] = "a"
    """a: sampling a pretrained model; b: training from scratch."""
    out: Path | None = None
    """The folder to write; out/tour, or out/tour-b."""
    model: str = "emoji"
    """The model to show (part a): emoji, digits, or any other."""
    seed: int | None = None
    """The seed of the course's experiments, on a text model: 180 by default. Emoji and digits have seeds of their own."""
    upsample: int | None = None
    """Upsampling stages after them; 1 for models that have one. Emoji and digits have their own."""
    minutes: float = 2.0
    """How long to train at most (part b)."""
    loading: OmitArgPrefixes[CascadeLoading] = CascadeLoading()


def run_tour(rest: list[str]) -> int:
    command = parse(TourCommand, rest, "noisewalk tour")
    from ..tour.sampling import tour
    from ..tour.training import tour_training

    out = folder_to_write(command.out or Path("out/tour" if command.part == "a" else "out/tour-b"), "a tour")
    began = time.monotonic()
    with progress("tour") as watch:
        if command.part == "a":
            page = tour(out, command.model, watch, command.seed, command.upsample, asdict(command.loading))
        else:
            page = tour_training(out, command.minutes, watch)
    print(f"{page} ({time.monotonic() - began:.0f} s); open it in a browser")
    return 0
