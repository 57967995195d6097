"""Reports on the command line: Markdown documents, and the tours, which are bundled documents."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..commands import part, read
from ..errors import UserError
from ..requests import CascadeLoading, Report, Tour
from .edge import say
from .terminal import folder_to_write, progress

if TYPE_CHECKING:
    from ..documents.build import BuildOptions
    from ..documents.reading import Document

LOOK_EVERY = 0.5
"""Seconds between two looks at a document that is watched."""


def run_report(rest: list[str]) -> int:
    """Run `noisewalk report`."""
    command = read(Report, rest, "report")
    if not command.files:
        raise UserError("give the name of a Markdown file: noisewalk report FILE.md")
    values: dict[str, str] = {}
    for text in command.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set takes name=value, but '{text}' was given")
        values[name] = value
    first = command.files[0]
    out = folder_to_write(command.out or Path("out") / (first.stem if len(command.files) == 1 else "report"), "a report")
    from ..documents.build import BuildOptions
    from ..documents.reading import read_document

    how = BuildOptions(out, command.model or "", part(command, CascadeLoading).changed())

    def once() -> int:
        return _make([read_document(file, values) for file in command.files], how, "report", "Contents", command.pdf)

    return _watched(command.files, once) if command.watch else once()


def _make(documents: Sequence[Document], how: BuildOptions, doing: str, title: str, pdf: bool = False) -> int:
    """Make the pages of some documents, and print their place; if commands in them failed, the exit status is 2."""
    from ..documents import site
    from .side_by_side import build_side_by_side

    began = time.monotonic()
    with progress(doing) as watch:
        first, reports = site.build_all(documents, how, title, watch, build_side_by_side)
    for each in reports if pdf else ():
        print(site.pdf(each.page))
    print(f"{first} ({time.monotonic() - began:.0f} s); open it in a browser")
    failed = [where for report in reports for where in report.failed]
    if failed:
        raise UserError(f"{first} was written, but commands in it failed; their errors stand there: {', '.join(failed)}")
    return 0


def _watched(files: Sequence[Path], once: Callable[[], int]) -> int:
    """Make the report whenever a document changes; errors are printed, and it waits for the next change."""
    seen: list[int] | None = None
    while True:
        now = [file.stat().st_mtime_ns if file.exists() else 0 for file in files]
        if now != seen:
            seen = now
            try:
                once()
            except UserError as error:
                say(str(error))
            say("waiting for the next change; Ctrl-C ends")
        time.sleep(LOOK_EVERY)


def run_tour(rest: list[str]) -> int:
    """Run `noisewalk tour`."""
    command = read(Tour, rest, "tour")
    out = folder_to_write(command.out or Path("out/tour-b" if command.part == "b" else "out/tour"), "a tour")
    from ..documents.build import BuildOptions
    from ..documents.reading import read_document
    from ..documents.site import BUNDLED
    from ..images import read_file

    if command.image:
        read_file(command.image)  # a wrong name is said before the work
    documents = []
    if command.part != "b":
        name, values = part_a(command)
        documents.append(read_document(BUNDLED / f"{name}.md", values))
    if command.part != "a":
        documents.append(read_document(BUNDLED / "tour-b.md", {"minutes": f"{command.minutes:g}"}))
    how = BuildOptions(out, command.model if command.part != "b" else "", part(command, CascadeLoading).changed())
    return _make(documents, how, "tour", "A tour of noisewalk")


def part_a(command: Tour) -> tuple[str, dict[str, str]]:
    """Return the bundled document that suits a model, and the values of its settings.

    Raises:
        UserError: the model is not shown with the course's experiments, and a seed or a number of stages is given.
    """
    from ..models.zoo import load
    from ..techniques.stages import is_flow

    model = load(command.model, **part(command, CascadeLoading).changed())
    values = {} if command.image is None else {"image": str(command.image.expanduser().absolute())}
    if model.parts is not None:
        stages = int(model.upscaler is not None) if command.upsample is None else command.upsample
        return "course-flow" if model.codec is None and is_flow(model) else "course", {
            **values,
            "seed": str(180 if command.seed is None else command.seed),
            "upsample": str(stages),
        }
    if command.seed is not None:
        raise UserError(f"the tour of '{model.name}' has seeds of its own; leave out --seed {command.seed}")
    if command.upsample is not None:
        raise UserError(f"the tour of '{model.name}' chooses what it upsamples; leave out --upsample")
    return "tour-digits" if model.shape[0] == 1 else "tour", values
