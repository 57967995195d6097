"""Files that are written completely or not at all, and their names."""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import UserError

PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ico", ".ppm", ".eps", ".svg"}
FILES = PICTURES | {
    *(".mp4", ".webm", ".mov", ".avi", ".mkv", ".pdf", ".html", ".md", ".txt", ".log", ".json", ".jsonl", ".csv", ".yaml"),
    *(".npy", ".npz", ".pth", ".pt", ".ckpt", ".bin", ".gguf", ".safetensors", ".zip", ".tar", ".gz", ".py"),
}
"""The endings by which a file is told from a folder."""

_PREFIX, _SUFFIX = ".noisewalk-", ".part"
_SURELY_LEFT = 60.0
"""Seconds after which a temporary file belongs to no writer, whatever its process number is, because writing takes moments."""


def write_atomic(path: Path, data: bytes, remedy: str = "choose another place with --out") -> None:
    """Write a file completely or not at all: under a temporary name, flushed to the disk, and then renamed.

    If the path is a symbolic link, its target is replaced. A new file gets the permissions that the umask leaves, and a file
    that is replaced keeps its own.

    Args:
        path: the file; folders that are missing are made.
        data: the content.
        remedy: what to do if it cannot be written, for the message.

    Raises:
        UserError: the folder cannot be made or written, the disk is full, or the path is no regular file.
    """
    with writing(path, remedy) as file:
        file.write(data)


@contextmanager
def writing(path: Path, remedy: str = "choose another place with --out") -> Iterator[BinaryIO]:
    """Open a file to write it in parts; it appears at `path` only when all of it is written, see `write_atomic`.

    Args:
        path: the file; folders that are missing are made.
        remedy: what to do if it cannot be written, for the message.

    Yields:
        The open file.
    """
    try:
        with _replacing(Path(os.path.realpath(path))) as file:
            yield file
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise OSError(0, "it is a folder" if path.is_dir() else "it is not a regular file")
    temporary = path.with_name(f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}{_SUFFIX}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(temporary, path.stat().st_mode & 0o777)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises:
        UserError: it is missing, may not be read, is larger, or is not a regular file (a pipe could be read for ever).
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(f"{path} is not a regular file; give the name of a file")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}; check its name and permissions"
        ) from error
    if len(data) > limit:
        raise UserError(f"{path} is larger than {limit:,} bytes, which such a file never is; give the right file")
    return data


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder and in the folders directly inside it."""
    for pattern in (f"{_PREFIX}*{_SUFFIX}", f"*/{_PREFIX}*{_SUFFIX}"):
        for file in folder.glob(pattern):
            with suppress(OSError):
                writer = file.name.removeprefix(_PREFIX).partition("-")[0]
                if time.time() - file.stat().st_mtime > _SURELY_LEFT or (writer.isdecimal() and not alive(int(writer))):
                    file.unlink()


def alive(pid: int) -> bool:
    """Return whether a process of this number runs on this machine; True if the system cannot tell."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # the process belongs to another user
        return True
    return True


def as_path(name: object) -> Path:
    """Return a name as a path.

    Raises:
        UserError: it is neither text nor a path.
    """
    if not isinstance(name, str | os.PathLike):
        raise UserError(f"the name of a file or folder must be text or a path, but it has the type {type(name).__name__}")
    return Path(name)


def slug(text: str, most: int = 60) -> str:
    """Return the letters and digits of a text, in any script, with dashes between them, as a part of a file name.

    Args:
        text: the text.
        most: the most bytes of the result.

    >>> slug("start 1: a rocket, t = 960!"), slug("Семь 七 हाथी")
    ('start-1-a-rocket-t-960', 'семь-七-हाथी')
    """
    kept = (c if unicodedata.category(c)[0] in "LNM" else "-" for c in unicodedata.normalize("NFC", text).lower())
    name = re.sub("-+", "-", "".join(kept)).strip("-").encode()[:most].decode(errors="ignore")
    return name.strip("-") or "any"


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names, with a number after each that was there before, so that no two of them are the same file.

    >>> distinct(["a", "b", "a", "a-2", "a"])
    ['a', 'b', 'a-2', 'a-2-2', 'a-3']
    """
    made: dict[str, None] = {}
    for name in names:
        number, unused = 2, name
        while unused in made:
            unused, number = f"{name}-{number}", number + 1
        made[unused] = None
    return list(made)


def check_file(path: Path, what: str, *suffixes: str) -> None:
    """Check that a file to write has an ending of its format.

    Args:
        path: the file.
        what: what is written, for the message.
        suffixes: the endings that are allowed.

    Raises:
        UserError: it has another ending, or none.
    """
    if path.suffix.lower() not in suffixes:
        raise UserError(f"{what} is saved as {' or '.join(suffixes)}, but {path} was asked for; change the ending of the name")


def check_folder(path: Path, what: str, option: str = "--out") -> None:
    """Check that a folder to write is not a file, and does not have the name of one.

    Args:
        path: the folder.
        what: what is written, for the message.
        option: the flag that named it, for the message.

    Raises:
        UserError: it is a file, or its name has the ending of one.
    """
    if path.is_dir():
        return
    if path.suffix.lower() in FILES:
        raise UserError(f"{what} is a folder, but {option} {path} has the name of a file; give the name of a folder")
    if path.exists():
        raise UserError(f"{what} is a folder, but {option} {path} is a file; give the name of a folder")


def cache_folder() -> Path:
    """Return the folder of the cache: NOISEWALK_CACHE, or the system's cache folder of the user."""
    if own := os.environ.get("NOISEWALK_CACHE"):
        return Path(own).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("noisewalk")
