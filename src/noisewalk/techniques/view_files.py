"""The views that a user asks for, checked against the model's pictures, and views by a permutation file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from ..errors import UserError
from ..guidance.views import View, check_inverse, check_isometry, from_table, get_view

FILE = "file:"
MAX_ENTRIES = 2048 * 2048
DIGITS = 16
"""Hexadecimal digits of the SHA-256 by which a permutation is known."""

_tables: dict[str, bytes] = {}
"""Permutations that were read, uint32 little-endian, by their digest: the same digest is the same permutation, always."""


def find_views(names: Sequence[str], shape: tuple[int, int, int], of_noise: bool = True) -> list[View]:
    """Return the views of some names, and check that they fit a model's pictures.

    Args:
        names: names of `get_view`, or file:PERMUTATION.npy for a table of your own (see `from_file`). failure:NAME is not
            checked, because it should fail.
        shape: (C, H, W) of the pictures.
        of_noise: whether noise is seen through them, so that they must be isometries; clean pictures need only an inverse.

    Raises:
        UserError: there is no such view, it does not fit the size or the colours of the pictures, it has no inverse, or it must
            be an isometry and is none.
    """
    views = [from_file(name) if name.startswith(FILE) else get_view(name) for name in names]
    generator = torch.Generator().manual_seed(0)
    for view in views:
        if not view.name.startswith("failure:"):
            check = check_isometry if of_noise else check_inverse
            check(view, shape, lambda *size: torch.randn(*size, generator=generator))
    return views


def from_file(name: str) -> View:
    """Return the view of a permutation in a .npy file: seen pixel i (row by row) is the picture's pixel table[i].

    The table has whole numbers, and is flat or square. In a picture whose side is a multiple of its own, blocks move. Several
    files give each stage of a cascade its own table, see `from_table`.

    Args:
        name: file:PATH, or file:PATH@DIGEST for the permutation of that content (see `with_digests`); for several files,
            file:PATH,file:PATH.

    Raises:
        UserError: there is no such file, or it does not hold this permutation of a square picture's pixels.
    """
    files = files_of(name)
    shown = ",".join(FILE + split_name(without_folders(file))[0] for file in files)
    return from_table(shown, *(torch.from_numpy(np.frombuffer(_table(file), "<u4").astype(np.int64)) for file in files))


def files_of(name: str) -> list[str]:
    """Return the parts file:PATH of the name of a view by files; [] for other views.

    >>> files_of("file:a.npy,file:b.npy"), files_of("rotate90")
    (['file:a.npy', 'file:b.npy'], [])
    """
    return re.split(f",(?={FILE})", name) if name.startswith(FILE) else []


def with_digests(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of views in which each permutation file was read and named with its digest: file:PATH@DIGEST."""
    return tuple(",".join(map(_with_digest, files_of(name))) or name for name in names)


def without_folders(name: str) -> str:
    """Return the name of a view without the folders of an absolute path, which are private; other names stay as they are.

    >>> without_folders("file:/home/ann/mine.npy@0123456789abcdef"), without_folders("file:tables/mine.npy")
    ('file:mine.npy@0123456789abcdef', 'file:tables/mine.npy')
    """
    path, digest = split_name(name)
    if not name.startswith(FILE) or not Path(path).is_absolute():
        return name
    return FILE + Path(path).name + (f"@{digest}" if digest else "")


def keep_permutation(data: bytes, name: str = "kept in the picture") -> str:
    """Keep a permutation (uint32 little-endian), so that it is known by its digest.

    Args:
        data: the bytes.
        name: its name, for messages.

    Returns:
        The digest.

    Raises:
        UserError: it is not a permutation of a square picture's pixels.
    """
    if len(data) % 4 or len(data) > 4 * MAX_ENTRIES:
        raise UserError(f"{len(data):,} bytes are not a permutation of at most {MAX_ENTRIES:,} pixels")
    from_table(name, torch.from_numpy(np.frombuffer(data, "<u4").astype(np.int64)))
    _tables[digest_of(data)] = data
    return digest_of(data)


def permutation_of(name: str) -> bytes | None:
    """Return the permutation of a view by a file, by its name with digest; None for other views."""
    return _tables.get(split_name(name)[1])


def has_changed(name: str) -> bool:
    """Return whether the file of a name with digest exists and now holds another permutation."""
    path, digest = split_name(name)
    try:
        return bool(digest) and Path(path).is_file() and digest_of(_read(path)) != digest
    except UserError:
        return True


def split_name(name: str) -> tuple[str, str]:
    """Return the path and the digest in the name of a view by a file; the digest is "" if there is none.

    >>> split_name("file:mine.npy@0123456789abcdef"), split_name("file:mine.npy")
    (('mine.npy', '0123456789abcdef'), ('mine.npy', ''))
    """
    path = name.removeprefix(FILE)
    found = re.fullmatch(rf"(.*)@([0-9a-f]{{{DIGITS}}})", path, re.DOTALL)
    return (found[1], found[2]) if found and name.startswith(FILE) else (path, "")


def digest_of(data: bytes) -> str:
    """Return the first digits of the SHA-256 of a permutation."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def _table(name: str) -> bytes:
    """Return the permutation of file:PATH, or of file:PATH@DIGEST."""
    path, digest = split_name(name)
    if digest in _tables:
        return _tables[digest]
    data = _read(path)
    if digest and digest != digest_of(data):
        raise UserError(
            f"the permutation file {path} has changed: its digest is {digest_of(data)}, but it was {digest}; bring the old "
            "file back, or use the new one: leave out @ and the digest"
        )
    return data


def _with_digest(name: str) -> str:
    path, digest = split_name(name)
    return name if digest else f"{name}@{keep_permutation(_read(path), name)}"


def _read(path: str) -> bytes:
    """Return the permutation in a file, as uint32 in little-endian order."""
    try:
        found = Path(path).is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        raise UserError(f"there is no permutation file {path}; a view of your own is named file:PERMUTATION.npy")
    try:
        table = np.load(path, allow_pickle=False, mmap_mode="r")  # mapped: its size is known before any of it is read
    except Exception as error:  # a damaged header raises many kinds
        raise UserError(f"{path} is not a .npy file of whole numbers; write the table with numpy.save") from error
    if not isinstance(table, np.ndarray) or table.dtype.kind not in "iu":
        raise UserError(
            f"{path} must hold whole numbers; it holds {getattr(table, 'dtype', 'several arrays')}; convert it with astype(int)"
        )
    if table.size > MAX_ENTRIES:
        raise UserError(f"{path} orders {table.size:,} pixels; give a table of at most {MAX_ENTRIES:,}")
    if table.size and not 0 <= int(table.min()) <= int(table.max()) < table.size:
        raise UserError(f"{path} is not a permutation: each of 0 to {table.size - 1} must be in it once")
    return table.astype("<u4").tobytes()
