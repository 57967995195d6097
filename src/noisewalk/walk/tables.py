"""Step rules and grids by name. To read the tables loads no torch; their functions are loaded when they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..lazy import later

if TYPE_CHECKING:
    from torch import Tensor

    from .noise import Schedule
    from .steps import Step

Grid = Callable[["Schedule", int], "Tensor"]
"""A grid maps a schedule and a number of steps to (steps + 1,) times, from the noisiest down to 0."""


@dataclass(frozen=True, kw_only=True)
class StepRule:
    """A step rule with its properties. The tests measure every row of `STEP_RULES` against what the row states.

    Args:
        make: makes the step.
        title: what the rule is, in a few words.
        order: the order of convergence: the error of a walk falls as steps^-order on exact Gaussian data. For a rule without
            noise it is the error of the sample, for a random rule the error of the samples' covariance.
        calls: network calls per step; the step that lands on the clean picture may need fewer.
        random: True if the rule draws noise in every step.
        learned_variance: True if it reads the variance that some networks predict.
    """

    make: Callable[[], Step]
    title: str
    order: int
    calls: int = 1
    random: bool = False
    learned_variance: bool = False

    def __call__(self) -> Step:
        """Return a step of this rule."""
        return self.make()


_ddpm, _ddim = later("noisewalk.walk.steps:ddpm"), later("noisewalk.walk.steps:ddim")

STEP_RULES: dict[str, StepRule] = {
    "ddpm": StepRule(make=_ddpm, title="ancestral sampling", order=1, random=True, learned_variance=True),
    "ddpm-small": StepRule(make=lambda: _ddpm("small"), title="ancestral, the smaller variance", order=1, random=True),
    "ddpm-large": StepRule(make=lambda: _ddpm("large"), title="ancestral, the larger variance", order=1, random=True),
    "ddim": StepRule(make=_ddim, title="deterministic DDIM", order=1),
    "euler": StepRule(make=_ddim, title="Euler's method, another name of ddim", order=1),
    "ddim-ancestral": StepRule(make=lambda: _ddim(1.0), title="DDIM with eta = 1", order=1, random=True),
    "heun": StepRule(make=later("noisewalk.walk.steps:heun"), title="Heun's method", order=2, calls=2),
    "dpmpp-2m": StepRule(make=later("noisewalk.walk.steps:dpmpp_2m"), title="DPM-Solver++(2M)", order=2),
}
"""Step rules by name. `euler` is `ddim`, which is Euler's method on the linear path."""

GRIDS: dict[str, Grid] = {
    "linspace": later("noisewalk.walk.grids:linspace"),
    "leading": later("noisewalk.walk.grids:leading"),
    "trailing": later("noisewalk.walk.grids:trailing"),
    "karras": later("noisewalk.walk.grids:karras"),
    "course": later("noisewalk.walk.grids:strided"),
    "native": later("noisewalk.walk.grids:native"),
}
"""Time grids by name."""
