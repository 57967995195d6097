"""Splits, thresholds and directions by name; as in `walk.tables`, to read them loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..lazy import later

if TYPE_CHECKING:
    from ..walk.prediction import Denoiser
    from .parts import Part, SplitSettings

SPLITS: dict[str, Callable[[SplitSettings], tuple[Part, ...]]] = {
    "bands": later("noisewalk.guidance.splits:bands"),
    "colour": later("noisewalk.guidance.splits:colours"),
    "scaling": later("noisewalk.guidance.splits:scaling"),
    "motion": later("noisewalk.guidance.splits:motion"),
    "mask": later("noisewalk.guidance.splits:spatial"),
    "left-right": later("noisewalk.guidance.splits:left_right"),
    "top-bottom": later("noisewalk.guidance.splits:top_bottom"),
    "circle": later("noisewalk.guidance.splits:circle"),
}
"""Splits by name."""

THRESHOLDS: dict[str, Callable[[Denoiser], Denoiser]] = {
    "none": lambda denoiser: denoiser,
    "clip": later("noisewalk.guidance.threshold:clip"),
    "dynamic": later("noisewalk.guidance.threshold:dynamic_threshold"),
}
"""Thresholds by name."""

BALANCES = {"none": (False, False), "vectors": (True, False), "variance": (False, True), "auto": (True, True)}
"""What `Balanced` does for each name: (vectors, variance)."""

DIRECTIONS = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1), "antidiagonal": (1, -1)}
"""Directions of motion by name, as (down, right)."""
