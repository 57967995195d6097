"""A command as one types it, as one calls it in Python, and what is said below its figure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ..commands import Job
from ..requests import RunSpec
from ..techniques.spec import seeds

MOST = 1200
"""Characters of a caption."""


def command_line(words: Sequence[str], *also: str) -> str:
    """A command line that makes the figure again."""
    return shlex.join(["noisewalk", *words, *also])


def python(job: Job, loading: dict[str, Any]) -> str:
    """The call that makes the figure again."""
    given = [
        (f, getattr(job.spec, f.name))
        for f in fields(job.spec)
        if getattr(job.spec, f.name) != _default(f) or f.default is MISSING
    ]
    placed = [repr(_plain(value)) for f, value in given if f.metadata.get("positional")]
    named = [f"{f.name}={_plain(value)!r}" for f, value in given if not f.metadata.get("positional")]
    options = "".join(f", {name}={value!r}" for name, value in loading.items())
    call = ", ".join(["model", *placed, *named])
    made = f"nw.{job.technique}({call}).save({job.technique!r})"
    return f"import noisewalk as nw\n\nmodel = nw.load({job.model!r}{options})\n{made}\n"


def train_python(spec: RunSpec, minutes: float | None, folder: str) -> str:
    """The call that trains a run."""
    given = ", ".join(f"{f.name}={getattr(spec, f.name)!r}" for f in fields(spec) if getattr(spec, f.name) != f.default)
    return (
        "from pathlib import Path\n\nfrom noisewalk.run.training import RunSpec, train_into\n\n"
        f'train_into(Path({folder!r}), RunSpec({given}), {minutes!r}, "auto")\n'
    )


def caption(job: Job) -> str:
    """What the figure shows, from the request: its prompts and the settings that are not the usual ones."""
    placed, named = [], []
    for f in fields(job.spec):
        value = getattr(job.spec, f.name)
        if f.metadata.get("role"):
            if value is not None:
                placed.append(Path(str(value)).name)
        elif f.metadata.get("positional") or f.name == "prompt":
            placed += [_quoted(each) for each in ((value,) if isinstance(value, str) else value)]
        elif value != _default(f) and value not in (None, ()) and f.name not in ("seed", "num", "seeds"):
            named.append(f"{f.name.replace('_', ' ')} {_short(value)}")
    named.append(_seeds(seeds(job.spec)))
    text = f"{job.technique} {', '.join(placed)}; {', '.join(named)}"
    return text if len(text) <= MOST else f"{text[:MOST]}…"


def _seeds(chosen: Sequence[int]) -> str:
    """Return seeds in words.

    >>> _seeds([3]), _seeds(range(2, 5)), _seeds([1, 7])
    ('seed 3', 'seeds 2 to 4', 'seeds 1 7')
    """
    if len(chosen) == 1:
        return f"seed {chosen[0]}"
    close = list(chosen) == list(range(chosen[0], chosen[0] + len(chosen)))
    return f"seeds {chosen[0]} to {chosen[-1]}" if close else f"seeds {_short(tuple(chosen[:24]))}"


def training_caption(spec: RunSpec) -> str:
    """What a run was asked to be."""
    said = [
        f"{f.name.replace('_', ' ')} {_short(getattr(spec, f.name))}"
        for f in fields(spec)
        if getattr(spec, f.name) != f.default
    ]
    return f"train {', '.join(said)}"


def _quoted(prompt: str) -> str:
    return f"“{prompt}”" if prompt else "no prompt"


def _short(value: Any) -> str:
    return (
        " ".join(map(_short, value))
        if isinstance(value, tuple | list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value


def _default(f: Any) -> Any:
    return f.default if f.default_factory is MISSING else f.default_factory()
