"""What the command line shows and asks of the terminal and the disk."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from .edge import say, working

Watch = Callable[[int, int], None]
PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".mp4"}
FILES = PICTURES | {".html", ".md", ".txt", ".json", ".jsonl", ".csv", ".npy", ".pth", ".pt", ".safetensors", ".zip"}
"""Endings by which one tells a file from a folder."""


def writable(out: Path) -> None:
    """Raise a `UserError` at once, rather than after the work, if nothing can be written at `out`."""
    folder = out.parent if out.suffix else out
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        why = "it is not a folder" if not existing.is_dir() else error.strerror or str(error)
        raise UserError(f"cannot write to {out}: {existing}: {why}; choose another place with --out") from None
    if out.suffix and out.is_dir():
        raise UserError(f"cannot write to {out}: it is a folder; choose another name with --out")


def file_to_write(out: Path, what: str, *suffixes: str) -> Path:
    """The file a command writes, checked before the work.

    Args:
        out: as it was asked for.
        what: what is written, for the message.
        suffixes: the endings it may have.

    Raises:
        UserError: it has another ending, or cannot be written.
    """
    if out.suffix.lower() not in suffixes:
        raise UserError(f"{what} is saved as {', '.join(suffixes)}; {out} was asked for")
    writable(out)
    return out


def folder_to_write(out: Path, what: str) -> Path:
    """The folder a command writes, checked before the work.

    Raises:
        UserError: it looks like a file, or nothing can be written in it.
    """
    if out.suffix.lower() in FILES:
        raise UserError(f"{what} is a folder; --out {out} looks like a file")
    if out.exists() and not out.is_dir():
        raise UserError(f"{what} is a folder; --out {out} is a file")
    writable(out / "any.file")
    return out


@contextmanager
def progress(title: str) -> Iterator[Watch]:
    """Progress on standard error: a bar that is gone when all is done, or a line every 10 % if that is not a terminal."""
    working()
    if not sys.stderr.isatty():
        yield tenths(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def tenths(title: str, quiet: float = 1.0, clock: Callable[[], float] = time.monotonic) -> Watch:
    """A watch that says one line for every tenth of the work, and nothing in the first `quiet` seconds."""
    began, told = 0.0, 0

    def watch(done: int, total: int) -> None:
        nonlocal began, told
        began = began or clock()
        tenth = 10 * done // total if total > 0 else 0
        if tenth > told and clock() - began >= quiet:
            say(f"{title}: {10 * tenth} % ({done} of {total})")
        told = tenth

    return watch
