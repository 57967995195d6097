"""Progress of what takes longer, in a terminal or a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

Watch = Callable[[int, int], None]
"""A watch is told (steps done, steps in all)."""
QUIET = 1.0
"""Seconds in which a plain line says nothing: what is done by then needs no progress."""


def ignore(done: int, total: int) -> None:
    """A watch that shows nothing."""


@contextmanager
def progress(title: str, elsewhere: Watch = ignore) -> Iterator[Watch]:
    """A bar on standard error that is gone when all is done: rich's, or a plain line where rich cannot draw one.

    Args:
        title: stands before the bar.
        elsewhere: is told instead where standard error is neither a terminal nor a notebook.
    """
    notebook = in_notebook()
    if not sys.stderr.isatty() and not notebook:
        yield elsewhere
    elif find_spec("rich") and (not notebook or find_spec("ipywidgets")):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        line = _Line(title)
        try:
            yield line
        finally:
            line.clear()


class _Line:
    """A watch that rewrites one line, ten times per second at most."""

    def __init__(self, title: str) -> None:
        self.title, self.next, self.width = title, time.monotonic() + QUIET, 0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + 0.1
            self._write(f"{self.title}: {done} of {total}")

    def clear(self) -> None:
        """Empty the line, if it was written."""
        if self.width:
            self._write("")

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{text:{self.width}}" + ("" if text else "\r"))
        sys.stderr.flush()
        self.width = len(text)


def in_notebook() -> bool:
    """Whether this is a notebook's kernel. IPython is not loaded for the answer."""
    found = sys.modules.get("IPython")
    return found is not None and getattr(found.get_ipython(), "kernel", None) is not None


def tenths(title: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Watch:
    """A watch that says one line for every tenth of the work, and nothing in the first `QUIET` seconds."""
    began, told = 0.0, 0

    def watch(done: int, total: int) -> None:
        nonlocal began, told
        began = began or clock()
        tenth = 10 * done // total if total > 0 else 0
        if tenth > told and clock() - began >= QUIET:
            say(f"{title}: {10 * tenth} % ({done} of {total})")
        told = tenth

    return watch
