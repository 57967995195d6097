"""The pages of runs and of searches: everything that is put into their templates is text there."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import pytest
from PIL import Image

from noisewalk.report.page import Section, Shown, filled, render
from noisewalk.search.page import TEMPLATES, search_page

HOSTILE = "\"><script>document.title = 'ran'</script><img src=x onerror=alert(1)>"


def png(width: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, 2)).save(buffer, "PNG")
    return buffer.getvalue()


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_in_the_page_of_a_run_becomes_html() -> None:
    """Names of folders and of pictures, settings, notes and measures are the user's own."""
    shown = Shown(HOSTILE, [(HOSTILE, png(9)), (HOSTILE, png(900))], HOSTILE)
    tags = Tags(render(HOSTILE, HOSTILE, [Section(HOSTILE, HOSTILE, [shown])], HOSTILE)).found
    images = [attrs for tag, attrs in tags if tag == "img"]
    assert [image["alt"] for image in images] == [HOSTILE] * 2
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in images)
    assert [attrs["class"] for tag, attrs in tags if tag == "div"] == ["strip"]  # the wide picture scrolls
    assert not [tag for tag, _ in tags if tag == "script"]


def test_nothing_in_the_page_of_a_search_becomes_html() -> None:
    scores = {"own": (1.0, 2.0), "alignment": 1.0, "concealment": 0.5, "margin": None}
    page = search_page(HOSTILE, [(0, 7, {HOSTILE: HOSTILE}, scores)], {(0, 7): [(HOSTILE, png(9))]}, HOSTILE)
    tags = Tags(page).found
    (image,) = [attrs for tag, attrs in tags if tag == "img"]
    assert (image["alt"], image["title"]) == (f"seed 7 {HOSTILE}", HOSTILE)
    assert [tag for tag, _ in tags].count("script") == 1  # the one that sorts
    assert "<td>7</td>" in page
    assert "score 2" in page


def test_a_template_without_a_value_is_an_error() -> None:
    with pytest.raises(Exception, match="'rows' is undefined"):
        filled(TEMPLATES, "search.html", title="", verdict="", left_out="", heads=())
