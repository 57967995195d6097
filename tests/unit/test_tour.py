"""The main job: everything on one page that needs nothing else."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.commands import parse_technique
from noisewalk.report.page import Shown
from noisewalk.techniques import TECHNIQUES
from noisewalk.tour import emoji
from noisewalk.tour.course import course_stops
from noisewalk.tour.page import Part, write_page


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def toured(*line: str) -> tuple[str, list[str]]:
    """The page of a tour, which needs nothing else, and its commands, which can be typed again."""
    assert main(["tour", *line]) == 0
    page = Path("out/tour/index.html").read_text()
    links = _Links()
    links.feed(page)
    assert all(link.startswith(("data:image/", "#")) for link in links.found)  # works offline
    assert 'name="viewport"' in page
    commands = [line.replace("&#x27;", "'") for line in re.findall(r"<pre>noisewalk (.*?)</pre>", page)]
    assert {shlex.split(line)[0] for line in commands} == set(TECHNIQUES)
    assert sum("--trajectory" in line for line in commands) == 1
    for line in commands:  # the inputs a command names are there
        assert all(Path(word).is_file() for word in shlex.split(line) if word.startswith("out/"))
    assert page.count("data:image/gif") >= 1
    return page, commands


def test_the_tour_of_the_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page, commands = toured("--model", "digits")
    assert {parse_technique(line).model for line in commands} == {"digits"}
    assert page.count("The scorer sees every prompt") + page.count("Nothing good was found") == 8
    assert page.count("The scorer sees every prompt") >= 4
    assert len(re.findall("Large, and small", page)) == 2
    assert nw.replay(next(Path("out/tour/visual-anagrams/1").glob("seed*.png"))).agrees


def test_the_tour_of_the_emoji(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The main job, but for the number of seeds that illusions are looked for in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(emoji, "HUNTS", [replace(hunt, seeds=2) for hunt in emoji.HUNTS])
    page, commands = toured()
    assert {parse_technique(line).model for line in commands} == {"emoji"}
    kept = sum(hunt.keep for hunt in emoji.HUNTS)  # with two seeds each, few or none are good, and the page says so
    assert page.count("The scorer sees every prompt") + page.count("Nothing good was found") == kept
    assert nw.replay(next(Path("out/tour/hybrid-images/1").glob("seed*.png"))).agrees


def test_a_part_that_fails_shows_why_and_loses_no_other(tmp_path: Path) -> None:
    def fails(error: Exception) -> list[Shown]:
        raise error

    parts = [
        Part(
            "First",
            "",
            "",
            [("noisewalk one", lambda: fails(MemoryError("no <memory>\nleft"))), ("", lambda: [Shown("two", [])])],
        ),
        Part("Second", "", "", [("", lambda: fails(nw.UserError("it cannot be done")))]),
        Part("Third", "", "", [("", lambda: [Shown("three", [])])]),
    ]
    told: list[tuple[int, int]] = []
    with pytest.raises(nw.UserError, match="was written, but parts of it failed and say there why: “First”, “Second”"):
        write_page(tmp_path / "index.html", "A tour", "", parts, lambda done, total: told.append((done, total)))
    page = (tmp_path / "index.html").read_text()
    for said in ("<pre>noisewalk one</pre>", "This failed: MemoryError: no &lt;memory&gt;", "This failed: it cannot be done"):
        assert said in page
    assert "<pre>two</pre>" in page
    assert "<pre>three</pre>" in page
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("model", ["emoji", "digits"])
def test_a_tour_with_seeds_of_its_own_refuses_another(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tour", "--model", model, "--seed", "3", "--out", str(tmp_path)]) == 2
    assert "has seeds of its own; leave out --seed" in capsys.readouterr().err
    assert not (tmp_path / "index.html").exists()


def test_the_walk_from_690_of_the_course_has_its_strip() -> None:
    commands = [command for stop in course_stops(180, 1) for command in stop.commands]
    (walk,) = [command for command in commands if "--t 690" in command]
    assert parse_technique(walk.format(inputs="x")).trajectory
    assert sum(parse_technique(command.format(inputs="x")).trajectory for command in commands) == 2
