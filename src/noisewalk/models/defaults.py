"""The settings of a walk that the user leaves open. To read this file loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..fields import option
from ..guidance.tables import THRESHOLDS
from ..walk.tables import GRIDS, STEP_RULES


def _is_interval(value: Sequence[int]) -> bool:
    return not value or (len(value) == 2 and value[0] < value[1])


@dataclass(frozen=True)
class Defaults:
    """What a technique uses for settings that the user leaves open; requests have the same fields, with the same bounds."""

    steps: int = option(20, "steps of the walk", 1, 1000)
    step_rule: str = option("ddim", "how a step is made", choices=STEP_RULES)
    grid: str = option("linspace", "where the steps are", choices=GRIDS)
    guidance_scale: float = option(1.0, "1 follows the prompt, above exaggerates it, 0 ignores it", -100, 100)
    guidance_interval: Sequence[int] = option(
        (),
        "only from one timestep to another, as 200 800; 0 999 is all of the walk",
        0,
        999,
        rule=("two timesteps, the smaller first", _is_interval),
    )
    threshold: str = option("none", "how x0 is kept in range", choices=THRESHOLDS)
    upsample: int = option(0, "how many upsampling stages follow, for models that have them", 0, 2)
