"""Self-contained HTML pages from templates, which escape all values."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import msgspec

TEMPLATES = Path(__file__).parent / "templates"
WIDE = 700
"""Pixels from which on a picture is too wide for a phone, and scrolls there."""


@dataclass(frozen=True)
class Picture:
    """A picture for the template.

    Args:
        alt: the alternative text.
        source: the data URI of the file.
        wide: whether the picture is too wide for a phone.
    """

    alt: str
    source: str
    wide: bool


@dataclass(frozen=True)
class Shown:
    """Pictures with text.

    Args:
        text: preformatted text below the pictures, or "".
        images: (alternative text, content of a PNG or GIF file) of each picture.
        note: a sentence about the pictures, or "".
    """

    text: str
    images: Sequence[tuple[str, bytes]]
    note: str = ""

    @property
    def pictures(self) -> list[Picture]:
        """Return the images for the template."""
        return [Picture(alt, address(data), data[:4] == b"\x89PNG" and _width(data) > WIDE) for alt, data in self.images]


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Args:
        title: its title.
        idea: its idea, in one or two sentences, or "".
        shown: its pictures.
    """

    title: str
    idea: str
    shown: Sequence[Shown]


def render(title: str, lead: str, sections: Sequence[Section], footer: str) -> str:
    """Return a page.

    Args:
        title: the title.
        lead: the text below the title.
        sections: the sections.
        footer: the text at the end.
    """
    return filled(TEMPLATES, "sections.html", title=title, lead=lead, sections=sections, footer=footer)


def address(data: bytes) -> str:
    """Return the data URI of a PNG or GIF file."""
    return f"data:image/{'gif' if data[:3] == b'GIF' else 'png'};base64,{base64.b64encode(data).decode()}"


def filled(folder: Path, name: str, **values: Any) -> str:
    """Fill a template of a folder. All values are escaped, and a missing value is an error."""
    return str(_environment(folder).get_template(name).render(**values))


@cache
def _environment(folder: Path) -> Any:
    loader = jinja2.FileSystemLoader(folder)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["json"] = lambda value: msgspec.json.encode(value).decode()
    return environment


def _width(png: bytes) -> int:
    return int.from_bytes(png[16:20], "big")
