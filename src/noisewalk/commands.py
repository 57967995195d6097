"""Command lines <-> specs: every flag of a technique comes from its spec's fields."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shlex
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, make_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import tyro

from .errors import UserError, unknown
from .files import slug
from .models.loading import CascadeLoading


@dataclass(frozen=True)
class Job:
    """A parsed command line of a technique.

    Args:
        verb: which technique.
        spec: what to make.
        model: name of the model to make it with.
        out: where to, a .png file or a folder; None for `place`.
        trajectory: whether the walk itself is wanted too.
        loading: options of `load` for that model.
    """

    verb: str
    spec: Any
    model: str
    out: Path | None
    trajectory: bool
    loading: Mapping[str, Any] = field(default_factory=dict)


MODEL_HELP = "a name of `noisewalk models`, a file, a folder, or a hub id; auto: digits if the prompts name digits, else emoji"
MOST_BYTES = 100_000_000
"""Of an input file; a larger one is refused where it is used."""
PROMPTS = ("prompt", "prompts", "far", "near")
"""Fields of specs that hold prompts."""


def chosen(model: str, spec: Any) -> str:
    """The name of the model meant by "auto": digits if the spec's prompts name digits, else emoji."""
    if model != "auto":
        return model
    from .models.zoo import model_for

    held = [getattr(spec, name) for name in PROMPTS if hasattr(spec, name)]
    prompts = [prompt for each in held for prompt in ((each,) if isinstance(each, str) else each)]
    return model_for(prompts)


def technique_command(verb: str) -> type[Any]:
    """A dataclass with a technique's spec fields and where to put the result, for tyro to turn into flags."""
    from .techniques import TECHNIQUES

    spec = TECHNIQUES[verb].spec
    hints = typing.get_type_hints(spec)
    made: list[tuple[str, Any, Any]] = []
    for f in fields(spec):
        hint = "(default: the model's)" if _default(f) is None else None
        note: list[Any] = [tyro.conf.arg(help=f.metadata["help"], metavar=_metavar(hints[f.name]), help_behavior_hint=hint)]
        if f.metadata.get("positional"):
            note.append(tyro.conf.Positional)
        made.append((f.name, Annotated[(_flag_type(hints[f.name]), *note)], _default(f)))
    made += [
        ("model", Annotated[str, tyro.conf.arg(help=MODEL_HELP)], "auto"),
        ("out", Annotated[Path | None, tyro.conf.arg(help="a .png file, or a folder; default out/...")], None),
        ("trajectory", Annotated[bool, tyro.conf.arg(help="also save the walk as a filmstrip and a GIF")], False),
        ("loading", tyro.conf.OmitArgPrefixes[CascadeLoading], CascadeLoading()),
    ]
    required = [m for m in made if m[2] is MISSING]
    optional = [m for m in made if m[2] is not MISSING]
    command = make_dataclass(
        verb.title(), [(n, t) for n, t, _ in required] + [(n, t, field(default=d)) for n, t, d in optional]
    )
    command.__doc__ = spec.__doc__
    return command


def job(verb: str, command: Any) -> Job:
    """A parsed technique command as a `Job`."""
    from .techniques import TECHNIQUES

    spec = TECHNIQUES[verb].spec
    made = spec(**{f.name: getattr(command, f.name) for f in fields(spec)})
    return Job(verb, made, chosen(command.model, made), command.out, command.trajectory, asdict(command.loading))


def place(job: Job, weights: str) -> Path:
    """The folder for the result of a job that names none; no other request has the same.

    Args:
        weights: fingerprint of the model's weights.
    """
    return Path("out") / default_name(job.verb, job.spec, job.model, weights, job.loading)


def parse_technique(line: str) -> Job:
    """A technique's command line, as one would type it after `noisewalk`."""
    from .techniques import TECHNIQUES

    verb, *rest = shlex.split(line)
    if verb not in TECHNIQUES:
        raise unknown("technique", verb, TECHNIQUES)
    return job(verb, parse(technique_command(verb), rest, f"noisewalk {verb}"))


