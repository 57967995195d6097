"""The ledger of a search: one line of JSON per finished task, so that a second call continues where the first stopped."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ..errors import UserError
from .plan import MOST, MOST_BATCH, Plan, Task, same_search

NAME = "search.jsonl"
LONGEST = 64 * 2**20
"""The most bytes of a line that is read; the longest is the label of a search that starts from pictures."""

Scores = tuple[dict[str, Any], ...]
Number = Annotated[float, Meta(ge=-1e30, le=1e30)]
Seed = Annotated[int, Meta(ge=0, le=2**62)]

log = logging.getLogger("noisewalk")


class _Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scores of one picture, as `FinishedTask.scores` holds them."""

    alignment: Number
    concealment: Annotated[float, Meta(ge=0, le=1)]
    margin: Number | None
    margins: Annotated[tuple[Number, ...], Meta(max_length=64)] | None
    own: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=64)]


class _Row(msgspec.Struct, frozen=True):
    """A finished task."""

    task: tuple[
        Literal["half", "full"],
        Annotated[int, Meta(ge=0, lt=MOST)],
        Annotated[tuple[Seed, ...], Meta(min_length=1, max_length=MOST_BATCH)],
    ]
    scores: tuple[_Score, ...]
    seconds: Annotated[float, Meta(ge=0, le=1e9)]


class Ledger:
    """The finished tasks of a search; a task counts only after its line has been written completely and flushed to the disk.

    The first line is the label of the search. An incomplete last line, which a killed process leaves, is removed. Other lines
    that are not tasks of this search are skipped, and their number is logged once.

    Args:
        folder: the folder of the search.
        plan: the search.
        ways: the number of ways of looking at a picture, each of which has a score of its own.

    Raises:
        UserError: the folder holds another search (the message says what differs), its first line is not a label, or it cannot
            be written.
    """

    def __init__(self, folder: Path, plan: Plan, ways: int) -> None:
        self.path = folder / NAME
        self.done: dict[Task, Scores] = {}
        self.seconds: list[float] = []
        self._ways = ways
        try:
            folder.mkdir(parents=True, exist_ok=True)
            whole = self._read(plan)
            if self.path.exists():
                os.truncate(self.path, whole)
            if not whole:
                self._write({"search": plan.to_json()})
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}; choose another folder with --out") from error

    def add(self, task: Task, scores: Scores, seconds: float) -> None:
        """Write down a task as finished."""
        try:
            self._write({"task": [task.stage, task.point, list(task.seeds)], "scores": scores, "seconds": round(seconds, 3)})
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}; the finished tasks are kept") from error
        self.done[task] = scores
        self.seconds.append(seconds)

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self, plan: Plan) -> int:
        """Read the file line by line, and return the number of bytes of complete lines."""
        if not self.path.exists():
            return 0
        if not stat.S_ISREG(self.path.stat().st_mode):
            raise UserError(f"{self.path} is not a regular file; move it away or choose another folder with --out")
        whole = damaged = 0
        for number, (line, end) in enumerate(_lines(self.path)):
            if number == 0:
                self._check_label(line, plan)
            elif row := self._row(line, plan):
                self.done[Task(*row.task)] = tuple(msgspec.to_builtins(score) for score in row.scores)
                self.seconds.append(row.seconds)
            else:
                damaged += 1
            whole = end
        if damaged:
            lines = "1 line is not a task" if damaged == 1 else f"{damaged} lines are not tasks"
            log.warning("%s: %s of this search and left out; missing tasks are done again", self.path, lines)
        if not whole and not _LABEL.startswith(_start(self.path)):
            self._check_label(None, plan)
        return whole

    def _check_label(self, line: bytes | None, plan: Plan) -> None:
        here = json.loads(json.dumps(plan.to_json()))
        try:
            there = msgspec.json.decode(line or b"", type=dict[Literal["search"], dict[str, Any]])["search"]
            msgspec.convert(there["spec"], dict[str, Any])
            differing = same_search(there, here)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, KeyError) as error:
            raise UserError(
                f"{self.path} does not begin with the label of a search; move it away or choose another folder with --out"
            ) from error
        if differing:
            raise UserError(f"{self.path.parent} holds another search: {differing}; choose another folder with --out")

    def _row(self, line: bytes | None, plan: Plan) -> _Row | None:
        """Return the task of a line; None if it is not a task of this search."""
        try:
            row = msgspec.json.decode(line or b"", type=_Row)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        fits = row.task[1] < len(plan.points) and len(row.scores) == len(row.task[2]) == len(set(row.task[2]))
        fits &= row.task[0] == "full" or plan.early < 1
        several = self._ways > 1
        ways = all(
            len(score.own) == self._ways
            and (score.margin is not None) == several
            and (score.margins is not None) == several
            and (score.margins is None or len(score.margins) == self._ways)
            for score in row.scores
        )
        return row if fits and ways else None


_LABEL = b'{"search": '


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_LABEL))


def _lines(path: Path) -> Iterator[tuple[bytes | None, int]]:
    """Yield the complete lines of a file and where each ends; None for a line that is too long."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST):
            text: bytes | None = line
            while not line.endswith(b"\n"):
                text = None
                if not (line := file.readline(LONGEST)):
                    return
            yield text, file.tell()
