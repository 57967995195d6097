"""Sites of several documents, with a page for each and a page of contents."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError
from ..files import slug, write_atomic
from ..lock import held
from ..run.progress import Progress
from . import page
from .build import BuildOptions, Report, build
from .markdown import unused
from .reading import Document

BUNDLED = Path(__file__).parent / "bundled"
"""The documents that come with noisewalk."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


@dataclass(frozen=True)
class Entry:
    """A document on a page of contents."""

    title: str
    lead: str
    address: str
    headings: Sequence[tuple[str, str]]


def build_in_turn(documents: Sequence[Document], hows: Sequence[BuildOptions], watch: Progress) -> list[Report]:
    """Make several reports, one after the other.

    Args:
        documents: the documents.
        hows: how the report of each is made.
        watch: a function that is called with (units done, units in all).
    """
    reports = []
    for number, (document, how) in enumerate(zip(documents, hows, strict=True)):

        def some(done: int, total: int, number: int = number) -> None:
            watch(100 * number + 100 * done // max(1, total), 100 * len(documents))

        reports.append(build(document, how, some))
    return reports


def build_all(
    documents: Sequence[Document],
    how: BuildOptions,
    title: str,
    watch: Progress,
    build_each: Callable[[Sequence[Document], Sequence[BuildOptions], Progress], list[Report]] = build_in_turn,
) -> tuple[Path, list[Report]]:
    """Make the reports of one or several documents; several get a page of contents.

    Args:
        documents: the documents.
        how: how the reports are made.
        title: the title of the page of contents.
        watch: a function that is called with (units done, units in all).
        build_each: makes several reports, by default one after the other.

    Returns:
        The page to open first, and all reports.

    Raises:
        UserError: the folder cannot be written, or another process writes it.
    """
    if len(documents) == 1:
        report = build(documents[0], how, watch)
        return report.page, [report]
    taken = set[str]()
    names = [unused(slug(document.path.stem), taken) for document in documents]
    with held(how.out, "noisewalk report"):
        hows = [replace(how, out=how.out / name, above=title) for name in names]
        reports = build_each(documents, hows, watch)
        entries = [Entry(each.title, each.lead, f"{each.page.parent.name}/index.html", each.headings) for each in reports]
        contents = how.out / "index.html"
        write_atomic(contents, page.contents(title, entries).encode())
    return contents, reports


def pdf(html: Path) -> Path:
    """Print a page as a PDF beside it, with the Chromium of this machine.

    Raises:
        UserError: there is no Chromium, or it cannot print.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UserError(
            f"--pdf needs Chromium, but none of {', '.join(BROWSERS)} is installed; install one, or print {html} yourself"
        )
    made = html.with_suffix(".pdf")
    with tempfile.TemporaryDirectory(dir=html.parent) as profile:
        line = [browser, "--headless", "--disable-gpu", f"--user-data-dir={profile}", "--no-pdf-header-footer"]
        line += ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []  # for root, Chromium has no sandbox
        printed = Path(profile) / "page.pdf"
        try:
            done = subprocess.run(
                [*line, f"--print-to-pdf={printed}", html.resolve().as_uri()], capture_output=True, timeout=300, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{browser} could not print {html}: {error}") from error
        if done.returncode or not printed.is_file():
            output = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
            raise UserError(f"{browser} could not print {html}: {output[0]}")
        write_atomic(made, printed.read_bytes())
    return made