def parse(kind: Any, arguments: Sequence[str], prog: str, description: str | None = None) -> Any:
    """Parse arguments into a dataclass; what tyro explains in a box becomes one line.

    Raises:
        UserError: the arguments do not fit.
    """
    if any("\0" in argument for argument in arguments):
        raise UserError("an argument holds a null character, which no text and no file name can; leave it out")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(
                kind, prog=prog, args=expanded(arguments), description=description, config=(tyro.conf.FlagCreatePairsOff,)
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        why = _one_line(said.getvalue()) or "these arguments do not fit"
        raise UserError(f"{why}{_dashed(why, arguments)}; see {prog} --help") from None


def expanded(arguments: Sequence[str]) -> list[str]:
    """Arguments with a leading `~/` made the user's home folder, also after `--flag=`, where no shell does that."""
    parts = (re.fullmatch(r"(--[\w-]+=)?(~(?:/.*)?)", argument, re.DOTALL) for argument in arguments)
    pairs = zip(arguments, parts, strict=True)
    return [f"{found[1] or ''}{os.path.expanduser(found[2])}" if found else argument for argument, found in pairs]


def _one_line(box: str) -> str:
    words = re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]+", " ", box)).strip()
    words = re.sub(r"^(Value error|Unrecognized options|Required options|Parsing error)\s+", "", words)
    words = re.sub(r"no type matching \{None\}\|? ?(\w+) could be instantiated from \['(.*?)'\]", r"'\2' is not \1", words)
    return re.split(r" (?:Got errors|Argument helptext|For full helptext)", words)[0].strip(" .")


def _dashed(why: str, arguments: Sequence[str]) -> str:
    """A hint for a value that begins with a dash, and so was taken for a flag."""
    for flag, value in pairwise(arguments):
        if f"'{flag}'" in why and value.startswith("-"):
            return f"; a value that begins with - is written with =, as {flag}={shlex.quote(value)}"
    dashed = next((a for a in arguments if re.match(r"-[^-\d\s]", a)), None)
    return f"; text that begins with - goes after --, as -- {shlex.quote(dashed)}" if dashed else ""


def default_name(verb: str, spec: Any, *also: object) -> str:
    """A folder name that begins with what a person can read, and ends with a digest of the whole request.

    Args:
        also: what else tells the request from others, such as the model.

    >>> from noisewalk.techniques.generate import Generate
    >>> default_name("generate", Generate("a seven", seed=3), "digits")[:-8]
    'generate-a-seven-seed3-'
    """
    words: list[str] = []
    for f in fields(spec):
        value = getattr(spec, f.name)
        if f.metadata.get("positional") or f.name == "prompt":
            words += [Path(v).stem if f.metadata.get("role") else v for v in ([value] if isinstance(value, str) else value)]
    return f"{slug(' '.join([verb, *words]))}-seed{spec.seed}-{digest(verb, spec, *also)}"


def digest(verb: str, spec: Any, *also: object) -> str:
    """Eight characters that differ between any two requests: of all settings, and of what the input files hold."""
    held = {f.name: _held(getattr(spec, f.name), f.metadata.get("role")) for f in fields(spec)}
    text = json.dumps([verb, held, also], default=repr, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _held(value: Any, role: str | None) -> Any:
    """A value of a spec for its digest: of files the contents, wherever they lie."""
    names = [str(value)] if role else re.findall(r"file:(\S+)", " ".join(map(str, value))) if isinstance(value, tuple) else []
    found = []
    for name in names:
        path = Path(name)
        with contextlib.suppress(OSError, ValueError):  # what cannot be read is refused where it is used
            found.append(hashlib.sha256(path.read_bytes()).hexdigest() if 0 < path.stat().st_size <= MOST_BYTES else "")
    return found if role and found else [value, found]


def _default(f: Any) -> Any:
    return f.default if f.default_factory is MISSING else f.default_factory()


def _flag_type(hint: Any) -> Any:
    """The type tyro parses a spec's field as: file names for pictures, tuples for sequences."""
    from .techniques.spec import Source

    if hint == Source:
        return str
    if hint == Source | None:
        return str | None
    if typing.get_origin(hint) is Sequence:
        return types.GenericAlias(tuple, (*typing.get_args(hint), ...))
    return hint


def _metavar(hint: Any) -> str | None:
    """INT rather than {None}|INT for what may be left to the model."""
    from .techniques.spec import Source

    if hint == Source | None:
        return "PICTURE"
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    if len(kinds) != 1 or type(None) not in typing.get_args(hint):
        return None
    several = typing.get_origin(kinds[0]) is Sequence
    return f"[{typing.get_args(kinds[0])[0].__name__.upper()} ...]" if several else str(kinds[0].__name__).upper()
