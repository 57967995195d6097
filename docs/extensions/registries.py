"""Pages that are written from the registries: a row that is added to one appears on the site without another edit.

A page that begins with the comment `% registries` is a Jinja template, and sees the names of `CONTEXT`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

import jinja2
from sphinx.application import Sphinx

import noisewalk
from noisewalk.cli.main import OWN
from noisewalk.commands import Job, parse_technique
from noisewalk.fields import default_of, help_of
from noisewalk.guidance import SPLITS, THRESHOLDS, VIEWS
from noisewalk.requests import CascadeLoading, Output
from noisewalk.techniques import TECHNIQUES
from noisewalk.walk import GRIDS, STEP_RULES

MARK = "% registries\n"
WIDTH = 76
"""Characters of a line of code that the page shows without a scroll bar."""


@dataclass(frozen=True)
class Example:
    """A technique as the gallery shows it.

    Args:
        name: the name of its command and function.
        summary: the first sentence of its docstring.
        equation: its equation in LaTeX, or "".
        text: the rest of the docstring; with an equation, only the sentences after the plain form of it.
        command: a command line.
        python: the same request as a Python call.
        options: its fields.
    """

    name: str
    summary: str
    equation: str
    text: str
    command: str
    python: str
    options: Sequence[Field[Any]]


def examples() -> Iterator[Example]:
    """Return every technique of the registry."""
    for name, row in TECHNIQUES.items():
        summary, _, text = inspect.cleandoc(row.request.__doc__ or "").partition("\n")
        said = re.split(r"\.\s(?=[A-Z])", text, maxsplit=1)[1:] if row.equation else [text]
        job = parse_technique(row.example)
        options = sorted(fields(row.request), key=lambda each: bool(each.kw_only))
        yield Example(
            name, summary, row.equation, " ".join(said).strip(), command(f"noisewalk {row.example}"), call(job), options
        )


def other_commands() -> Iterator[tuple[str, str, Sequence[Field[Any]]]]:
    """Return name, first sentence and options of the commands that are not techniques."""
    for name, row in OWN.items():
        yield name, summary(row.request), fields(row.request)


def call(job: Job) -> str:
    """Return a request as a call of its Python function; the pictures are those that come with noisewalk.

    >>> print(call(parse_technique("anagram 6 9 --views identity rotate180 --seed 7")))
    nw.anagram("digits", ["6", "9"], ["identity", "rotate180"], seed=7)
    >>> print(call(parse_technique("edit fox.png --start 1 5")))
    nw.edit("emoji", pictures / "fox.png", start=[1, 5])
    """
    arguments = [f'"{job.model}"']
    given = True
    for each in sorted(fields(job.request), key=lambda each: bool(each.kw_only)):
        value = getattr(job.request, each.name)
        given = given and not each.kw_only
        if given or value != default_of(each):
            arguments.append(_value(value, each) if given else f"{each.name}={_value(value, each)}")
    line = f"nw.{job.technique}({', '.join(arguments)})"
    return line if len(line) <= WIDTH else f"nw.{job.technique}(\n    " + ",\n    ".join(arguments) + ",\n)"


def command(line: str) -> str:
    """Return a command line, with its options on separate lines if it is long.

    >>> print(command("noisewalk denoise emoji-fox.png --prompt 'a fox face' --guidance-scale 1 --t 500 690 840 --method all"))
    noisewalk denoise emoji-fox.png \\
        --prompt 'a fox face' --guidance-scale 1 --t 500 690 840 --method all
    """
    return line if len(line) <= WIDTH else line.replace(" --", " \\\n    --", 1)


def _value(value: Any, each: Field[Any]) -> str:
    if each.metadata.get("role") and value:
        return f'pictures / "{value}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return _literal(value)


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and not set(value) & set('"\\\n') else repr(value)


def modules(package: str) -> list[str]:
    """Return the public modules of a package of noisewalk, sorted by name; for a module, the module itself."""
    found = importlib.import_module(f"noisewalk.{package}")
    names = [each.name for each in pkgutil.walk_packages(getattr(found, "__path__", []), f"noisewalk.{package}.")]
    return [name for name in names if inspect.getdoc(importlib.import_module(name))] or [f"noisewalk.{package}"]


def option_rows(options: Sequence[Field[Any]]) -> list[tuple[str, str, str]]:
    """Return name, default and help text of the fields of a request."""
    return [(each.name, _shown(each), help_of(each).replace("|", "\\|")) for each in options]


def _shown(each: Field[Any]) -> str:
    value = default_of(each)
    if value is MISSING:
        return "needed"
    if value is None:
        return str(each.metadata.get("unset")) or "none"
    return "none" if value in ((), "") else f"`{_literal(value)}`"


def summary(thing: Any) -> str:
    """Return the first sentence of a docstring for a cell of a table; a lazy function is loaded first."""
    name = getattr(thing, "__name__", "")
    thing = pkgutil.resolve_name(name) if ":" in name else thing
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


CONTEXT: dict[str, Any] = {
    "noisewalk": noisewalk,
    "examples": examples,
    "modules": modules,
    "other_commands": other_commands,
    "option_rows": option_rows,
    "output_options": (*fields(Output), *fields(CascadeLoading)),
    "summary": summary,
    "VIEWS": VIEWS,
    "STEP_RULES": STEP_RULES,
    "GRIDS": GRIDS,
    "SPLITS": SPLITS,
    "THRESHOLDS": THRESHOLDS,
}


def render(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill in a page that is a template."""
    if source[0].startswith(MARK) or f"\n{MARK}" in source[0][:400]:
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)
        pages = {file.stem for file in Path(app.srcdir).glob("*.md")}
        source[0] = environment.from_string(source[0]).render(CONTEXT, pages=pages)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", render)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
