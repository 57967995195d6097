"""Fields of requests: their help texts, bounds and choices stand here once, and everything else reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def option(
    default: Any,
    help: str,
    least: float | None = None,
    most: float | None = None,
    *,
    pixels: bool = False,
    choices: Collection[str | int] = (),
    rule: tuple[str, Callable[[Any], bool]] | None = None,
    unset: str = "",
) -> Any:
    """Return a keyword field of a request.

    Args:
        default: its default.
        help: its help text.
        least: the smallest value, included; of each item, for sequences.
        most: the largest value, included; of each item, for sequences.
        pixels: whether it is a length in pixels, which grows with the picture in upsampling stages.
        choices: the names that are allowed.
        rule: a further condition, in words that follow "must be" and as a function.
        unset: whose value is used if this is None.
    """
    metadata = {"help": help, "least": least, "most": most, "pixels": pixels, "choices": choices, "rule": rule, "unset": unset}
    return field(default=default, metadata=metadata)


def argument(help: str) -> dict[str, Any]:
    """Return the metadata of a positional field: `field(kw_only=False, metadata=argument("..."))`."""
    return {"help": help, "positional": True}


def picture(help: str, role: str = "picture", held: bool = False) -> dict[str, Any]:
    """Return the metadata of a picture that is given by position.

    Args:
        help: its help text.
        role: "picture" or "mask".
        held: whether a part of it is kept in upsampling stages too, so that it is read at their sizes as well.
    """
    return {"help": help, "positional": True, "role": role, "held": held}


def same(request: type[DataclassInstance], name: str, **default: Any) -> Any:
    """Return a field as another request has it."""
    f = next(f for f in fields(request) if f.name == name)
    return field(default=default.get("default", f.default), metadata=f.metadata)


def left_open(request: type[DataclassInstance], name: str, unset: str) -> Any:
    """Return a field as another request has it, except that it may be None, which is its default.

    Args:
        request: the other request.
        name: the name of the field.
        unset: whose value is used if it is None.
    """
    f = next(f for f in fields(request) if f.name == name)
    return field(default=None, metadata={**f.metadata, "unset": unset})


def default_of(f: Field[Any]) -> Any:
    """Return the default of a field; MISSING if it has none."""
    return f.default if f.default_factory is MISSING else f.default_factory()


def help_of(f: Field[Any]) -> str:
    """Return the help text of a field, with the names that are allowed, unless the text contains them already.

    >>> from noisewalk.techniques.requests import Walk
    >>> help_of(Walk.__dataclass_fields__["threshold"])
    'how x0 is kept in the range of pictures: none, clip, dynamic'
    """
    text, choices = str(f.metadata["help"]), [str(name) for name in f.metadata.get("choices", ())]
    return text if all(name in text for name in choices) else f"{text}: {', '.join(choices)}"
