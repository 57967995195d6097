"""The types of the fields of requests, and how their values are read and written as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import Field, fields
from typing import Any

from ..errors import UserError
from ..techniques.requests import Walk


def folded(f: Field[Any]) -> bool:
    """Return whether a field is shown only on demand, as are all that every walk has, except for the seed."""
    shared = {each.name for each in fields(Walk)} - {"seed", "num"}
    return f.name in shared and not f.metadata.get("positional")


def numbers(name: str, text: str, item: type) -> tuple[Any, ...]:
    """Return numbers that are written with spaces or commas between them.

    Raises:
        UserError: one of them is not a number of this type.

    >>> numbers("t", "250, 500 750", int)
    (250, 500, 750)
    """
    try:
        return tuple(item(part) for part in re.split(r"[\s,:]+", text.strip()) if part)
    except ValueError:
        words = "whole numbers" if item is int else "numbers"
        raise UserError(
            f"--{name.replace('_', '-')} must be {words} with spaces between them, but '{text[:60]}' was given"
        ) from None


def with_default(choices: Iterable[str], default: str) -> list[tuple[str, str]]:
    """Return choices for a form, with the model's default first."""
    return [(f"the model's ({default})", ""), *((choice, choice) for choice in choices)]


def shown(value: Any) -> str:
    """Return a value as a form shows it."""
    if isinstance(value, tuple | list):
        return " ".join(shown(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
