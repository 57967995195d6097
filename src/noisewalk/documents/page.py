"""Pages from templates; everything that is put into them is escaped, and only the page's own script may run."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from ..images import open_image, read_file, size_of
from ..report.page import filled
from ..version import __version__
from .store import Cell, Compare, Figure, Turn

TEMPLATES = Path(__file__).parent / "templates"
KINDS = {".png": "png", ".webp": "webp", ".gif": "gif"}


@dataclass(frozen=True)
class PageFigure:
    """A figure on its page.

    Args:
        figure: the figure; None if its command failed.
        folder: the folder of its files.
        shows: the parts of it that are shown.
        name: the name for links to it.
        caption: the caption below it.
        note: a further sentence below it.
        command: the command line that makes it again.
        python: the Python call that makes it again.
        error: the error of the command.
        wide: whether it takes the whole width of a block of several columns.
    """

    figure: Figure | None
    folder: Path
    shows: frozenset[str]
    name: str = ""
    caption: str = ""
    note: str = ""
    command: str = ""
    python: str = ""
    error: str = ""
    wide: bool = False

    def has(self, show: str) -> bool:
        """Return whether a part is shown."""
        return show in self.shows

    def source(self, file: str) -> tuple[str, int]:
        """Return a file of the figure as a data URL, and its width in pixels."""
        return _source((self.folder / file).read_bytes(), file)

    def turn(self, turn: Turn) -> str:
        """Return the views of an anagram as JSON for the script."""
        looks = [msgspec.to_builtins(look) | {"src": self.source(look.file)[0] if look.file else ""} for look in turn.looks]
        return _json({"looks": looks})

    def prompts(self, cell: Cell) -> str:
        """Return the prompts of a hybrid as JSON for the script."""
        near, _, far = cell.caption.partition(" / ")
        return _json({"near": near, "far": far})

    def after(self, compare: Compare) -> str:
        """Return the pictures after an edit as JSON for the script."""
        return _json([{"src": self.source(cell.file)[0], "alt": cell.alt} for cell in compare.after])


def block(figures: Sequence[PageFigure], columns: int) -> str:
    """Return the HTML of a fence."""
    return filled(TEMPLATES, "block.html", figures=figures, columns=columns or 1)


def page(title: str, lead: str, body: str, headings: Sequence[tuple[str, str]], above: str = "") -> str:
    """Return a self-contained page. A document that begins with a heading of the first level has it instead of the title.

    Args:
        title: the title.
        lead: the text below the title.
        body: the HTML of the document, from `markdown.rendered`.
        headings: (id, text) of its headings.
        above: the name of the page of contents above this one, or "".
    """
    own, end, rest = body.partition("</h1>") if body.startswith("<h1") else ("", "", body)
    script = _text("turning.js") + _text("page.js")
    return filled(
        TEMPLATES,
        "page.html",
        title=title,
        lead=lead,
        own_heading=own + end,
        body=rest,
        headings=headings,
        above=above,
        style=_text("style.css"),
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        footer=footer(),
    )


def contents(title: str, pages: Sequence[Any]) -> str:
    """Return the page of contents of several documents, each with `title`, `lead`, `address` and `headings`."""
    return filled(TEMPLATES, "contents.html", title=title, pages=pages, style=_text("style.css"), footer=footer())


def footer() -> str:
    """Return a line with the versions that made the page."""
    return f"noisewalk {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads."


def embedded(path: Path) -> str:
    """Return a picture of the prose as a data URL.

    Raises:
        UserError: there is no such file, or it is not a picture.
    """
    data = read_file(path)
    image = open_image(path)
    if path.suffix.lower() in KINDS:
        return _source(data, path.name)[0]
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return _source(buffer.getvalue(), "x.png")[0]


def _source(data: bytes, file: str) -> tuple[str, int]:
    kind = KINDS[Path(file).suffix.lower()]
    width = size_of(data, file, ("PNG", "WEBP", "GIF"))[0]
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}", width


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
