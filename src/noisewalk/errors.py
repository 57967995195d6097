"""The one error noisewalk raises at its edge."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something asked for cannot be done: the message says what was asked, what was got, and what to do."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """An error for a name that is not in a table, with the nearest names suggested.

    >>> str(unknown("view", "rotate18", ["identity", "rotate180"]))
    "unknown view 'rotate18'; did you mean 'rotate180'? Known: identity, rotate180"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return UserError(f"unknown {kind} '{name}'; {hint}Known: {', '.join(names)}")
