"""The site shows what noisewalk does. `make docs` runs its pages; these tests hold the parts that they are made of."""

from __future__ import annotations

import doctest
import importlib
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from noisewalk.commands import parse_technique
from noisewalk.techniques import TECHNIQUES

DOCS = Path(__file__).parents[2] / "docs"


def loaded(name: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS / folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


@pytest.mark.parametrize("name", ["docstrings", "registries"])
def test_examples_of_the_extensions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctest.testmod(loaded(name, "extensions", monkeypatch))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", TECHNIQUES)
def test_the_gallery_calls_what_its_command_line_asks_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = parse_technique(TECHNIQUES[name].example)
    text = loaded("registries", "extensions", monkeypatch).call(job)

    def request(model: str, *args: Any, **kwargs: Any) -> Any:
        return model, TECHNIQUES[name].spec(*args, **kwargs)

    model, made = eval(text, {"nw": SimpleNamespace(**{name: request}), "pictures": Path()})
    assert (job.verb, job.model) == (name, model)
    for each in fields(job.spec):
        asked, called = getattr(job.spec, each.name), getattr(made, each.name)
        expected = Path(asked) if each.metadata.get("role") and asked else list(asked) if isinstance(asked, tuple) else asked
        assert (list(called) if isinstance(called, tuple) else called) == expected, each.name


def test_a_technique_of_a_package_appears_in_the_gallery(monkeypatch: pytest.MonkeyPatch) -> None:
    registries = loaded("registries", "extensions", monkeypatch)
    monkeypatch.setitem(TECHNIQUES, "redraw", TECHNIQUES["generate"])
    assert [example.name for example in registries.examples()] == list(TECHNIQUES)


def test_the_check_of_links_finds_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = loaded("check_links", "", monkeypatch)
    other = '<p id="here"></p>'
    page = '<a href="b.html#here"></a><a href="b.html#there"></a><img src="no.png"><script src="https://x.org/a.js"></script>'
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "b.html").write_text(other)
    assert list(check.faults(tmp_path)) == [
        "index.html loads https://x.org/a.js; the site must work without the network",
        "index.html links to b.html#there, and that page has no such place",
        "index.html links to no.png, which is not there",
    ]
    assert check.main(str(tmp_path)) == 1
