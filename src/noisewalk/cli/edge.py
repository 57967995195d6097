"""The edge between noisewalk and the terminal: every failure is one line and an exit status of 0, 1, 2 or 130."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from ..errors import UserError, from_outside, one_line

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder of the package."""

NARROW, WIDE = 40, 300
"""Columns of text. Narrower, help would be boxes without room for a word, and wrapping it would never end."""


def guarded(command: Callable[[], int]) -> int:
    """Run a command; every error becomes one line on standard error and an exit status."""
    with _streams(), _columns(), _ctrl_c(), _said(), warnings.catch_warnings():
        warnings.showwarning = _say_warning  # type: ignore[assignment]
        try:
            try:
                return command()
            finally:
                sys.stdout.flush()  # a full disk is noticed here, and not when Python ends
        except BrokenPipeError:  # the program that reads the output has ended (| head)
            return 0
        except KeyboardInterrupt:
            return _fail("interrupted", 130)
        except UserError as error:
            return _fail(str(error))
        except Exception as error:
            message = from_outside(error)
            if message is None and os.environ.get("NOISEWALK_TRACEBACK"):
                raise
            return _fail(message or _fault(error))
        finally:
            _settle()


def say(text: str) -> None:
    """Write one line on standard error."""
    print(f"noisewalk: {one_line(text)}", file=sys.stderr, flush=True)


def _fail(text: str, status: int = 2) -> int:
    with contextlib.suppress(OSError):
        say(text)
    return status


def _fault(error: Exception) -> str:
    """Return the message for an unexpected error: its type, its place, and how to see the traceback."""
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = [(name, line) for name, line in places if name.startswith(ROOT) and name != __file__]
    at = [f"{os.path.relpath(name, os.path.dirname(ROOT))}:{line}" for name, line in own[-1:]]
    if places and places[-1] not in own:  # what noisewalk called
        at.append(f"{os.path.basename(places[-1][0])}:{places[-1][1]}")
    return (
        f"this is a fault in noisewalk, please report it: {type(error).__name__} at {' in '.join(reversed(at))}: {error} "
        "(set NOISEWALK_TRACEBACK=1 to see the whole traceback)"
    )


def _say_warning(message: Warning | str, category: type[Warning], *place: Any) -> None:
    """Write a warning as one line, without its line of code."""
    say(str(message))


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Let output never fail: characters that the terminal cannot encode become escapes, and closed streams are ignored."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    yield


def _settle() -> None:
    """Drop what a stream could not write, so that Python does not try it again when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                sink = os.open(os.devnull, os.O_WRONLY)
                os.dup2(sink, stream.fileno())
                os.close(sink)


@contextlib.contextmanager
def _columns() -> Iterator[None]:
    """Limit the width of the terminal to a sensible range, for all libraries that use it."""
    before = os.environ.get("COLUMNS")
    width = shutil.get_terminal_size().columns
    if width != min(max(width, NARROW), WIDE) or before is not None:
        os.environ["COLUMNS"] = str(min(max(width, NARROW), WIDE))
    try:
        yield
    finally:
        if before is not None:
            os.environ["COLUMNS"] = before
        else:
            os.environ.pop("COLUMNS", None)


@contextlib.contextmanager
def _ctrl_c() -> Iterator[None]:
    """End the process at once on Ctrl-C while modules are loaded; after that it is the usual `KeyboardInterrupt`.

    An exception in the middle of an import may be lost in a callback or end in C++ that does not expect it.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    try:
        signal.signal(signal.SIGINT, _leave)
    except ValueError:  # only the main thread receives signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(number: int, frame: FrameType | None) -> None:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            with contextlib.suppress(OSError):
                os.write(2, b"noisewalk: interrupted\n")
            os._exit(130)
        frame = frame.f_back
    raise KeyboardInterrupt


def working() -> None:
    """Make Ctrl-C a `KeyboardInterrupt` everywhere, also in imports, because from here on there is something to save."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """Write the messages of noisewalk's logger as lines on standard error."""
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
