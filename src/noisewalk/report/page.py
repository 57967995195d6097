"""A self-contained HTML page of text, equations and pictures, which works offline and on a phone."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A picture with the command that makes it.

    Args:
        command: the command line; "" for a picture without one.
        images: (alternative text, content of a PNG or GIF file) of each picture.
        note: a sentence about the picture, or "".
    """

    command: str
    images: Sequence[tuple[str, bytes]]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        title: its title.
        idea: its idea, in one or two sentences.
        equation: its equation, as HTML.
        shown: its pictures.
    """

    title: str
    idea: str
    equation: str
    shown: Sequence[Shown]


_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fcfcfa; --faint: #6b7078; --line: #e2e2dc; --code: #f1f1ec; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e4; --paper: #17181a; --faint: #9aa0a8; --line: #303236; --code: #222427; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 5rem; }
h1 { font-size: 2.1rem; line-height: 1.15; margin: 1rem 0 .5rem; letter-spacing: -.02em; }
h2 { font-size: 1.35rem; margin: 0 0 .4rem; letter-spacing: -.01em; }
section { border-top: 1px solid var(--line); padding: 2rem 0 1rem; }
p { max-width: 44rem; margin: .4rem 0; }
.lead, footer { color: var(--faint); }
nav { columns: 16rem; font-size: .95rem; margin: 1.5rem 0; }
nav a, footer a { color: inherit; display: block; padding: .1rem 0; }
.equation { font: italic 1.1rem/1.7 Georgia, serif; margin: .8rem 0; overflow-x: auto; white-space: nowrap; }
.equation b { font-style: normal; font-weight: 400; }
figure { margin: 1rem 0 1.6rem; }
figure img { max-width: 100%; height: auto; border-radius: 4px; background: #fff; display: block; margin-bottom: .4rem; }
@media (max-width: 44rem) { .strip { overflow-x: auto; } .strip img { max-width: none; width: 46rem; } }
figcaption { font-size: .95rem; color: var(--faint); }
pre { margin: .2rem 0; padding: .5rem .7rem; background: var(--code); border-radius: 6px; overflow-x: auto;
  font: .85rem/1.5 ui-monospace, monospace; color: var(--ink); white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def render(title: str, lead: str, sections: Sequence[Section], footer: str) -> str:
    """Return the page.

    Args:
        title: the title.
        lead: the text below the title, as trusted HTML.
        sections: the sections; their equations are trusted HTML, and everything else in them is escaped.
        footer: the text at the end, as trusted HTML.
    """
    links = "".join(f'<a href="#s{i}">{i}. {html.escape(s.title)}</a>' for i, s in enumerate(sections, 1))
    body = "".join(_section(i, s) for i, s in enumerate(sections, 1))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{html.escape(title)}</h1><p class="lead">{lead}</p><nav>{links}</nav>{body}<footer><p>{footer}</p></footer>'
        "</main></body></html>\n"
    )


def _section(number: int, section: Section) -> str:
    shown = "".join(_figure(each) for each in section.shown)
    return (
        f'<section id="s{number}"><h2>{number}. {html.escape(section.title)}</h2><p>{html.escape(section.idea)}</p>'
        f'<div class="equation">{section.equation}</div>{shown}</section>\n'
    )


def _figure(shown: Shown) -> str:
    images = "".join(_image(alt, data) for alt, data in shown.images)
    note = f"<p>{html.escape(shown.note)}</p>" if shown.note else ""
    command = f"<pre>{html.escape(shown.command)}</pre>" if shown.command else ""
    return f"<figure>{images}<figcaption>{note}{command}</figcaption></figure>"


def _image(alt: str, data: bytes) -> str:
    kind = "gif" if data[:3] == b"GIF" else "png"
    encoded = base64.b64encode(data).decode()
    tag = f'<img loading="lazy" alt="{html.escape(alt, quote=True)}" src="data:image/{kind};base64,{encoded}">'
    wide = kind == "png" and int.from_bytes(data[16:20], "big") > 700  # too wide for a phone: let it scroll
    return f'<div class="strip">{tag}</div>' if wide else tag
