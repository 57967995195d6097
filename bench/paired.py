"""Two ways of doing the same work, timed in alternating pairs, so that other work of the machine slows both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Paired(NamedTuple):
    """Median seconds of each way, and the median over the pairs of the first divided by the second."""

    one: float
    other: float
    ratio: float


def paired(one: Callable[[], object], other: Callable[[], object], pairs: int) -> Paired:
    """Time two ways, after each of them was done once; a way must wait for its device itself."""
    for work in (one, other):
        work()
    times = [(seconds(one), seconds(other)) if i % 2 else (seconds(other), seconds(one))[::-1] for i in range(pairs)]
    first, second = (statistics.median(each) for each in zip(*times, strict=True))
    return Paired(first, second, statistics.median(a / b for a, b in times))


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
