"""Building the page of a document: new figures are made, earlier ones are used again, and errors stand in their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..commands import Job
from ..errors import UserError, from_outside
from ..files import write_atomic
from ..lock import held
from ..run.progress import Progress, ignore
from . import captions, making, markdown, runs, searching
from .merging import ComparedFigure, together
from .page import PageFigure, block, embedded, page
from .reading import Block, Command, Document, Training
from .resolving import CommandResolver, ResolvedCommand
from .store import Figure

USUAL = frozenset({"figure", "walk", "table", "samples", "loss", "film", "slider"})
"""What a fence shows if it does not say so; a figure contains only the parts that suit its command."""
SHARES = 100
"""The units of progress that each command counts for."""


@dataclass(frozen=True)
class BuildOptions:
    """How a report is made.

    Args:
        out: the folder to write.
        model: the name of a model to use instead of the document's own, or "".
        loading: the options of `load` that are not the defaults.
        above: the name of the page of contents above this one, or "".
    """

    out: Path
    model: str = ""
    loading: Mapping[str, Any] = field(default_factory=dict)
    above: str = ""


@dataclass(frozen=True)
class Report:
    """A report that was made.

    Args:
        page: the file of its page.
        title: the title of the document.
        lead: the text below the title.
        headings: (id, text) of its headings.
        failed: the file and the line of each command that failed; the page shows the errors in their places.
    """

    page: Path
    title: str
    lead: str
    headings: Sequence[tuple[str, str]]
    failed: Sequence[str]


def build(document: Document, how: BuildOptions, watch: Progress = ignore) -> Report:
    """Make a report; if it is stopped, the finished figures are kept, and the same call continues from there.

    Args:
        document: the document.
        how: how the report is made.
        watch: a function that is called with (units done, units in all).

    Raises:
        UserError: the folder cannot be written, or another process writes it.
    """
    with held(how.out, "noisewalk report"):
        return _Builder(document, how, watch).report()


@dataclass
class _Builder:
    document: Document
    how: BuildOptions
    watch: Progress
    done: int = 0
    failed: list[str] = field(default_factory=list)
    runs: dict[int, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        document, how = self.document, self.how
        self.resolver = CommandResolver(document, how.out, how.model, how.loading)
        self.figures = how.out / "figures"
        self.total = SHARES * sum(len(block.commands) for block in document.blocks.values())

    def report(self) -> Report:
        document, settings = self.document, self.document.settings
        taken = {each.options.name for each in document.blocks.values()} - {""}
        headings = markdown.headings(document.tokens, taken)
        made = {number: self.block(each) for number, each in document.blocks.items()}
        body = markdown.rendered(document.tokens, made.get, self.picture)
        lead = settings.get("lead", "")
        html = page(document.title, lead, body, headings, self.how.above)
        file = self.how.out / "index.html"
        write_atomic(file, html.encode())
        self.watch(self.total, self.total)
        return Report(file, document.title, lead, headings, self.failed)

    def block(self, each: Block) -> str:
        """Return the HTML of a fence."""
        options = each.options
        shown: list[PageFigure] = []
        if options.seeds:
            shown = self.searched(each)
        else:
            for command in each.commands:
                shown += self.tried(command, lambda command=command: [self.made(command, each)])  # type: ignore[misc]
            shown = self.with_compared(each, shown)
        first = replace(
            shown[0], name=options.name, caption=options.caption or shown[0].caption, note=options.note or shown[0].note
        )
        return block([first, *shown[1:]], options.columns)

    def tried(self, command: Command, make: Callable[[], list[PageFigure]]) -> list[PageFigure]:
        """Return what a command makes, or the error."""
        before = self.done
        try:
            return make()
        except Exception as error:  # the rest of the document is made all the same
            where = f"{self.document.path}:{command.line}"
            self.failed.append(where)
            said = str(error) if isinstance(error, UserError) else from_outside(error) or f"{type(error).__name__}: {error}"
            line = captions.command_line(command.words)
            return [PageFigure(None, self.how.out, USUAL, command=line, error=f"{where}: {' '.join(said.split())}")]
        finally:
            self.done = before + SHARES
            self.watch(self.done, self.total)

    def part(self, share: float) -> None:
        self.watch(self.done + int(share * (SHARES - 1)), self.total)

    def made(self, command: Command, each: Block) -> PageFigure:
        """Return the figure of a command."""
        options = each.options
        shows = options.shows or USUAL
        if isinstance(command.job, Training):
            return self.trained(command, command.job, each)
        if command.compared:
            return self.compared(command, each)
        resolved = self.resolver(command)
        figure, folder = making.figure_of(resolved.job, resolved.model, options.shows, self.figures, self.part)
        return PageFigure(figure, folder, shows, "", figure.caption, figure.note, resolved.line, resolved.python)

    def compared(self, command: Command, each: Block) -> PageFigure:
        """The figure of a command with lists: that of every request it stands for, put into rows and columns."""
        shows, made, jobs, begun = each.options.shows, list[ComparedFigure](), list[Job](), self.done
        for i, (row, column, one) in enumerate(command.compared):
            resolved = self.resolver(one)
            jobs.append(resolved.job)

            def part(share: float, i: int = i) -> None:
                self.watch(begun + int((i + share) * (SHARES - 1) / len(command.compared)), self.total)

            figure, folder = making.figure_of(resolved.job, resolved.model, shows, self.figures, part)
            made.append(ComparedFigure(row, column, figure, folder.name))
        whole = [*command.words, *resolved.words[len(one.words) :]]  # with what was added to the last one
        figure, python = together(made), captions.python(jobs, dict(resolved.loading))
        return PageFigure(
            figure, self.figures, shows or USUAL, "", figure.caption, figure.note, captions.command_line(whole), python
        )

    def trained(self, command: Command, training: Training, each: Block) -> PageFigure:
        """The figure of a training: of a run that comes with noisewalk, or of one that is trained now, or goes on."""
        options = each.options
        name = options.bundled[each.commands.index(command)] if options.bundled else ""
        run = runs.bundled(name, training) if name else runs.place(training, self.how.out / "runs")
        if not name:
            runs.trained(training, run, options.evaluate, self.part)
        self.runs[command.line] = run
        folder = self.figures / f"run-{run.name}"
        figure = runs.figure_of(run, folder, len(each.commands) > 1)
        out = f"runs/{name}" if name else str(run)
        line = captions.command_line(command.words, "--out", out)
        python = captions.train_python(training.spec, training.minutes, out)
        said = captions.training_caption(training.spec)
        return PageFigure(figure, folder, options.shows or USUAL, "", said, figure.note, line, python)

    def with_compared(self, each: Block, shown: list[PageFigure]) -> list[PageFigure]:
        """Return the figures of a fence; the losses and samples of several runs are one more figure."""
        found = [(command.job, self.runs[command.line]) for command in each.commands if command.line in self.runs]
        asked = (each.options.shows or USUAL) & {"loss", "samples"}
        if len(found) < 2 or not asked:
            return shown
        names = captions.differences([job.spec for job, _ in found if isinstance(job, Training)])
        folder = self.figures / "-".join(["compared", *(run.name for _, run in found)])[:200]
        figure = runs.compared(dict(zip(names, (run for _, run in found), strict=True)), folder)
        whole = PageFigure(figure, folder, asked, caption=figure.caption, wide=True)
        return [*shown, whole]

    def searched(self, each: Block) -> list[PageFigure]:
        """Return the best seeds of a fence that searches, and the other seeds that were tried if the fence shows them."""
        options = each.options
        found: list[tuple[ResolvedCommand, Figure]] = []
        sheets: list[PageFigure] = []
        failed: list[PageFigure] = []
        for command in each.commands:

            def search(command: Command = command) -> list[PageFigure]:
                if isinstance(command.job, Training):
                    raise UserError("seeds= searches for pictures, so it cannot be used with a training; leave it out")
                resolved = self.resolver(command)
                figure, folder = searching.tried(resolved, options.seeds, self.figures, self.part)
                found.append((resolved, figure))
                said = f"The best of {len(options.seeds)} seeds that were tried, by the score of the worst way of looking (A)."
                sheets.append(PageFigure(figure, folder, frozenset({"picture"}), "", figure.caption, said))
                return []

            failed += self.tried(command, search)
        shown, shows = [], options.shows or USUAL
        best = searching.best(found, options.keep or 1)
        for resolved, figure in best:
            made, folder = making.figure_of(resolved.job, resolved.model, options.shows, self.figures, lambda share: None)
            note = f"It is the best of {len(options.seeds)} seeds, with a score of {figure.tried[0].alignment:.2f}."
            shown.append(PageFigure(made, folder, shows, "", made.caption, note, resolved.line, resolved.python))
        verdict = Figure(searching.verdict([figure for _, figure in best]))
        said = [PageFigure(verdict, self.figures, frozenset(), "", verdict.caption, wide=True)] if best else []
        return [*shown, *said, *(sheets if "tried" in options.shows else []), *failed]

    def picture(self, address: str) -> str:
        """Return a picture of the prose as a data URL; a picture that cannot be read is left out, and its text stays."""
        try:
            return embedded(self.resolver.find(unquote(address)))
        except UserError as error:
            self.failed.append(f"{self.document.path}: {error}")
            return ""
