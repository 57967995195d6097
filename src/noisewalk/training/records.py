"""The logs of a run, metrics.jsonl and levels.jsonl: one JSON object per line, and each line is checked when it is read."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict, TypeVar

import msgspec

from ..errors import UserError
from ..files import read_bounded, write_atomic

METRICS, LEVELS = "metrics.jsonl", "levels.jsonl"
MAX_BYTES = 100_000_000
"""Most bytes of a log."""

_log = logging.getLogger("noisewalk")
_told: set[Path] = set()
Finite = Annotated[float, msgspec.Meta(ge=-1e30, le=1e30)]


class Metrics(TypedDict):
    """A line of metrics.jsonl.

    Args:
        step: the number of steps made.
        loss: the mean loss since the line before.
        seconds: the time spent in steps since the run began.
    """

    step: Annotated[int, msgspec.Meta(ge=0, le=10**12)]
    loss: Finite
    seconds: NotRequired[Finite]


class Levels(TypedDict):
    """A line of levels.jsonl: the loss at some noise levels.

    Args:
        at: when it was measured, for example "epoch-05".
        held_out: whether it was measured on pictures that are not trained on.
        t: the times, in [0, 1].
        loss: the loss at each time.
    """

    at: Annotated[str, msgspec.Meta(max_length=100)]
    held_out: bool
    t: Annotated[list[Finite], msgspec.Meta(max_length=1000)]
    loss: Annotated[list[Finite], msgspec.Meta(max_length=1000)]


Row = TypeVar("Row", Metrics, Levels)


def read_metrics(path: Path) -> list[Metrics]:
    """Return the lines of metrics.jsonl in the order of their steps; of two lines of a step, the last one counts."""
    rows = {row["step"]: row for row in _rows(path, Metrics, lambda row: math.isfinite(row["loss"]))}
    return [rows[step] for step in sorted(rows)]


def read_levels(path: Path) -> list[Levels]:
    """Return the lines of levels.jsonl; of two lines with the same name, the last one counts."""
    rows = {row["at"]: row for row in _rows(path, Levels, lambda row: len(row["t"]) == len(row["loss"]) > 0)}
    return list(rows.values())


def _rows(path: Path, kind: type[Row], right: Callable[[Row], bool]) -> list[Row]:
    """Return the correct lines of a log; the number of damaged lines is logged once."""
    if not os.path.lexists(path):
        return []
    good, damaged = [], 0
    for line in read_bounded(path, MAX_BYTES).splitlines():
        try:
            row = msgspec.json.decode(line, type=kind)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            row = None
        if row is not None and right(row):
            good.append(row)
        elif line.strip():
            damaged += 1
    if damaged and path.resolve() not in _told:
        _told.add(path.resolve())
        _log.warning("%s: %d damaged lines were left out", path, damaged)
    return good


def keep_until(path: Path, step: int) -> None:
    """Remove the lines of metrics.jsonl after a step, because a run that was killed makes those steps again."""
    if not os.path.lexists(path):
        return
    kept = [row for row in read_metrics(path) if row["step"] <= step]
    write_atomic(path, "".join(json.dumps(row) + "\n" for row in kept).encode())


def put_levels(path: Path, row: Levels) -> None:
    """Add a line to levels.jsonl, in place of a line with the same name."""
    kept = [old for old in read_levels(path) if old["at"] != row["at"]]
    write_atomic(path, "".join(json.dumps(each) + "\n" for each in [*kept, row]).encode())


def log(path: Path, row: Mapping[str, Any]) -> None:
    """Append one line of JSON.

    Raises:
        UserError: the disk is full, or the file may not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; make room on the disk, and give the same command again"
        ) from error
