"""The ledger of a search: one JSON line a finished task, from which a second call goes on exactly where the first stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..errors import UserError
from .plan import Plan, Task, same_search

NAME = "search.jsonl"
Scores = tuple[dict[str, Any], ...]


class Ledger:
    """Finished tasks, on disk before they count: a line is written whole, flushed to the disk, and only then believed.

    The first line labels the search; a line cut short by a kill is dropped when the file is opened again.

    Raises:
        UserError: the folder holds another search (what differs is said), the ledger is damaged, or cannot be written.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.path = folder / NAME
        self.done: dict[Task, Scores] = {}
        self.seconds: list[float] = []
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
        """Put a task down as finished."""
        try:
            self._write({"task": [task.stage, task.point, list(task.seeds)], "scores": scores, "seconds": round(seconds, 3)})
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}; the tasks before are safe") from error
        self.done[task] = scores
        self.seconds.append(seconds)

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self, plan: Plan) -> int:
        """Read what is there; the number of bytes of whole lines."""
        if not self.path.exists():
            return 0
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].splitlines()
        try:
            for number, line in enumerate(lines):
                record = json.loads(line)
                if number == 0:
                    if differing := same_search(record["search"], json.loads(json.dumps(plan.to_json()))):
                        raise UserError(f"{self.path.parent} holds another search: {differing}; choose another --out")
                else:
                    stage, point, seeds = record["task"]
                    self.done[Task(stage, point, tuple(seeds))] = tuple(record["scores"])
                    self.seconds.append(float(record["seconds"]))
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{self.path} is damaged at line {number + 1}; move it away or choose another --out") from error
        return whole
