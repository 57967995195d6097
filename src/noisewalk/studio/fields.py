"""The types of the fields of requests, and how their values are read and written as text."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, fields
from types import NoneType
from typing import Any

from ..errors import UserError
from ..techniques.spec import Walk


@dataclass(frozen=True)
class Kind:
    """The type of a field: the type of an item, whether there are several, and whether None is allowed."""

    item: type
    several: bool
    optional: bool


def kind_of(spec: type, name: str) -> Kind:
    """Return the type of a field.

    >>> from noisewalk.techniques.anagram import Anagram
    >>> kind_of(Anagram, "weights").several, kind_of(Anagram, "steps").optional
    (True, True)
    """
    hint = typing.get_type_hints(spec)[name]
    kinds = [kind for kind in typing.get_args(hint) if kind is not NoneType]
    optional = len(kinds) < len(typing.get_args(hint))
    inner = kinds[0] if optional else hint
    if typing.get_origin(inner) is Sequence:
        return Kind(typing.get_args(inner)[0], True, optional)
    return Kind(inner, False, optional)


def folded(spec: type, f: Field[Any]) -> bool:
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
