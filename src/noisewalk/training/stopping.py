"""Requests to stop (Ctrl-C, `kill`, a closed terminal) wait for the end of a step, so that complete checkpoints are saved."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
IMPATIENCE = 2.0
"""Seconds after the first Ctrl-C, from which on another Ctrl-C stops at once, with the last checkpoint."""

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def handle_signals(handler: Handler) -> Iterator[None]:
    """Give the signals that ask to stop to a handler, except those that are ignored (under `nohup`, for example)."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread receives signals
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number, old in before.items():
            if old is not signal.SIG_IGN:
                signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Hold back requests to stop.

    Yields:
        A function that says whether one has come.
    """
    first: list[float] = []

    def ask(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if first and number == signal.SIGINT and now - first[0] > IMPATIENCE:
            raise KeyboardInterrupt
        first.append(now)

    with handle_signals(ask):
        yield lambda: bool(first)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Stop at once. While there is nothing to save, each of the signals acts like Ctrl-C."""
    raise KeyboardInterrupt
