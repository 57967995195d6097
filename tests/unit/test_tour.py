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
from noisewalk.techniques import TECHNIQUES
from noisewalk.tour import emoji


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
    for line in commands:  # the inputs a command names are there
        assert all(Path(word).is_file() for word in shlex.split(line) if word.startswith("out/"))
    assert page.count("data:image/gif") >= 1
    return page, commands


def test_the_tour_of_the_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page, commands = toured("--model", "digits")
    assert {parse_technique(line).model for line in commands} == {"digits"}
    sure = [float(p) for p in re.findall(r"Read as \d and \d by the digit reader, with probability at least ([\d.]+)", page)]
    assert len(sure) >= 4
    assert min(sure[:4]) >= 0.8
    assert len(re.findall("Large, and small", page)) == 2
    assert nw.replay(next(Path("out/tour/visual-anagrams/1").glob("seed*.png"))).agrees


def test_the_tour_of_the_emoji(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The main job, but for the number of seeds that illusions are looked for in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(emoji, "HUNTS", [replace(hunt, seeds=2) for hunt in emoji.HUNTS])
    page, commands = toured()
    assert {parse_technique(line).model for line in commands} == {"emoji"}
    hidden = [float(c) for c in re.findall(r"concealment C = (\d\.\d+)", page)]
    assert len(hidden) == sum(hunt.keep for hunt in emoji.HUNTS)
    assert sorted(hidden)[-3] >= 0.9  # with two seeds each; sixteen find more
    assert nw.replay(next(Path("out/tour/hybrid-images/1").glob("seed*.png"))).agrees
