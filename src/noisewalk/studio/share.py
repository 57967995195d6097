"""Requests as commands, as Python, and as parts of a report document."""

from __future__ import annotations

import io
import re
import shlex
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any

from ..errors import UserError
from ..images import Picture, encode_png
from ..models.pretrained import Defaults
from ..run.record import Record
from ..run.result import Result
from ..techniques.requests import Request, seeds


def entry(result: Result, png: str, small: str, index: int | None) -> dict[str, Any]:
    """Return what the history of the page keeps of a picture.

    Args:
        result: the result.
        png: the data URL of the PNG that remembers how it was made.
        small: the data URL of the picture to show.
        index: the number of the picture among the result's; None for all of them.
    """
    name, defaults = result.model.name, result.model.defaults_of(result.technique)
    seed = seeds(result.request)[(index or 0) % len(seeds(result.request))]
    return {
        "png": png,
        "small": small,
        "verb": result.technique,
        "seed": seed,
        "title": title(result.technique, result.request),
        "command": command(result.technique, result.request, name, defaults),
        "python": python(result.technique, result.request, name, defaults),
    }


def title(technique: str, request: Request) -> str:
    """Return a request in a few words."""
    return f"{technique}: {' / '.join(texts(request))}" if any(texts(request)) else technique


def texts(request: Request) -> list[str]:
    """Return all prompts of a request."""
    held = [getattr(request, name, ()) for name in ("prompt", "prompts", "far", "near")]
    return [text for each in held for text in ((each,) if isinstance(each, str) else each)]


def command(technique: str, request: Request, model: str, defaults: Defaults, names: Mapping[str, str] | None = None) -> str:
    """Return the command that makes the same pictures.

    Args:
        technique: the name of the technique.
        request: the request.
        model: the name of the model.
        defaults: the defaults of the model for this technique, which are left out.
        names: the file names of the pictures, by field; the fields' own names if None.

    >>> from noisewalk.techniques.anagram import Anagram
    >>> command("anagram", Anagram(("a skull", "9"), seed=7), "digits", Defaults())
    "noisewalk anagram 'a skull' 9 --seed 7 --model digits"
    """
    positional, flags = [], []
    for f, value in _said(request, defaults, names):
        parts = [str(_plain(item)) for item in (value if isinstance(value, tuple) else (value,))]
        if f.metadata.get("positional"):
            positional += parts
        elif parts and parts[0].startswith("-"):
            flags.append(shlex.join([f"--{f.name.replace('_', '-')}={parts[0]}", *parts[1:]]))
        else:
            flags.append(shlex.join([f"--{f.name.replace('_', '-')}", *parts]))
    flags.append(shlex.join(["--model", model]))
    if any(part.startswith("-") for part in positional):
        return " ".join(["noisewalk", technique, *flags, "--", shlex.join(positional)])
    return " ".join(["noisewalk", technique, shlex.join(positional), *flags])


def python(technique: str, request: Request, model: str, defaults: Defaults) -> str:
    """Return the script that makes the same pictures.

    >>> from noisewalk.techniques.generate import Generate
    >>> print(python("generate", Generate("7", seed=3), "digits", Defaults()))
    import noisewalk as nw
    <BLANKLINE>
    result = nw.generate("digits", '7', seed=3)
    result.save("picture.png")
    """
    said = list(_said(request, defaults, None))
    values = [(f, list(value) if isinstance(value, tuple) else value) for f, value in said]
    arguments = [repr(value) for f, value in values if f.metadata.get("positional")]
    arguments += [f"{f.name}={value!r}" for f, value in values if not f.metadata.get("positional")]
    call = ", ".join([f'"{model}"', *arguments])
    single = len(seeds(request)) == 1
    where = '"picture.png"' if single else '"pictures"'
    return f"import noisewalk as nw\n\nresult = nw.{technique}({call})\nresult.save({where})"


def report(records: Sequence[tuple[Record, Defaults]]) -> tuple[str, bytes]:
    """Return a document for `noisewalk report`, as the name of the file and its content.

    It is one Markdown file, or a ZIP archive with the pictures that its commands begin from beside it.

    Raises:
        UserError: a prompt holds line breaks or other characters that cannot be seen.
    """
    parts = ["# My report\n"]
    pictures: dict[str, bytes] = {}
    for number, (record, defaults) in enumerate(records, 1):
        request = record.request
        held = {f.name: value for f in fields(request) if isinstance(value := getattr(request, f.name), Picture)}
        names = {name: f"{number:02d}-{name}.png" for name in held}
        pictures |= {names[name]: encode_png(picture.image) for name, picture in held.items()}
        line = command(record.verb, request, record.model.name, defaults, names).removeprefix("noisewalk ")
        if not line.isprintable():
            raise UserError("a prompt with a line break cannot be in a report, where each command is one line; leave it out")
        fence = "`" * (1 + max([2, *map(len, re.findall("`+", line))]))  # longer than any in a prompt
        head = f"## {_one_line(title(record.verb, request))}\n\nWrite here what you see."
        parts.append(f"{head}\n\n{fence}noisewalk\n{line}\n{fence}\n")
    text = "\n".join(parts)
    if not pictures:
        return "report.md", text.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"report.md": text.encode(), **pictures}.items():
            archive.writestr(name, data)
    return "report.zip", buffer.getvalue()


def _said(request: Request, defaults: Defaults, names: Mapping[str, str] | None) -> Iterator[tuple[Field[Any], Any]]:
    """Return the fields that a command must name, and their values."""
    for f in fields(request):
        value = getattr(request, f.name)
        value = tuple(value) if isinstance(value, list) else value
        if f.metadata.get("role"):
            if value is not None:
                yield f, (names or {}).get(f.name, f"{f.name}.png")
        elif f.default is MISSING or (value != f.default and not _is_default(f, value, defaults)):
            yield f, value


def _is_default(f: Field[Any], value: Any, defaults: Defaults) -> bool:
    """Return whether a field that is left to the model has the value that the model would choose."""
    if f.default is not None or not hasattr(defaults, f.name):
        return False
    own = getattr(defaults, f.name)
    return bool(value == (tuple(own) if isinstance(own, list) else own))


def _plain(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else value


def _one_line(text: str) -> str:
    """Return a text for a heading of Markdown, on one line and without marks that Markdown reads."""
    return "".join("\\" + c if c in "\\`*_{}[]()#+-.!<>|" else c for c in " ".join(text.split()))
