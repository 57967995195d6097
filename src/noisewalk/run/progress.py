"""Progress of long computations, shown in a terminal or a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

Progress = Callable[[int, int], None]
"""A function that is called with (steps done, steps in all)."""
QUIET = 1.0
"""Seconds in which a plain line shows nothing: what is done by then needs no progress."""


def ignore(done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def progress(title: str, elsewhere: Progress = ignore) -> Iterator[Progress]:
    """Show a progress bar on standard error, and remove it at the end; without rich, it is a plain line.

    Args:
        title: the text before the bar.
        elsewhere: is called instead if standard error is neither a terminal nor a notebook.

    Yields:
        The function to call after each step.
    """
    notebook = in_notebook()
    if not sys.stderr.isatty() and not notebook:
        yield elsewhere
    elif find_spec("rich") and (not notebook or find_spec("ipywidgets")):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        line = _Line(title)
        try:
            yield line
        finally:
            line.clear()


class _Line:
    """Progress as one line that is rewritten, at most ten times per second."""

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
    """Return whether this process is the kernel of a notebook, without loading IPython."""
    found = sys.modules.get("IPython")
    return found is not None and getattr(found.get_ipython(), "kernel", None) is not None


def tenths(title: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Progress:
    """Return a function that writes one line for every tenth of the work, and nothing in the first `QUIET` seconds.

    Args:
        title: the text at the beginning of each line.
        say: writes a line.
        clock: returns the time in seconds.
    """
    began, shown = 0.0, 0

    def watch(done: int, total: int) -> None:
        nonlocal began, shown
        began = began or clock()
        tenth = 10 * done // total if total > 0 else 0
        if tenth > shown and clock() - began >= QUIET:
            say(f"{title}: {10 * tenth} % ({done} of {total})")
        shown = tenth

    return watch
