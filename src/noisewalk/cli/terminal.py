"""What the command line shows and asks of the terminal and the disk."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError


def writable(out: Path) -> None:
    """Raise a `UserError` at once, rather than after the work, if nothing can be written at `out`."""
    folder = out.parent if out.suffix else out
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UserError(f"cannot write to {out}: {existing} is not a folder you may write in; choose another with --out")


@contextmanager
def said() -> Iterator[None]:
    """What noisewalk says through `logging` while it works (a model that is being loaded), as lines on standard error."""
    log, handler = logging.getLogger("noisewalk"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("noisewalk: %(message)s"))
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, gone when done; silent when that is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
