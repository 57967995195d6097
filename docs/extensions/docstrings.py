"""Docstrings as reStructuredText: their plain equations and names are shown as they are written.

The docstrings of noisewalk are written for people who read them in an editor. An indented block is an equation, a name
between single backticks is code, and a letter such as the bar of E[x0 | x_t] means itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises):$")
CODE = re.compile(r"(`[^`]+`)")
ITALIC = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]+)(?<=[^\s*])\*(?![\w*])")


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring, so that reStructuredText shows what they say.

    >>> as_rst(["The mean:", "", "    x0 = E[x0 | x_t]", "", "See `past_`, |x|, *a paper*, 2 * x_."])
    ['The mean:', '', '::', '', '    x0 = E[x0 | x_t]', '', 'See `past_`, \\\\|x\\\\|, *a paper*, 2 \\\\* x\\\\_.']
    """
    return list(_converted(lines))


def _converted(lines: list[str]) -> Iterator[str]:
    section = equation = False
    for number, line in enumerate(lines):
        indented = line.startswith("    ")
        if line.strip() and not indented:
            section, equation = bool(SECTION.match(line)), False
        if indented and not section and not equation and not (number and lines[number - 1].strip()):
            equation = True
            yield from ("::", "")
        yield line if equation or line.lstrip().startswith(">>>") else _escaped(line)


def _escaped(line: str) -> str:
    parts = [part if part.startswith("`") else _plain(part) for part in CODE.split(line)]
    return re.sub(r"(?<=\0)(?=\w)", r"\\ ", "\0".join(parts)).replace("\0", "")


def _plain(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("|", "\\|")
    text = re.sub(r"(?<=\w)_(?!\w)", r"\\_", text)
    kept = ITALIC.sub("\1\\1\1", text)
    return kept.replace("*", "\\*").replace("\1", "*")


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Convert a docstring in place, before its sections are read."""
    app.env.temp_data["docstring"] = as_rst(lines)
    lines[:] = app.env.temp_data["docstring"]


def restore(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Undo what reading its sections does to the docstring of a value: what stands before a colon is not its type."""
    if what in ("attribute", "data"):
        lines[:] = app.env.temp_data["docstring"]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
