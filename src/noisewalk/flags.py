"""Command lines as dataclasses: every flag of a command comes from a field of its request."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import types
import typing
from collections.abc import Collection, Sequence
from dataclasses import MISSING, Field, field, fields, make_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro

from .checking import checked
from .errors import UserError
from .fields import default_of, help_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

D = TypeVar("D", bound="DataclassInstance")


def command_line(*requests: type, without: Collection[str] = ()) -> type[Any]:
    """Return a dataclass with the fields of several requests, which tyro turns into flags.

    If two fields have the same name, the last one counts.

    Args:
        requests: the requests; the command gets the name and the docstring of the first.
        without: the names of fields to leave out.
    """
    hints = {name: hint for request in requests for name, hint in typing.get_type_hints(request).items()}
    known = {f.name: f for request in requests for f in fields(request) if f.name not in without}
    made = [(f.name, _annotated(f, hints[f.name]), default_of(f)) for f in known.values()]
    made.sort(key=lambda each: each[2] is not MISSING)
    listed: list[Any] = [(n, t) if d is MISSING else (n, t, field(default=d)) for n, t, d in made]
    command = make_dataclass(requests[0].__name__, listed)
    command.__doc__ = requests[0].__doc__
    return command


def part(command: object, request: type[D], without: Collection[str] = ()) -> D:
    """Return one of the requests of a parsed command line; the fields that are left out have their defaults."""
    known = [f.name for f in fields(request) if f.name not in without and hasattr(command, f.name)]
    return request(**{name: getattr(command, name) for name in known})


def read(request: type[D], arguments: Sequence[str], command: str) -> D:
    """Return the checked request of a command line.

    Raises:
        UserError: the arguments do not fit.
    """
    return checked(part(parse(command_line(request), arguments, f"noisewalk {command}"), request))


def parse(kind: type[D], arguments: Sequence[str], prog: str) -> D:
    """Parse arguments into a dataclass; the boxes in which tyro explains errors become messages of one line.

    Raises:
        UserError: the arguments do not fit.
    """
    if any("\0" in argument for argument in arguments):
        raise UserError("an argument contains a null character, which no text and no file name can contain; leave it out")
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(kind, prog=prog, args=expanded(arguments), config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        why = _one_line(captured.getvalue()) or "these arguments do not fit"
        raise UserError(f"{why}{_dashed(why, arguments)}; see {prog} --help") from None


def expanded(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the user's home folder for a leading `~/`, also after `--flag=`, where no shell does it."""
    parts = (re.fullmatch(r"(--[\w-]+=)?(~(?:/.*)?)", argument, re.DOTALL) for argument in arguments)
    pairs = zip(arguments, parts, strict=True)
    return [f"{found[1] or ''}{os.path.expanduser(found[2])}" if found else argument for argument, found in pairs]


def _one_line(box: str) -> str:
    inside = re.sub(r"[│╭╮╰╯─]+", " ", box)
    inside = re.sub(r"(?m)^[ \t]*[|+]|[|+][ \t]*$|-{4,}", " ", inside)  # terminals without line characters get these
    words = re.sub(r"\s+", " ", inside).strip()
    words = re.sub(r"^(Value error|Unrecognized options|Required options|Parsing error)\s+", "", words)
    words = re.sub(r"no type matching \{None\}\|? ?(\w+) could be instantiated from \['(.*?)'\]", r"'\2' is not \1", words)
    return re.split(r" (?:Got errors|Argument helptext|For full helptext)", words)[0].strip(" .")


def _dashed(why: str, arguments: Sequence[str]) -> str:
    """Return a hint for a value that begins with a dash and was therefore read as a flag."""
    for flag, value in pairwise(arguments):
        if f"'{flag}'" in why and value.startswith("-"):
            return f"; a value that begins with - is written with =, as {flag}={shlex.quote(value)}"
    dashed = next((a for a in arguments if re.match(r"-[^-\d\s]", a)), None)
    return f"; text that begins with - goes after --, as -- {shlex.quote(dashed)}" if dashed else ""


def _annotated(f: Field[Any], hint: Any) -> Any:
    """Return the type as which tyro parses a field, with its help text."""
    optional = type(None) in typing.get_args(hint)
    kind = next(each for each in typing.get_args(hint) if each is not type(None)) if optional else hint
    shown = None
    several = typing.get_origin(kind) is Sequence
    if f.metadata.get("role"):
        kind, shown = str, f.metadata["role"].upper()
    if f.metadata.get("positional"):
        shown = shown or f.name.removesuffix("s" if several else "").upper()
        shown = f"[{shown} ...]" if several else shown if f.default is MISSING else f"[{shown}]"
    item = typing.get_args(kind)[0] if several else kind
    if several:
        kind = types.GenericAlias(tuple, (item, ...))
    if optional:  # shows INT instead of {None}|INT
        shown = shown or (f"[{item.__name__.upper()} ...]" if several else item.__name__.upper())
    unset = f"(default: {f.metadata['unset']})" if f.metadata.get("unset") else ""
    hint = unset if f.default in (None, ()) else "(required)" if several and f.default is MISSING else None
    note = tyro.conf.arg(help=help_of(f), metavar=shown, help_behavior_hint=hint)
    positional = (tyro.conf.Positional,) if f.metadata.get("positional") else ()
    return Annotated[(kind | None if optional else kind, note, *positional)]
