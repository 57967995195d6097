"""Progress in the terminal, and checks of the files and folders to write."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..files import check_file, check_folder
from ..run.progress import Progress, tenths
from ..run.progress import progress as shown
from .edge import say, working


def _writable(folder: Path, out: Path, option: str = "--out") -> None:
    """Raise a `UserError` before the work if nothing can be written in the folder."""
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        why = "it is not a folder" if not existing.is_dir() else error.strerror or str(error)
        raise UserError(f"cannot write to {out}: {existing}: {why}; choose another place with {option}") from None


def file_to_write(out: Path, what: str, *suffixes: str) -> Path:
    """Return the file that a command writes, checked before the work.

    Args:
        out: the file.
        what: what is written, for the message.
        suffixes: the endings that are allowed.

    Raises:
        UserError: it has another ending, or cannot be written.
    """
    check_file(out, what, *suffixes)
    if out.is_dir():
        raise UserError(f"cannot write to {out}: it is a folder; choose another name with --out")
    _writable(out.parent, out)
    return out


def folder_to_write(out: Path, what: str, option: str = "--out") -> Path:
    """Return the folder that a command writes, checked before the work.

    Raises:
        UserError: it looks like a file, or nothing can be written in it.
    """
    check_folder(out, what, option)
    _writable(out, out, option)
    return out


def pictures_to_write(out: Path) -> Path:
    """Return the .png file or the folder that a technique writes, checked before the work.

    Raises:
        UserError: it looks like a file of another kind, or nothing can be written there.
    """
    from ..run.result import is_single

    return file_to_write(out, "a picture", ".png") if is_single(out) else folder_to_write(out, "a result")


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Show progress on standard error: a bar that is removed at the end, or a line every 10 % if it is not a terminal."""
    working()
    with shown(title, tenths(title, say)) as watch:
        yield watch
