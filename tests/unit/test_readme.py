"""The examples in the README work as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from noisewalk.commands import parse_technique
from noisewalk.guidance import VIEWS
from noisewalk.techniques import TECHNIQUES

README = Path(__file__).parents[2] / "README.md"


def test_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        exec(compile(example, "README.md", "exec"), {})
    assert Path("six-or-nine.png").exists()
    assert len(capsys.readouterr().out.splitlines()) == 20


def test_command_lines_parse() -> None:
    lines = [line for line in re.findall(r"`noisewalk ([^`]+)`", README.read_text()) if line.split()[0] in TECHNIQUES]
    assert {shlex.split(line)[0] for line in lines} == set(TECHNIQUES)
    for line in lines:
        parse_technique(line)


def test_pictures_and_pages_are_there() -> None:
    paths = re.findall(r"\]\(([^)]+)\)", README.read_text())
    assert len(paths) > 10
    for path in paths:
        assert (README.parent / path).exists(), path


def test_the_number_of_views_is_right() -> None:
    assert f"{len(VIEWS)} views" in README.read_text()
