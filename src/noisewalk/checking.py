"""Checks of requests: the same for flags, keyword arguments and JSON."""

from __future__ import annotations

import math
import operator
import re
import typing
from collections.abc import Sequence
from dataclasses import Field, fields, replace
from functools import lru_cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec

from .errors import UserError, unknown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

D = TypeVar("D", bound="DataclassInstance")

MOST_ITEMS = 4096
MOST_CHARACTERS = 10_000
_BOUND = re.compile(r"Expected `\w+` ([<>]=) (\S+)")
_WORDS = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    bool: ("True or False", "True or False"),
    Path: ("a file or a folder", "files or folders"),
}


def checked(request: D, recorded: bool = False) -> D:
    """Return the request with every field as a value of its own type.

    NumPy numbers and tensors without dimensions become plain numbers, lists and arrays become tuples, and a single value stands
    for a sequence of one.

    Args:
        request: a dataclass whose fields were made by `option`, `argument` or `picture`.
        recorded: whether it was read from a file; its pictures must then be in that file, and are never opened by their name.

    Raises:
        UserError: a field has a wrong value; the message has its name, its value and what is allowed.
    """
    known = [f for f in fields(request) if "help" in f.metadata]
    values = {f.name: _checked(f, field_type(type(request), f.name), getattr(request, f.name), recorded) for f in known}
    return replace(request, **values)


class FieldType(typing.NamedTuple):
    """The type of a field: the type of an item, whether it is a sequence, and whether None is allowed."""

    item: type
    several: bool
    optional: bool


def field_type(request: type, name: str) -> FieldType:
    """Return the type of a field.

    >>> from noisewalk.techniques.requests import Anagram
    >>> field_type(Anagram, "weights").several, field_type(Anagram, "steps").optional
    (True, True)
    """
    return _field_type(request, name)


@lru_cache(maxsize=1024)
def _field_type(request: type, name: str) -> FieldType:
    hint = typing.get_type_hints(request)[name]
    optional = NoneType in typing.get_args(hint)
    inner = next(kind for kind in typing.get_args(hint) if kind is not NoneType) if optional else hint
    if typing.get_origin(inner) is Sequence:
        return FieldType(typing.get_args(inner)[0], True, optional)
    return FieldType(inner, False, optional)


def _checked(f: Field[Any], kind: FieldType, value: Any, recorded: bool) -> Any:
    if value is None and kind.optional:
        return None
    if f.metadata.get("role"):
        if value is None or (recorded and isinstance(value, str | int | float | tuple)):
            raise _refused(f, "a picture", value)
        return value
    items = _items(value) if kind.several else (value,)
    wanted = _words(f, kind)
    if not _least_items(f) <= len(items) <= MOST_ITEMS and kind.several:
        raise _refused(f, wanted if items else f"one or more {wanted}", value)
    made = tuple(_item(f, kind.item, item, wanted) for item in items)
    for item in made:
        if f.metadata.get("choices") and item not in f.metadata["choices"]:
            raise unknown(f.name.replace("_", " "), item, f.metadata["choices"])
    whole = made if kind.several else made[0]
    rule = f.metadata.get("rule")
    if rule and not rule[1](whole):
        raise _refused(f, rule[0], whole)
    return whole


def _item(f: Field[Any], kind: type, value: Any, wanted: str) -> Any:
    if kind in (bool, Path):
        if not isinstance(value, bool if kind is bool else str | Path):
            raise _refused(f, wanted, value)
        return value if kind is bool else Path(str(value))
    plain = _plain(value, kind)
    if isinstance(plain, float) and not math.isfinite(plain):
        raise _refused(f, wanted, value)
    try:
        return msgspec.convert(plain, _bounded(kind, f.metadata.get("least"), f.metadata.get("most")))
    except msgspec.ValidationError as error:
        beyond = _BOUND.match(str(error))
        bound = f"at {'least' if beyond[1] == '>=' else 'most'} {_number(beyond[2])}" if beyond else wanted
        raise _refused(f, bound, value) from None


@lru_cache(maxsize=256)
def _bounded(kind: type, least: float | None, most: float | None) -> Any:
    """Return the type against which msgspec checks an item."""
    if kind is str:
        return Annotated[str, msgspec.Meta(max_length=MOST_CHARACTERS)]
    return Annotated[kind, msgspec.Meta(ge=None if least is None else kind(least), le=None if most is None else kind(most))]


def _plain(value: Any, kind: type) -> Any:
    """Return a number of any library as a Python number, a text as it is, and None for anything else (msgspec refuses it)."""
    if kind is str:
        return str(value) if isinstance(value, str) and _is_unicode(value) else None
    no_number = isinstance(value, bool | str | bytes) or str(getattr(value, "dtype", "")).endswith("bool")
    if no_number or _dimensions(value):
        return None
    try:
        return operator.index(value) if kind is int else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _dimensions(value: Any) -> int:
    """Return the number of dimensions of an array or a tensor; 0 for anything else."""
    return getattr(value, "ndim", 0) if hasattr(value, "dtype") else 0


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _items(value: Any) -> tuple[Any, ...]:
    """Return the items of a list, a tuple, a range or an array of one dimension; anything else is one item."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(value[: MOST_ITEMS + 1])
    if _dimensions(value) == 1:
        return tuple(value[: MOST_ITEMS + 1])
    return (value,)


def _least_items(f: Field[Any]) -> int:
    """Return the fewest items of a field; it may only be empty if it is empty by default."""
    return 0 if f.default is None or f.default == () else 1


def _words(f: Field[Any], kind: FieldType) -> str:
    """Return what is allowed, in words that follow "must be"."""
    words = _WORDS[kind.item][kind.several]
    least, most = f.metadata.get("least"), f.metadata.get("most")
    if kind.item is str:
        return f"{words} of at most {MOST_CHARACTERS:,} characters"
    if least is None or most is None:
        return words
    return f"{words} from {_number(least)} to {_number(most)}"


def _number(value: float | str) -> str:
    """Return a bound as it is written.

    >>> _number("-100.0"), _number(2**62)
    ('-100', '4611686018427387904')
    """
    return str(value).removesuffix(".0")


def _refused(f: Field[Any], wanted: str, value: Any) -> UserError:
    return UserError(f"--{f.name.replace('_', '-')} must be {wanted}, but {_shown(value)} was asked for")


def _shown(value: Any) -> str:
    """Return a value as one short line."""
    if isinstance(value, tuple) and not value:
        return "none"
    if isinstance(value, tuple):
        return " ".join(_shown(item) for item in value[:8]) + (" …" if len(value) > 8 else "")
    try:
        text = re.sub(r"\s+", " ", repr(value))
    except Exception:  # another library's repr, or a whole number of more than 4,300 digits
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}…"
