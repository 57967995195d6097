"""What `gpu_check.py` measures: each check is a figure, and the bound that it must keep."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from noisewalk.errors import UserError


@dataclass(frozen=True)
class Setting:
    """Where the checks run, and how large they are.

    Args:
        device: the device that is checked.
        folder: a folder for what they write.
        small: whether sizes are those of a test: a few steps, and networks of a few thousand weights.
    """

    device: torch.device
    folder: Path
    small: bool

    @property
    def backend(self) -> str:
        """The compiler: on a GPU the one that makes kernels, and elsewhere one that captures the same graphs and runs them."""
        return "inductor" if self.device.type == "cuda" else "eager"


class NotMeasured(Exception):
    """The device lacks what the check needs; the message says what."""


@dataclass(frozen=True)
class Figure:
    """A number that was measured, and what else is to be said of it."""

    value: float
    note: str = ""


@dataclass(frozen=True)
class Check:
    """One line of the page.

    Args:
        what: what is checked.
        measure: measures it, or raises `NotMeasured`.
        limit: the largest value that passes; infinity if the value is only reported.
        unit: what the value is.
    """

    what: str
    measure: Callable[[], Figure]
    limit: float
    unit: str


@dataclass(frozen=True)
class Row:
    """A check that was made."""

    what: str
    found: str
    bound: str
    outcome: str
    seconds: float


def made(check: Check) -> Row:
    """Make a check; whatever goes wrong in it is a row that failed, so that the others are still made."""
    began, bound = time.perf_counter(), f"at most {check.limit:g}" if math.isfinite(check.limit) else "none"
    try:
        figure = check.measure()
        outcome = "passed" if figure.value <= check.limit else "FAILED"
        found = f"{figure.value:.3g} {check.unit}" + (f" ({figure.note})" if figure.note else "")
    except NotMeasured as reason:
        outcome, found = "not measured", str(reason)
    except (RuntimeError, UserError, ValueError, TypeError, AssertionError, ImportError) as error:
        outcome, found = "FAILED", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return Row(check.what, found, bound, outcome, time.perf_counter() - began)


def rms(x: Tensor, reference: Tensor) -> float:
    """Return the root mean square of a difference; NaN if one of the values is not finite."""
    difference = x.double().cpu() - reference.double().cpu()
    return difference.square().mean().sqrt().item() if bool(difference.isfinite().all()) else math.nan


def dtype_label(dtype: torch.dtype) -> str:
    """Return the name of a dtype without its library."""
    return str(dtype).removeprefix("torch.")
