"""The pages of a search: a contact sheet of the best pictures, and a table of all candidates that can be sorted."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from ..report.figures import sheet
from ..techniques.panels import CaptionedViews

MOST_ROWS = 5000

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #8884; }
th { cursor: pointer; position: sticky; top: 0; background: Canvas; } th::after { content: " ↕"; color: #888; }
img { image-rendering: pixelated; width: 84px; display: inline-block; }
.looks { white-space: nowrap; } .scroll { overflow-x: auto; }
"""
_SCRIPT = """
for (const th of document.querySelectorAll('th')) th.onclick = () => {
  const i = th.cellIndex, body = document.querySelector('tbody'), up = th.dataset.up = th.dataset.up === '1' ? '' : '1';
  const key = row => { const text = row.cells[i].dataset.v ?? row.cells[i].textContent; const n = Number(text);
    return Number.isNaN(n) || text === '' ? text : n; };
  [...body.rows].sort((a, b) => { const p = key(a), q = key(b); return (p < q ? -1 : p > q ? 1 : 0) * (up ? -1 : 1); })
    .forEach(row => body.append(row)); };
"""


def contact_sheet(shown: Sequence[CaptionedViews]) -> Image.Image:
    """Draw pictures side by side with all their views; the views of one picture always stay in one row."""
    ways = max(len(each) for each in shown)
    return sheet([[column for each in shown for column in each]], max_columns=ways * max(1, 6 // ways))


def search_page(
    title: str,
    rows: Sequence[tuple[int, int, Mapping[str, Any], Mapping[str, Any]]],
    pictures: Mapping[tuple[int, int], Sequence[tuple[str, bytes]]],
    verdict: str = "",
) -> str:
    """Return a self-contained HTML page.

    Args:
        title: the title of the page.
        rows: (point, seed, the point's settings, scores) of each candidate, best first; the first `MOST_ROWS` are shown.
        pictures: the pictures of some candidates by (point, seed): a title and a PNG for each way of looking.
        verdict: a sentence that says what the scores mean.
    """
    settings = list(rows[0][2]) if rows else []
    views = len(rows[0][3]["own"]) if rows else 0
    heads = ["picture", "rank", "seed", *settings, "alignment A", "concealment C", "margin"]
    heads += [f"score {i + 1}" for i in range(views)] if views > 1 else []
    body = "".join(_row(i, row, settings, views, pictures.get(row[:2])) for i, row in enumerate(rows[:MOST_ROWS], 1))
    left_out = f"<p>The best {MOST_ROWS:,} of {len(rows):,}; all are in search.jsonl.</p>" if len(rows) > MOST_ROWS else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1>"
        "<p>A is the score of the way of looking that shows its prompt worst, C how surely each shows its own prompt rather "
        "than another's. Click a heading to sort.</p>"
        f"<p><b>{html.escape(verdict)}</b></p>{left_out}"
        f"<div class=scroll><table><thead><tr>{''.join(f'<th>{html.escape(h)}</th>' for h in heads)}</tr></thead>"
        f"<tbody>{body}</tbody></table></div><script>{_SCRIPT}</script></body></html>\n"
    )


def _row(
    number: int,
    row: tuple[int, int, Mapping[str, Any], Mapping[str, Any]],
    settings: Sequence[str],
    views: int,
    shown: Sequence[tuple[str, bytes]] | None,
) -> str:
    _, seed, point, scores = row
    images = "".join(
        f'<img alt="seed {seed} {html.escape(title, quote=True)}" title="{html.escape(title, quote=True)}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        for title, png in shown or ()
    )
    cells: list[Any] = [number, seed, *(point[name] for name in settings)]
    cells += [scores["alignment"], scores["concealment"], "" if scores["margin"] is None else scores["margin"]]
    cells += scores["own"] if views > 1 else []
    text = "".join(f"<td>{html.escape(_text(cell))}</td>" for cell in cells)
    return f'<tr><td class=looks data-v="{0 if shown else 1}">{images}</td>{text}</tr>'


def _text(value: Any) -> str:
    return (
        f"{value:.4g}" if isinstance(value, float) else " ".join(map(_text, value)) if isinstance(value, tuple) else str(value)
    )
