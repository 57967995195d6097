"""Command lines of techniques: what they request, and where the result is saved."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import UserError, unknown
from .files import slug
from .flags import command_line as command_line
from .flags import expanded as expanded
from .flags import parse as parse
from .flags import part as part
from .flags import read as read
from .requests import CascadeLoading, Output
from .techniques import TECHNIQUES
from .techniques.requests import Request, prompts_of


@dataclass(frozen=True)
class Job:
    """A parsed command line of a technique.

    Args:
        technique: the name of the technique.
        request: the request.
        model: the name of the model.
        out: the .png file or the folder to write; None for the folder that `place` returns.
        trajectory: whether the walk is saved too.
        loading: the options of `load` for that model.
        show_t: the timesteps of the states in a filmstrip; () for evenly spaced ones.
    """

    technique: str
    request: Request
    model: str
    out: Path | None
    trajectory: bool
    loading: Mapping[str, Any] = field(default_factory=dict)
    show_t: Sequence[int] = ()


MOST_BYTES = 100_000_000
"""The most bytes of an input file for a digest; a larger file is refused when it is used."""
MOST_VARIANTS = 64
"""The most requests that one command line with lists may stand for."""


def chosen(model: str, request: Request) -> str:
    """Return the name of a model; "auto" is digits if the prompts of the request name digits, and emoji if not."""
    if model != "auto":
        return model
    from .models.zoo import model_for

    return model_for(prompts_of(request))


def technique_command(technique: str) -> type[Any]:
    """Return the dataclass of a technique's flags: its request, where to save the result, and how to load the model."""
    return command_line(TECHNIQUES[technique].request, Output, CascadeLoading)


def job(technique: str, command: Any) -> Job:
    """Return a parsed command line of a technique as a `Job`."""
    made, output = part(command, TECHNIQUES[technique].request), part(command, Output)
    loading = asdict(part(command, CascadeLoading))
    return Job(technique, made, chosen(output.model, made), output.out, output.trajectory, loading, output.show_t)


def place(job: Job, weights: str) -> Path:
    """Return the folder for the result of a job that names none; every request has a folder of its own.

    Args:
        job: the job.
        weights: the fingerprint of the model's weights.
    """
    return Path("out") / default_name(job.technique, job.request, job.model, weights, job.loading)


LISTED = {"--steps": "steps", "--guidance-scale": "guidance"}
"""The flags whose values may be compared in one figure, and how its columns name them."""
SEVERAL = {"generate": str, "forward": Path, "denoise": Path, "edit": Path}
"""The techniques of one prompt or one picture that compare several in one figure."""


@dataclass(frozen=True)
class Variant:
    """One of the command lines that a command line with lists stands for.

    Args:
        row: the prompt or picture that tells it from the others; "" if they all have the same.
        column: the settings that tell it from the others; "" if they all have the same.
        arguments: the arguments after the name of the technique.
    """

    row: str
    column: str
    arguments: tuple[str, ...]


def variants(technique: str, arguments: Sequence[str]) -> list[Variant]:
    """Return one variant for each combination of step counts, guidance scales, prompts or pictures in a technique's arguments.

    >>> [(v.row, v.column, v.arguments) for v in variants("generate", ["7", "--steps", "10", "20"])]
    [('', '10 steps', ('7', '--steps', '10')), ('', '20 steps', ('7', '--steps', '20'))]
    """
    first = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    placed, rest = list(arguments[:first]), list(arguments[first:])
    rows = [[word] for word in placed] if technique in SEVERAL and len(placed) > 1 else [placed]
    made = [Variant(Path(row[0]).name if SEVERAL.get(technique) is Path else row[0], "", tuple(row)) for row in rows if row]
    made = made if len(made) > 1 else [Variant("", "", tuple(placed))]
    at = 0
    while at < len(rest):
        end = at + 1
        while end < len(rest) and not re.match(r"-[^\d.]", rest[end]):
            end += 1
        values = rest[at + 1 : end]
        lists = [[value] for value in values] if rest[at] in LISTED and len(values) > 1 else [values]
        made = [_with(each, rest[at], some, len(lists) > 1) for each in made for some in lists]
        at = end
    if len(made) > MOST_VARIANTS:
        raise UserError(
            f"these lists stand for {len(made):,} requests, but at most {MOST_VARIANTS} can be compared; give fewer values"
        )
    return made


def _with(variant: Variant, flag: str, values: Sequence[str], listed: bool) -> Variant:
    name = LISTED.get(flag, "")
    setting = f"{values[0]} steps" if name == "steps" else f"{name} {values[0]}" if listed else ""
    column = ", ".join(filter(None, (variant.column, setting))) if listed else variant.column
    return Variant(variant.row, column, (*variant.arguments, flag, *values))


def parse_technique(line: str) -> Job:
    """Parse a technique's command line, without the word `noisewalk`."""
    technique, *rest = shlex.split(line)
    if technique not in TECHNIQUES:
        raise unknown("technique", technique, TECHNIQUES)
    return job(technique, parse(technique_command(technique), rest, f"noisewalk {technique}"))


def default_name(technique: str, request: Request, *also: object) -> str:
    """Return a name for a folder that begins with readable words and ends with a digest of the whole request.

    Args:
        technique: the name of the technique.
        request: the request.
        also: everything else that tells the request from others, such as the model.

    >>> from noisewalk.techniques.requests import Generate
    >>> default_name("generate", Generate("a seven", seed=3), "digits")[:-8]
    'generate-a-seven-seed3-'
    """
    words: list[str] = []
    for f in fields(request):
        value = getattr(request, f.name)
        if value is not None and (f.metadata.get("positional") or f.name == "prompt"):
            words += [Path(v).stem if f.metadata.get("role") else v for v in ([value] if isinstance(value, str) else value)]
    return f"{slug(' '.join([technique, *words]))}-seed{request.seed}-{digest(technique, request, *also)}"


def digest(technique: str, request: Request, *also: object) -> str:
    """Return eight characters that differ between any two requests, from all settings and the contents of the input files."""
    held = {f.name: _held(getattr(request, f.name), f.metadata.get("role")) for f in fields(request)}
    text = json.dumps([technique, held, also], default=repr, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _held(value: Any, role: str | None) -> Any:
    """Return a value of a request for its digest; for files these are their contents, wherever the files are."""
    names = [str(value)] if role else re.findall(r"file:(\S+)", " ".join(map(str, value))) if isinstance(value, tuple) else []
    found = []
    for name in names:
        path = Path(name)
        with contextlib.suppress(OSError, ValueError):  # what cannot be read is refused where it is used
            found.append(hashlib.sha256(path.read_bytes()).hexdigest() if 0 < path.stat().st_size <= MOST_BYTES else "")
    return found if role and found else [value, found]
