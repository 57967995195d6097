"""The pages of a search: a contact sheet of the best pictures, and a table of all candidates that can be sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..report.figures import sheet
from ..report.page import address, filled
from ..techniques.panels import CaptionedViews

TEMPLATES = Path(__file__).parent / "templates"
MOST_ROWS = 5000


@dataclass(frozen=True)
class Look:
    """A way of looking at a candidate: what it is, what a screen reader says, and an address that holds the picture."""

    title: str
    alt: str
    source: str


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
    left_out = f"The best {MOST_ROWS:,} of {len(rows):,}; all are in search.jsonl." if len(rows) > MOST_ROWS else ""
    shown = [
        (_looks(row[1], pictures.get(row[:2], ())), _cells(rank, row, settings, views))
        for rank, row in enumerate(rows[:MOST_ROWS], 1)
    ]
    return filled(TEMPLATES, "search.html", title=title, verdict=verdict, left_out=left_out, heads=heads, rows=shown)


def _looks(seed: int, pictures: Sequence[tuple[str, bytes]]) -> list[Look]:
    return [Look(title, f"seed {seed} {title}", address(png)) for title, png in pictures]


def _cells(
    rank: int, row: tuple[int, int, Mapping[str, Any], Mapping[str, Any]], settings: Sequence[str], views: int
) -> list[str]:
    _, seed, point, scores = row
    cells: list[Any] = [rank, seed, *(point[name] for name in settings)]
    cells += [scores["alignment"], scores["concealment"], "" if scores["margin"] is None else scores["margin"]]
    return [_text(cell) for cell in cells + (list(scores["own"]) if views > 1 else [])]


def _text(value: Any) -> str:
    return (
        f"{value:.4g}" if isinstance(value, float) else " ".join(map(_text, value)) if isinstance(value, tuple) else str(value)
    )
