"""The five reports in docs/reports: every command in them can be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from noisewalk.documents.reading import Command, Document, Training, read_document
from noisewalk.documents.resolving import CommandResolver
from noisewalk.documents.runs import bundled
from noisewalk.run.prepare import prepare
from noisewalk.techniques import TECHNIQUES

REPORTS = sorted((Path(__file__).parents[2] / "docs" / "reports").glob("*.md"))


def commands(document: Document) -> list[Command]:
    """Return every command of a document; a command with lists gives the commands that it stands for."""
    every = [command for block in document.blocks.values() for command in block.commands]
    return [one for each in every for one in ([one for *_, one in each.compared] or [each])]


def test_there_are_five() -> None:
    assert len(REPORTS) == 5


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_every_command_of_a_report_can_be_made(path: Path, tmp_path: Path) -> None:
    """The pictures exist, the prompts are known, and the masks fit; and a report shows every part of the course."""
    document = read_document(path)
    ask, techniques = CommandResolver(document, tmp_path, "", {}), set()
    for command in commands(document):
        if isinstance(command.job, Training):
            continue
        asked = ask(command)
        techniques.add(asked.job.technique)
        assert TECHNIQUES[asked.job.technique].panels(prepare(asked.job.request, asked.model)), command.line
    assert techniques >= {"generate", "forward", "denoise", "anagram", "hybrid"}
    fences = [block for block in document.blocks.values() if block.options.bundled]
    shown = [(name, one.job) for block in fences for name, one in zip(block.options.bundled, block.commands, strict=True)]
    assert {bundled(name, job).name for name, job in shown if isinstance(job, Training)} >= {"denoiser"}
