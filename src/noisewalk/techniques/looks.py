"""The views a user asks for, checked against the model's pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..errors import UserError
from ..guidance.views import View, check_isometry, from_table, get_view

MAX_ENTRIES = 2048 * 2048


def views_for(names: Sequence[str], shape: tuple[int, int, int]) -> list[View]:
    """The views of those names, that fit pictures of a shape (C, H, W).

    Args:
        names: those of `get_view`, or file:PERMUTATION.npy (see `from_file`). failure:NAME is let through unchecked: it is
            there to fail.

    Raises:
        UserError: there is no such view, it does not fit the size or the colours of the pictures, or it is no isometry.
    """
    views = [from_file(name.removeprefix("file:")) if name.startswith("file:") else get_view(name) for name in names]
    generator = torch.Generator().manual_seed(0)
    for view in views:
        if not view.name.startswith("failure:"):
            check_isometry(view, shape, lambda *size: torch.randn(*size, generator=generator))
    return views


def from_file(path: str) -> View:
    """A view by a permutation in a .npy file: seen pixel i (row by row) is the picture's pixel table[i], whole numbers,
    flat or square. In a picture a multiple of its size, blocks move.

    Raises:
        UserError: there is no such file, or it holds no permutation of a square picture's pixels.
    """
    if not Path(path).is_file():
        raise UserError(f"there is no permutation file {path}; a view of your own is named file:PERMUTATION.npy")
    try:
        table = np.load(path, allow_pickle=False, mmap_mode="r")  # mapped: its size is known before any of it is read
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path} is not a .npy file of whole numbers: {error}") from error
    if not isinstance(table, np.ndarray) or table.dtype.kind not in "iu":
        raise UserError(f"{path} must hold whole numbers; it holds {getattr(table, 'dtype', 'several arrays')}")
    if table.size > MAX_ENTRIES:
        raise UserError(f"{path} orders {table.size:,} pixels; the limit is {MAX_ENTRIES:,}")
    return from_table(f"file:{path}", torch.from_numpy(table.astype(np.int64).ravel()))
