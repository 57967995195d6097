"""The grid of a search: fields of a technique and the values to try, as a user writes them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any

import msgspec

from ..checking import FieldType, field_type
from ..errors import UserError, shorten, unknown
from ..techniques import TECHNIQUES
from ..walk.tables import GRIDS

KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "True or False"}
"""The types of fields in words."""


def parse_grid(technique: str, texts: Sequence[str]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Parse the axes of a grid, such as guidance_scale=1,2,4, or weights=1:1,1:2 for a field of several numbers.

    Values that contain a comma or a colon are written as a JSON list, such as prompt=["a fox, asleep", "a cat"] or
    prompts=[["6: six", "9"], ["8", "3"]]. The name of a time grid alone, such as karras, stands for grid=karras.

    Args:
        technique: the name of the technique.
        texts: the axes.

    Returns:
        The name and the values of each axis.

    Raises:
        UserError: the technique has no such field, or a value does not fit it.
    """
    kind = TECHNIQUES[technique].request
    known = [f.name for f in fields(kind) if f.name not in ("seed", "num", "seeds") and not f.metadata.get("role")]
    axes = []
    for text in texts:
        name, _, values = (f"grid={text}" if text in GRIDS else text).partition("=")
        name = name.strip("-").replace("-", "_")
        if name not in known:
            raise unknown(f"field of {technique}", name, known)
        if not values:
            raise UserError(f"--grid must be written as field=value,value, but '{text}' was given")
        found = _values(name, field_type(kind, name).item, values)
        if not found:
            raise UserError(f"--grid {name} has an empty list; give values to try")
        axes.append((name, tuple(_value(name, field_type(kind, name), value) for value in found)))
    if len({name for name, _ in axes}) < len(axes):
        raise UserError(f"each field may be in --grid once, but {', '.join(name for name, _ in axes)} were given")
    return tuple(axes)


def _values(name: str, kind: type, text: str) -> list[Any]:
    """Return the values of an axis, which are separated by commas or written as a JSON list."""
    if text.lstrip().startswith("["):
        try:
            return msgspec.json.decode(text, type=list[Any])
        except (msgspec.MsgspecError, RecursionError) as error:
            raise UserError(f"--grid {name}: {shorten(text)} is not a JSON list ({error}); write it as {name}=[1, 2]") from None
    values: list[Any] = text.split(",")
    if (
        kind is str and len(values) > 1 and any(value != value.strip() for value in values)
    ):  # the comma is probably part of a text
        whole = shlex.quote(f"{name}={json.dumps([text], ensure_ascii=False)}")
        raise UserError(
            f"--grid {name}: '{shorten(text)}' is read as {len(values)} values, some with spaces at their ends; write values "
            f"that contain a comma as a JSON list, such as --grid {whole}, and others without spaces"
        )
    return values


def _value(name: str, of: FieldType, given: Any) -> Any:
    """Return a value of an axis, from a text or from an item of a JSON list."""
    if not of.several:
        return _item(name, of.item, given)
    return tuple(_item(name, of.item, part) for part in (given.split(":") if isinstance(given, str) else _listed(given)))


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _item(name: str, kind: type, given: Any) -> Any:
    if isinstance(given, str) or (type(given) is int and kind is not str) or type(given) is kind is float:
        with suppress(ValueError):
            return kind(given)
    raise UserError(f"--grid {name}: '{shorten(str(given))}' is not {KINDS.get(kind, kind.__name__)}")
