"""A command as one types it, as one calls it in Python, and what is said below its figure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ..commands import Job
from ..fields import default_of
from ..requests import RunSpec
from ..techniques.requests import seeds
from .markdown import unused

MOST = 1200
"""Characters of a caption."""
OBJECTIVES = {
    "denoiser": "a one-step denoiser",
    "pure-noise": "a denoiser that sees only noise",
    "ddpm": "a network that predicts the noise (DDPM)",
    "flow": "flow matching",
    "distil": "a student of few calls (distillation)",
    "classifier": "the digit reader",
}
"""What is trained, in words."""
WORDS: dict[tuple[str, Any], str] = {
    **{("objective", name): words for name, words in OBJECTIVES.items()},
    ("recipe", "course"): "the course's recipe",
    ("recipe", "fast"): "noisewalk's recipe",
    ("data", "mnist-sample"): "on the 5,000 digits that come with noisewalk",
    ("data", ...): "on {}",
    ("classes", True): "told the class",
    ("classes", False): "not told the class",
    ("epochs", None): "as many passes over the data as the recipe has",
    ("epochs", ...): "{:g} passes over the data",
    ("learning_rate", None): "the recipe's learning rate",
    ("learning_rate", ...): "learning rate {:g}",
    ("decay", None): "the recipe's decay of the learning rate",
    ("decay", "none"): "a learning rate that stays",
    ("decay", ...): "a learning rate that falls ({} decay)",
    ("network", None): "the recipe's network",
    ("network", ...): "the network {}",
    ("batch_size", None): "the recipe's batches",
    ("batch_size", ...): "batches of {}",
    ("init", None): "from random weights",
    ("init", ...): "from the weights of {}",
    ("dtype", None): "in the recipe's dtype",
    ("dtype", ...): "computed in {}",
}
"""Settings of a training in words, by name and value; ... stands for any other value than None."""


def command_line(words: Sequence[str], *also: str) -> str:
    """A command line that makes the figure again."""
    return shlex.join(["noisewalk", *words, *also])


def python(jobs: Sequence[Job], loading: dict[str, Any]) -> str:
    """The calls that make the figure again.

    Args:
        jobs: one, or all combinations of some lists of values.
        loading: options of `load`.
    """
    first, verb = jobs[0], jobs[0].technique
    held = {
        f.name: {repr(value): _plain(value) for value in (getattr(job.request, f.name) for job in jobs)}
        for f in fields(first.request)
    }
    lists = {name: list(values.values()) for name, values in held.items() if len(values) > 1}
    options = "".join(f", {name}={value!r}" for name, value in loading.items())
    head, load = "import noisewalk as nw\n", f"\nmodel = nw.load({first.model!r}{options})\n"
    if not lists:
        return f"{head}{load}nw.{verb}({_arguments(first, lists)}).save({verb!r})\n"
    body = f'    nw.{verb}({_arguments(first, lists)}).save(f"{verb}-{{number}}")\n'
    if len(lists) == 1:
        [(name, values)] = lists.items()
        return f"{head}{load}for number, {name} in enumerate({values!r}):\n{body}"
    each = f"for number, ({', '.join(lists)}) in enumerate(product({', '.join(map(repr, lists.values()))})):\n"
    return f"from itertools import product\n\n{head}{load}{each}{body}"


def _arguments(job: Job, lists: Mapping[str, Any]) -> str:
    """The arguments of a call; those that have lists are variables."""
    held = [(f, getattr(job.request, f.name)) for f in fields(job.request)]
    given = [(f, value) for f, value in held if f.name in lists or value != default_of(f) or f.default is MISSING]
    said = [(f, f.name if f.name in lists else repr(_plain(value))) for f, value in given]
    placed = [text for f, text in said if f.metadata.get("positional")]
    named = [f"{f.name}={text}" for f, text in said if not f.metadata.get("positional")]
    return ", ".join(["model", *placed, *named])


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
    for f in fields(job.request):
        value = getattr(job.request, f.name)
        if f.metadata.get("role"):
            if value is not None:
                placed.append(Path(str(value)).name)
        elif f.metadata.get("positional") or f.name == "prompt":
            placed += [_quoted(each) for each in ((value,) if isinstance(value, str) else value)]
        elif value != default_of(f) and value not in (None, ()) and f.name not in ("seed", "num", "seeds"):
            named.append(f"{f.name.replace('_', ' ')} {_short(value)}")
    named.append(_seeds(seeds(job.request)))
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
    """What a run was asked to be: its objective and the settings that are not the usual ones.

    >>> training_caption(RunSpec("flow", classes=True, epochs=2, decay="none"))
    'Training of flow matching: told the class, 2 passes over the data, a learning rate that stays'
    """
    said = [_setting(f.name, getattr(spec, f.name)) for f in fields(spec)[1:] if getattr(spec, f.name) != f.default]
    return f"Training of {OBJECTIVES.get(spec.objective, spec.objective)}{': ' if said else ''}{', '.join(said)}"


def differences(specs: Sequence[RunSpec]) -> list[str]:
    """What tells each of some trainings from the others; no two of the names are the same.

    >>> differences([RunSpec("flow", learning_rate=0.01), RunSpec("flow", learning_rate=0.01, seed=1)])
    ['seed 0', 'seed 1']
    """
    differ = [f.name for f in fields(RunSpec) if len({getattr(spec, f.name) for spec in specs}) > 1]
    taken: set[str] = set()
    return [unused(", ".join(_setting(name, getattr(spec, name)) for name in differ) or "the same", taken) for spec in specs]


def _setting(name: str, value: Any) -> str:
    """A setting of a training in words; one that has none is named as the command line names it."""
    words = WORDS.get((name, value)) or WORDS.get((name, ...))
    return words.format(value) if words else f"{name.replace('_', ' ')} {_short(value)}"


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
