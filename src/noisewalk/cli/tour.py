"""The tours on the command line."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from ..commands import part, read
from ..requests import CascadeLoading, Tour
from .terminal import folder_to_write, progress


def run_tour(rest: list[str]) -> int:
    command = read(Tour, rest, "tour")
    from ..tour.sampling import tour
    from ..tour.training import tour_training

    out = folder_to_write(command.out or Path("out/tour" if command.part == "a" else "out/tour-b"), "a tour")
    began = time.monotonic()
    with progress("tour") as watch:
        if command.part == "a":
            page = tour(out, command.model, watch, command.seed, command.upsample, asdict(part(command, CascadeLoading)))
        else:
            page = tour_training(out, command.minutes, watch)
    print(f"{page} ({time.monotonic() - began:.0f} s); open it in a browser")
    return 0
