"""The settings of a walk that the user leaves open. Importing this file does not load torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..fields import option
from ..guidance.tables import BALANCES, THRESHOLDS
from ..walk.tables import GRIDS, STEP_RULES


def _is_interval(value: Sequence[int]) -> bool:
    return not value or (len(value) == 2 and value[0] < value[1])


@dataclass(frozen=True)
class Defaults:
    """What a technique uses for settings that the user leaves open; requests have the same fields, with the same bounds.

    Args:
        techniques: settings of single techniques, by the technique's name, which differ from the others.
    """

    steps: int = option(20, "the number of steps of the walk", 1, 1000)
    step_rule: str = option("ddim", "the step rule, which says how a step is made", choices=STEP_RULES)
    grid: str = option("linspace", "the grid, which says at which times the steps are", choices=GRIDS)
    guidance_scale: float = option(
        1.0, "the guidance scale: 1 follows the prompt, more exaggerates it, and 0 ignores it", -100, 100
    )
    guidance_interval: Sequence[int] = option(
        (),
        "guide only between two timesteps, for example 200 800; 0 999 is the whole walk",
        0,
        999,
        rule=("two timesteps, the smaller first", _is_interval),
    )
    threshold: str = option("none", "how x0 is kept in the range of pictures", choices=THRESHOLDS)
    balance: str = option(
        "none",
        "let the weights follow the walk, so that no prompt dominates (vectors), restore the contrast that a mean loses "
        "(variance), do both (auto), or none of it",
        choices=BALANCES,
    )
    upsample: int = option(0, "the number of upsampling stages, for models that have them", 0, 2)
    techniques: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
