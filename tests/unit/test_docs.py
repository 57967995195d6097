"""The site shows what noisewalk does. `make docs` runs its pages; these tests hold the parts that they are made of."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import jupytext
import pytest
import tiny_pipelines as tiny
from latex2mathml.converter import convert

import noisewalk as nw
from noisewalk import UserError
from noisewalk.cli.main import OWN
from noisewalk.cli.search import search_command
from noisewalk.commands import command_line, parse, parse_technique, read
from noisewalk.techniques import TECHNIQUES

DOCS = Path(__file__).parents[2] / "docs"


def loaded(name: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS / folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


@pytest.mark.parametrize("name", ["docstrings", "registries", "streams"])
def test_examples_of_the_extensions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctest.testmod(loaded(name, "extensions", monkeypatch))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", TECHNIQUES)
def test_the_gallery_calls_what_its_command_line_asks_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = parse_technique(TECHNIQUES[name].example)
    text = loaded("registries", "extensions", monkeypatch).call(job)

    def request(model: str, *args: Any, **kwargs: Any) -> Any:
        return model, TECHNIQUES[name].request(*args, **kwargs)

    model, made = eval(text, {"nw": SimpleNamespace(**{name: request}), "pictures": Path()})
    assert (job.technique, job.model) == (name, model)
    for each in fields(job.request):
        asked, called = getattr(job.request, each.name), getattr(made, each.name)
        expected = Path(asked) if each.metadata.get("role") and asked else list(asked) if isinstance(asked, tuple) else asked
        assert (list(called) if isinstance(called, tuple) else called) == expected, each.name


@pytest.mark.parametrize("name", TECHNIQUES)
def test_the_gallery_draws_the_equation_of_a_technique(name: str) -> None:
    """As MathML, and with no command left that the converter does not know."""
    drawn = convert(TECHNIQUES[name].equation, display="block")
    letters = "".join(ElementTree.fromstring(drawn).itertext())
    assert "x" in letters
    assert not set(letters) & set("\\{}")


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


def commands_of(page: Path) -> list[str]:
    """Return the command lines of a page, in blocks and in sentences."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```(?:sh|\{code-cell\} ipython3\n%%bash)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", prose)
    return [line.partition("  #")[0] for line in lines if re.match(r"noisewalk [a-z]", line) and "{{" not in line]


def parse_command(line: str) -> None:
    name, *rest = shlex.split(line)[1:]
    if name in TECHNIQUES:
        parse_technique(shlex.join([name, *rest]))
    elif name == "search" and rest:
        parse(search_command(rest[0]), rest[1:], "noisewalk search")
    elif "--resume" in rest:  # what is trained stands in the run
        parse(command_line(OWN[name].request), rest, f"noisewalk {name}")
    elif name not in ("help", "search"):
        read(OWN[name].request, rest, name)


PAGES = [*sorted(DOCS.glob("**/*.md")), DOCS.parent / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_pages_can_be_read(page: Path) -> None:
    for line in commands_of(page):
        if len(line.split()) > 2:  # or a command is only named
            parse_command(line)


def test_commands_are_found_and_mistakes_in_them_too() -> None:
    assert len(commands_of(DOCS / "training.md")) > 10
    with pytest.raises(UserError, match="--guidance-scal"):
        parse_command("noisewalk generate 7 --guidance-scal 3")


def test_names_that_the_pages_import_exist() -> None:
    count = 0
    for page in PAGES:
        for module, names in re.findall(
            r"^from (noisewalk[\w.]*) import ([\w, ]+)$", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            for name in names.split(", "):
                count += 1
                assert hasattr(importlib.import_module(module), name), f"{page.name}: {module} has no {name}"
    assert count > 20


def test_python_of_the_pages_is_run_unless_it_needs_a_running_studio() -> None:
    for page in PAGES[:-1]:
        for block in re.findall(
            r"^```(?:py|python|python3)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        ):
            assert "http://127.0.0.1:7860" in block, f"{page.name}: make it a cell, which is run"
            compile(block, page.name, "exec")


@pytest.mark.slow  # every walk of part A, seconds without a queue of other work
def test_part_a_runs_unchanged_on_deepfloyd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells run on a tiny random pipeline in DeepFloyd IF's format, with fewer steps per walk."""
    monkeypatch.chdir(tmp_path)
    folder = tiny.save(tiny.if_stage1, tmp_path / "pipeline", size=20)
    loaded_model = nw.load(str(folder))
    model = replace(loaded_model, defaults=replace(loaded_model.defaults, steps=11))
    monkeypatch.setattr(nw, "load", lambda name: model)
    cells = [cell.source for cell in jupytext.read(DOCS / "tutorials" / "2-part-a.md").cells if cell.cell_type == "code"]
    names: dict[str, Any] = {}
    exec(compile("\n".join(cells), "2-part-a.md", "exec"), names)
    assert names["large"] is True
