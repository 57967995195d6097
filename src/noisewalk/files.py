"""Files that are either whole or not there, and their names."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from .errors import UserError


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside it, flush it to disk, then rename: never half a file.

    Raises:
        UserError: the folder cannot be made or written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another place with --out") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(f"cannot write {path}: {error.strerror}; choose another place with --out") from error
        raise


def slug(text: str) -> str:
    """Letters and digits with dashes between, for file names.

    >>> slug("start 1: a rocket, t = 960!")
    'start-1-a-rocket-t-960'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "any"
