"""Locks for folders that are written over minutes or hours, such as training runs, searches and reports."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from .errors import UserError
from .files import sweep, write_atomic

LOCK, HOLDER = ".noisewalk.lock", ".noisewalk.lock.json"
"""The names of the file that the operating system locks, and of the file beside it that names the holder."""

SIGN_OF_LIFE = 10.0
"""Seconds between two updates of the second file, for computers that do not see each other's locks."""

log = logging.getLogger("noisewalk")


@dataclass(frozen=True)
class Holder:
    """The process that holds a folder.

    Args:
        pid: the number of the process.
        host: the name of its computer.
        since: the local date and time at which it began.
        doing: the command, for example "noisewalk train".
    """

    pid: int
    host: str
    since: str
    doing: str

    def __str__(self) -> str:
        return f"{self.doing} (process {self.pid} on {self.host}, since {self.since})"


@contextmanager
def held(folder: Path, doing: str, option: str = "--out") -> Iterator[None]:
    """Hold a folder while it is written, so that no second process writes it too.

    The operating system frees the lock when a process ends, however it ends. So the folder of a dead process is taken over at
    once, and the temporary files that it left are removed. If the last holder ran on another computer, whose locks may not be
    visible here, this function first waits for a sign of life.

    Args:
        folder: the folder to hold; it is made if it is missing.
        doing: the command that needs it, for example "noisewalk train".
        option: the flag that named the folder, for messages.

    Raises:
        UserError: another process holds the folder (the message says which), or it cannot be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise _refused(folder, _who(folder)) from None
    except (OSError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"cannot write in {folder}: {why}; choose another folder with {option}") from error
    try:
        _await_other_computers(folder)
        sweep(folder)
        with _signs_of_life(folder, doing, option):
            yield
    finally:
        lock.release()


@contextmanager
def _signs_of_life(folder: Path, doing: str, option: str) -> Iterator[None]:
    holder = Holder(os.getpid(), socket.gethostname(), f"{datetime.now():%Y-%m-%d %H:%M:%S}", doing)
    path, done = folder / HOLDER, threading.Event()
    write_atomic(path, msgspec.json.encode(asdict(holder)), f"choose another folder with {option}")

    def touch() -> None:
        while not done.wait(SIGN_OF_LIFE):
            with suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=touch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        with suppress(OSError):
            path.unlink()


def _await_other_computers(folder: Path) -> None:
    """Wait until it is certain that the last holder is dead, if it ran on another computer."""
    last = _who(folder)
    if last is None or last.host == socket.gethostname():
        return
    before = _changed(folder)
    seconds = 3 * SIGN_OF_LIFE
    log.info("%s was last held by %s; waiting %.0f s for a sign of life from it", folder, last, seconds)
    time.sleep(seconds)
    if _changed(folder) != before:
        raise _refused(folder, _who(folder))


def _who(folder: Path) -> Holder | None:
    """Return the holder that the file beside the lock names; a new holder writes that file within a moment."""
    for pause in (0.05, 0.2, 0):
        with suppress(OSError, msgspec.MsgspecError, UnicodeError), (folder / HOLDER).open("rb") as file:
            return msgspec.json.decode(file.read(10_000), type=Holder)
        time.sleep(pause)
    return None


def _changed(folder: Path) -> int:
    try:
        with (folder / HOLDER).open("rb") as file:  # opening the file makes a file server send the present time
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return 0


def _refused(folder: Path, holder: Holder | None) -> UserError:
    who = holder or "another process"
    end = f"stop it (kill {holder.pid} on {holder.host})" if holder else "stop it"
    return UserError(f"{folder} is being written by {who}; wait until it has ended, {end}, or choose another folder")
