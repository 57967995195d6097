"""Running a search: do the tasks that are not in the ledger, show the leaders meanwhile, and make the winners again."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ..files import slug, write_atomic
from ..images import encode_png, open_image, to_image, to_tensor
from ..judge.reliability import verdict
from ..judge.scorer import Scorer
from ..lock import held
from ..models.zoo import Pretrained
from ..run.make import run
from ..run.prepare import prepare
from ..run.progress import Progress, ignore
from ..run.result import Result
from ..techniques import TECHNIQUES
from ..techniques.panels import Panel
from ..techniques.requests import prompts_of
from .engines import Engine, local
from .ledger import Ledger
from .page import contact_sheet, search_page
from .plan import Plan, Task
from .task import sort_key

SHOW_EVERY = 2.0
"""Seconds between two updates of the page."""


@dataclass(frozen=True)
class Candidate:
    """A picture that was scored.

    Args:
        point: the index of the plan's point.
        seed: the seed of the picture.
        scores: its alignment, concealment, margin, margins and own scores.
    """

    point: int
    seed: int
    scores: dict[str, Any]


class Search:
    """A search in a folder.

    The folder holds `search.jsonl` (the ledger, with which a second call continues), `search.html` (a table of all candidates)
    and `contact.png` (the leaders). The last two are updated every few seconds. At the end the winners are made once more, each
    alone, so that their PNGs replay exactly.

    Args:
        plan: the search.
        folder: its folder.
        model: the model.
        scorer: the scorer.

    Raises:
        UserError: the folder holds another search, or cannot be written.
    """

    def __init__(self, plan: Plan, folder: Path, model: Pretrained, scorer: Scorer) -> None:
        self.plan, self.folder, self.model, self.scorer = plan, folder, model, scorer
        self._panels: dict[int, Panel] = {}
        with held(folder, "noisewalk search"):
            self.ledger = self._ledger()
        self._shown = 0.0

    def _ledger(self) -> Ledger:
        return Ledger(self.folder, self.plan, len(self._panel(0).prompt_views))

    def run(self, engine: Engine = local, watch: Progress = ignore) -> list[Candidate]:
        """Do the remaining tasks, and return the winners, best first; finished tasks are kept if it is stopped.

        Args:
            engine: does the tasks.
            watch: a function that is called with (tasks done, tasks in all).
        """
        with held(self.folder, "noisewalk search"):
            self.ledger = self._ledger()  # another process may have continued it
            for stage in ("half", "full") if self.plan.early < 1 else ("full",):
                self._stage(stage, engine, watch)
            winners = self.leaders()
            self._make(winners)
        return winners

    def candidates(self, stage: str = "full") -> list[Candidate]:
        """Return the candidates of the plan's seeds that have been scored so far, best first."""
        wanted = set(self.plan.seeds)
        found = [
            Candidate(task.point, seed, scores)
            for task, all_scores in self.ledger.done.items()
            for seed, scores in zip(task.seeds, all_scores, strict=True)
            if task.stage == stage and seed in wanted
        ]
        unique = {(c.point, c.seed): c for c in found}.values()
        return sorted(unique, key=lambda c: sort_key(self.plan.rank, c.scores, c.point, c.seed))

    def verdict(self) -> str:
        """Say what the score of the best picture means, by the scorer's reliability on real pictures."""
        scores = [c.scores["alignment"] for c in self.candidates()]
        return verdict(self.scorer, max(scores)) if scores else "Nothing has been scored yet."

    def leaders(self) -> list[Candidate]:
        """Return the best candidates so far, as many as are kept."""
        return self.candidates()[: self.plan.top]

    def _stage(self, stage: str, engine: Engine, watch: Progress) -> None:
        chosen = self._survivors() if stage == "full" and self.plan.early < 1 else None
        tasks = list(self.plan.tasks(stage, chosen))
        left = [task for task in tasks if task not in self.ledger.done]
        watch(len(tasks) - len(left), len(tasks))
        for number, done in enumerate(self._did(engine, left), len(tasks) - len(left) + 1):
            for seed, png in done.pictures.items():
                write_atomic(self._preview(done.task.point, seed), png)
            self.ledger.add(done.task, done.scores, done.seconds)
            watch(number, len(tasks))
            self._show()

    def _did(self, engine: Engine, left: list[Task]) -> Iterator[Any]:
        return engine(self.plan, left, self.model, self.scorer) if left else iter(())

    def _survivors(self) -> list[tuple[int, int]]:
        """Return the (point, seed) pairs that were best half-way: a share of each point, but at least as many as are kept."""
        found = self.candidates("half")
        count = max(self.plan.top, round(self.plan.early * len(self.plan.seeds)))
        kept = chain.from_iterable([c for c in found if c.point == p][:count] for p in range(len(self.plan.points)))
        return [(c.point, c.seed) for c in kept]

    def _preview(self, point: int, seed: int) -> Path:
        return self.folder / "leaders" / f"{point}-{seed}.png"

    def _show(self, at_once: bool = False) -> None:
        """Update the sheet and the page, at most every `SHOW_EVERY` seconds, and remove the previews of former leaders."""
        if not at_once and time.monotonic() - self._shown < SHOW_EVERY:
            return
        leading = self.leaders()
        previews = {self._preview(c.point, c.seed): c for c in leading}
        for path in (self.folder / "leaders").glob("*.png"):
            if path not in previews:
                path.unlink(missing_ok=True)
        pictures = {(c.point, c.seed): open_image(path) for path, c in previews.items() if path.is_file()}
        self._draw([(c, pictures[c.point, c.seed]) for c in leading if (c.point, c.seed) in pictures])
        self._shown = time.monotonic()

    def _draw(self, shown: Sequence[tuple[Candidate, Image.Image]]) -> None:
        """Draw the contact sheet and the page, with all views of each picture."""
        looks = [(c, self._looks(c.point, image)) for c, image in shown]
        if looks:
            sheets = [[(f"{self.caption(c)} {label}", x) for label, x in each] for c, each in looks]
            write_atomic(self.folder / "contact.png", encode_png(contact_sheet(sheets)))
        rows = [(c.point, c.seed, self.plan.points[c.point], c.scores) for c in self.candidates()]
        drawn = {(c.point, c.seed): [(label, encode_png(to_image(x[0]))) for label, x in each] for c, each in looks}
        write_atomic(self.folder / "search.html", search_page(self.title, rows, drawn, self.verdict()).encode())

    def _panel(self, point: int) -> Panel:
        """Return the panel that makes the pictures of a point, which knows their views."""
        if point not in self._panels:
            prepared = prepare(self.plan.request_of(point, [0]), self.model)
            self._panels[point] = next(p for p in TECHNIQUES[self.plan.technique].panels(prepared) if p.is_output)
        return self._panels[point]

    def _looks(self, point: int, image: Image.Image) -> list[tuple[str, Tensor]]:
        """Return the caption and the picture (1, C, H, W) of each view."""
        x, views = to_tensor(image), self._panel(point).prompt_views
        if len(views) > 1:
            return [(f"{view.label}: {view.prompt}", view.look(x)) for view in views]
        return [("", x)]

    @property
    def title(self) -> str:
        """The title of the page: the technique, its prompts and the number of seeds."""
        return f"{self.plan.technique}: {' / '.join(filter(None, prompts_of(self.plan.request)))}, {len(self.plan.seeds)} seeds"

    def caption(self, c: Candidate) -> str:
        """Return the caption of a candidate."""
        where = " ".join(f"{name} {_short(value)}" for name, value in self.plan.points[c.point].items())
        return f"seed {c.seed} {where} {self.plan.rank} {c.scores[self.plan.rank] or c.scores['alignment']:.2f}".replace(
            "  ", " "
        )

    def _make(self, winners: list[Candidate]) -> None:
        results: list[tuple[Candidate, Result]] = []
        for c in winners:
            request = self.plan.request_of(c.point, [c.seed])
            results.append((c, run(self.plan.technique, request, self.model, keep_states=False)))
        top = self.folder / "top"
        for path in top.glob("*.png"):
            path.unlink()
        for number, (c, result) in enumerate(results, 1):
            settings = " ".join(f"{name} {_short(value)}" for name, value in self.plan.points[c.point].items())
            where = f"-{slug(settings, 120)}" if settings else ""
            result.save(top / f"{number:02d}{where}-seed{c.seed}.png")
        self._draw([(c, result.images[0]) for c, result in results])
        shutil.rmtree(self.folder / "leaders", ignore_errors=True)


def _short(value: Any) -> str:
    """Return a setting for a caption; a text that could be read as several values is quoted."""
    if isinstance(value, tuple):
        return ":".join(map(_short, value))
    if isinstance(value, str) and re.search(r"[\s,:]", value):
        return f"'{value}'"
    return f"{value:g}" if isinstance(value, float) else str(value)
