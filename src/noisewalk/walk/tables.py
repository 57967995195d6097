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
            noise it is the error of the sample, for a random rule the error of the samples' moments. It is 0 for the rule of
            few-step models, which does not converge.
        calls: network calls per step; the step that lands on the clean picture may need fewer.
        first_calls: network calls that the first step makes besides.
        memory: the number of earlier steps that the rule reads.
        random: True if the rule draws noise in every step.
        learned_variance: True if it reads the variance that some networks predict.
    """

    make: Callable[[], Step]
    title: str
    order: int
    calls: int = 1
    first_calls: int = 0
    memory: int = 0
    random: bool = False
    learned_variance: bool = False

    def __call__(self) -> Step:
        """Return a step of this rule."""
        return self.make()


_ddim = later("noisewalk.walk.steps:ddim")
_ddpm = later("noisewalk.walk.steps:ddpm")
_deis = later("noisewalk.walk.linear_multistep:deis")
_dpm_solver = later("noisewalk.walk.multistep:dpm_solver")
_heun_ratio = later("noisewalk.walk.linear_multistep:heun_ratio")
_lms = later("noisewalk.walk.linear_multistep:lms")
_plms = later("noisewalk.walk.linear_multistep:plms")
_ddim_raw = later("noisewalk.walk.steps:ddim_raw")
_dpmpp = later("noisewalk.walk.multistep:dpmpp")
_vab = later("noisewalk.walk.linear_multistep:vab")
_unipc = later("noisewalk.walk.multistep:unipc")

STEP_RULES: dict[str, StepRule] = {
    "ddpm": StepRule(make=_ddpm, title="ancestral sampling", order=1, random=True, learned_variance=True),
    "ddpm-small": StepRule(make=lambda: _ddpm("small"), title="ancestral, the smaller variance", order=1, random=True),
    "ddpm-large": StepRule(make=lambda: _ddpm("large"), title="ancestral, the larger variance", order=1, random=True),
    "ddim": StepRule(make=_ddim, title="deterministic DDIM", order=1),
    "ddim-raw": StepRule(make=_ddim_raw, title="DDIM with the noise from before x0 was clipped", order=1),
    "euler": StepRule(make=_ddim, title="Euler's method, another name of ddim", order=1),
    "ddim-ancestral": StepRule(make=lambda: _ddim(1.0), title="DDIM with eta = 1", order=1, random=True),
    "heun": StepRule(make=later("noisewalk.walk.steps:heun"), title="Heun's method", order=2, calls=2),
    "heun-ratio": StepRule(make=_heun_ratio, title="Heun's method in sigma / alpha", order=2, calls=2),
    "dpmpp-2m": StepRule(make=_dpmpp, title="DPM-Solver++(2M)", order=2, memory=1),
    "dpmpp-2m-heun": StepRule(make=lambda: _dpmpp(2, "heun"), title="DPM-Solver++(2M), Heun's variant", order=2, memory=1),
    "dpmpp-3m": StepRule(make=lambda: _dpmpp(3), title="DPM-Solver++(3M)", order=2, memory=2),
    "dpmpp-2m-sde": StepRule(
        make=lambda: _dpmpp(2, random=True), title="DPM-Solver++(2M) as a random process", order=2, memory=1, random=True
    ),
    "dpmpp-2m-sde-heun": StepRule(
        make=lambda: _dpmpp(2, "heun", random=True), title="the same, Heun's variant", order=2, memory=1, random=True
    ),
    "dpm-2m": StepRule(make=_dpm_solver, title="DPM-Solver, order 2", order=2, memory=1),
    "dpm-2m-heun": StepRule(make=lambda: _dpm_solver(2, "heun"), title="DPM-Solver, Heun's variant", order=2, memory=1),
    "dpm-3m": StepRule(make=lambda: _dpm_solver(3), title="DPM-Solver, order 3", order=2, memory=2),
    "unipc-1": StepRule(make=lambda: _unipc(1), title="UniPC of order 1", order=2, memory=1),
    "unipc-2": StepRule(make=_unipc, title="UniPC of order 2", order=2, memory=2),
    "unipc-3": StepRule(make=lambda: _unipc(3), title="UniPC of order 3", order=2, memory=3),
    "unipc-1-bh1": StepRule(make=lambda: _unipc(1, "bh1"), title="UniPC of order 1, B(h) = h", order=2, memory=1),
    "unipc-2-bh1": StepRule(make=lambda: _unipc(2, "bh1"), title="UniPC of order 2, B(h) = h", order=2, memory=2),
    "unipc-3-bh1": StepRule(make=lambda: _unipc(3, "bh1"), title="UniPC of order 3, B(h) = h", order=2, memory=3),
    "deis-2": StepRule(make=_deis, title="DEIS of order 2", order=2, memory=1),
    "deis-3": StepRule(make=lambda: _deis(3), title="DEIS of order 3", order=2, memory=2),
    "plms": StepRule(make=_plms, title="pseudo linear multistep, of PNDM", order=2, first_calls=1, memory=3),
    "lms": StepRule(make=_lms, title="linear multistep of order 4", order=2, memory=3),
    "vab": StepRule(make=_vab, title="Adams-Bashforth of order 2 on the velocity", order=2, memory=1),
    "lcm": StepRule(make=later("noisewalk.walk.steps:lcm"), title="x0 noised anew, for few-step models", order=0, random=True),
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
