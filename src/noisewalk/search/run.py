"""Run a search: do what is not in the ledger, show the leaders meanwhile, and make the winners."""

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
from .engines import Engine, local
from .ledger import Ledger
from .page import contact_sheet, search_page
from .plan import Plan, Task
from .task import sort_key

SHOW_EVERY = 2.0


@dataclass(frozen=True)
class Candidate:
    """A picture that was scored.

    Args:
        point: index into the plan's points.
        seed: of the picture.
        scores: alignment, concealment, margin, margins, own.
    """

    point: int
    seed: int
    scores: dict[str, Any]


class Search:
    """A search in a folder.

    The folder holds `search.jsonl` (the ledger, from which a second call goes on), and, always up to date within seconds,
    `search.html` (every candidate, sortable) and `contact.png` (the leaders). At the end the winners are made once more, each
    alone, so that their PNGs replay exactly.

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
        """Do what is left, and return the winners, best first. Stopped in any way, what was done stays done."""
        with held(self.folder, "noisewalk search"):
            self.ledger = self._ledger()  # another process may have gone on since
            for stage in ("half", "full") if self.plan.early < 1 else ("full",):
                self._stage(stage, engine, watch)
            winners = self.leaders()
            self._make(winners)
        return winners

    def candidates(self, stage: str = "full") -> list[Candidate]:
        """What has been scored so far, best first; of the plan's seeds only."""
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
        """What the best picture's worst way of looking shows, by the scorer's own reliability on real pictures."""
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
        """The (point, seed)s that were best half-way: a share of those of each point, at least as many as are kept."""
        found = self.candidates("half")
        count = max(self.plan.top, round(self.plan.early * len(self.plan.seeds)))
        kept = chain.from_iterable([c for c in found if c.point == p][:count] for p in range(len(self.plan.points)))
        return [(c.point, c.seed) for c in kept]

    def _preview(self, point: int, seed: int) -> Path:
        return self.folder / "leaders" / f"{point}-{seed}.png"

    def _show(self, at_once: bool = False) -> None:
        """The live sheet and page, at most every two seconds; previews that lead no more are removed."""
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
        """The contact sheet and the page, with every way of looking at each of the pictures."""
        looks = [(c, self._looks(c.point, image)) for c, image in shown]
        if looks:
            sheets = [[(f"{self.caption(c)} {label}", x) for label, x in each] for c, each in looks]
            write_atomic(self.folder / "contact.png", encode_png(contact_sheet(sheets)))
        rows = [(c.point, c.seed, self.plan.points[c.point], c.scores) for c in self.candidates()]
        drawn = {(c.point, c.seed): [(label, encode_png(to_image(x[0]))) for label, x in each] for c, each in looks}
        write_atomic(self.folder / "search.html", search_page(self.title, rows, drawn, self.verdict()).encode())

    def _panel(self, point: int) -> Panel:
        """The panel that a point's pictures are results of: it knows the ways to look at them."""
        if point not in self._panels:
            prepared = prepare(self.plan.spec_of(point, [0]), self.model)
            self._panels[point] = next(p for p in TECHNIQUES[self.plan.technique].panels(prepared) if p.is_output)
        return self._panels[point]

    def _looks(self, point: int, image: Image.Image) -> list[tuple[str, Tensor]]:
        """(caption, (1, C, H, W)) of every way of looking at a picture."""
        x, views = to_tensor(image), self._panel(point).prompt_views
        if len(views) > 1:
            return [(f"{view.label}: {view.prompt}", view.look(x)) for view in views]
        return [("", x)]

    @property
    def title(self) -> str:
        """The title of the page: the technique, its prompts and the number of seeds."""
        made = self.plan.to_json()["spec"]
        asked = made.get("prompts") or [made[name] for name in ("far", "near", "prompt") if made.get(name)]
        return f"{self.plan.technique}: {' / '.join(asked)}, {len(self.plan.seeds)} seeds"

    def caption(self, c: Candidate) -> str:
        """A candidate in a line."""
        where = " ".join(f"{name} {_short(value)}" for name, value in self.plan.points[c.point].items())
        return f"seed {c.seed} {where} {self.plan.rank} {c.scores[self.plan.rank] or c.scores['alignment']:.2f}".replace(
            "  ", " "
        )

    def _make(self, winners: list[Candidate]) -> None:
        results: list[tuple[Candidate, Result]] = []
        for c in winners:
            spec = self.plan.spec_of(c.point, [c.seed])
            results.append((c, run(self.plan.technique, spec, self.model, keep_states=False)))
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
    """A setting in a caption; texts that could be read as several are quoted."""
    if isinstance(value, tuple):
        return ":".join(map(_short, value))
    if isinstance(value, str) and re.search(r"[\s,:]", value):
        return f"'{value}'"
    return f"{value:g}" if isinstance(value, float) else str(value)
