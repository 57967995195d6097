"""The plan of a search: a technique, the seeds and settings to try, and how to rank the results."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..checking import checked
from ..errors import UserError
from ..models.precision import dtype_name
from ..models.zoo import Pretrained
from ..requests import Ranking
from ..run.prepare import prepare
from ..techniques import TECHNIQUES
from ..techniques.as_json import from_json, to_json
from ..techniques.requests import Request

MOST, MOST_BATCH, MOST_POINTS, MOST_SEED = 1_000_000, 4096, 10_000, 2**62
"""The most pictures of a search, the most pictures per batch, the most points of its grid, and the largest seed."""


@dataclass(frozen=True)
class Task:
    """A batch of seeds at one point of the grid.

    Args:
        stage: "full", or "half" for pictures that are walked half-way and scored by x0.
        point: the index of the grid's point.
        seeds: the seeds of the pictures, which are made in one batch.
    """

    stage: str
    point: int
    seeds: tuple[int, ...]


HERE = ("memory", "offline")
"""The options of `load` on which no picture depends."""


@dataclass(frozen=True)
class Plan(Ranking):
    """A search.

    Searches may share a folder if only their `seeds` and `top` differ. The batch must be the same too, because on some machines
    the last digits of a picture depend on it.

    Args:
        technique: the name of the technique.
        request: the prepared request; its seed and num do not matter.
        model: the name and the fingerprint of the model, and the dtype in which it computes.
        seeds: the seeds to try, each at every point of the grid.
        grid: fields of the request and the values to try, in all combinations.
        loading: further options of `load` that are not the defaults; those in `HERE` may differ within a folder.
    """

    technique: str
    request: Request
    model: tuple[str, str, str]
    seeds: tuple[int, ...]
    grid: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    loading: Mapping[str, Any] = field(default_factory=dict)
    points: tuple[dict[str, Any], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        points = math.prod(len(values) for _, values in self.grid)
        if points > MOST_POINTS:
            raise UserError(f"the grid has {points:,} points, but at most {MOST_POINTS:,} are allowed; give fewer values")
        names = [name for name, _ in self.grid]
        combinations = itertools.product(*(values for _, values in self.grid))
        object.__setattr__(self, "points", tuple(dict(zip(names, each, strict=True)) for each in combinations))
        count = len(self.seeds) * len(self.points)
        if not self.seeds:
            raise UserError("the range of seeds is empty; give some seeds, such as --seeds 0:200")
        if count > MOST:
            raise UserError(
                f"{len(self.seeds):,} seeds at {len(self.points):,} points are {count:,} pictures, but at most {MOST:,} are "
                "allowed; give fewer seeds or values"
            )
        checked(Ranking(**{f.name: getattr(self, f.name) for f in fields(Ranking)}))

    def request_of(self, point: int, seeds: Sequence[int]) -> Request:
        """Return the request for some seeds at a point of the grid."""
        listed = tuple(seeds) if len(seeds) > 1 else ()
        return replace(self.request, **self.points[point], seed=seeds[0], num=len(seeds), seeds=listed)

    def tasks(self, stage: str, chosen: Sequence[tuple[int, int]] | None = None) -> Iterator[Task]:
        """Yield the tasks of a stage, in order.

        A batch holds the seeds that give the same number when they are divided by the batch size, so that a later search over
        more seeds has the same batches. Chosen seeds fill the batches in order.

        Args:
            stage: "half" or "full".
            chosen: the (point, seed) pairs to make; None for all.
        """
        for point in range(len(self.points)):
            own = self.seeds if chosen is None else [seed for at, seed in chosen if at == point]
            groups: dict[int, list[int]] = {}
            for i, seed in enumerate(sorted(own)):
                groups.setdefault((seed if chosen is None else i) // self.batch, []).append(seed)
            for together in groups.values():
                yield Task(stage, point, tuple(together))

    def to_json(self) -> dict[str, Any]:
        """Return the label of the search's folder as JSON, with the pictures of the request in it."""
        request = {key: value for key, value in to_json(self.request).items() if key not in ("seed", "num", "seeds")}
        return {
            "verb": self.technique,
            "model": list(self.model),
            "spec": request,
            "grid": [[name, [list(v) if isinstance(v, tuple) else v for v in values]] for name, values in self.grid],
            "scorer": self.scorer,
            "rank": self.rank,
            "early": self.early,
            "batch": self.batch,
            "loading": {name: list(v) if isinstance(v, tuple) else v for name, v in self.loading.items() if name not in HERE},
        }

    @property
    def here(self) -> dict[str, Any]:
        """The options of `load` that are not part of the label."""
        return {name: value for name, value in self.loading.items() if name in HERE}

    @staticmethod
    def from_json(
        data: dict[str, Any], seeds: Sequence[int] = (0,), top: int = 1, here: Mapping[str, Any] | None = None
    ) -> Plan:
        """Return a plan from its label, the inverse of `to_json`.

        Args:
            data: the label.
            seeds: the seeds of the plan.
            top: the number of pictures that are kept.
            here: the options of `load` that are not part of the label.
        """
        request = from_json(TECHNIQUES[data["verb"]].request, data["spec"])
        grid = tuple((name, tuple(tuple(v) if isinstance(v, list) else v for v in values)) for name, values in data["grid"])
        name, weights, dtype = data["model"]
        rest = {key: data[key] for key in ("scorer", "rank", "early", "batch")}
        rest["loading"] = {**data["loading"], **(here or {})}
        return Plan(data["verb"], request, (name, weights, dtype), tuple(seeds), grid, top=top, **rest)


def make_plan(technique: str, request: Request, model: Pretrained, seeds: Sequence[int], **rest: Any) -> Plan:
    """Return the plan of a user's request, after a check of every point of the grid against the model.

    Args:
        technique: the name of the technique.
        request: the request.
        model: the model.
        seeds: the seeds to try.
        rest: further fields of `Plan`.

    Raises:
        UserError: something in the request or at a point of the grid cannot be done, or it makes several pictures per seed.
    """
    identity = (model.name, model.identity, dtype_name(model.compute_dtype))
    plan = Plan(technique, prepare(request, model).record, identity, tuple(seeds), **rest)
    for point in range(len(plan.points)):
        try:
            panels = TECHNIQUES[technique].panels(prepare(plan.request_of(point, [0]), model))
        except UserError as error:
            where = ", ".join(f"{name} {value}" for name, value in plan.points[point].items())
            raise UserError(f"at {where}: {error}" if where else str(error)) from None
        outputs = [panel for panel in panels if panel.is_output]
        if len(outputs) != 1:
            labels = ", ".join(panel.label for panel in outputs[:4])
            raise UserError(
                f"a search ranks one picture per seed, but this {technique} makes {len(outputs)} ({labels}, …); ask for one"
            )
        if not outputs[0].prompt_views:
            raise UserError(f"{technique} has no prompt for which its pictures could be scored; search another technique")
    return plan


def parse_seeds(text: str) -> tuple[int, ...]:
    """Parse seeds: 0:200 (without 200), 0:200:2, 7, or several of these with commas between them.

    >>> parse_seeds("0:3,7")
    (0, 1, 2, 7)
    """
    short = text if len(text) <= 60 else f"{text[:59]}…"
    seeds: list[int] = []
    for part in text.split(","):
        try:
            numbers = [int(n) for n in part.split(":")]
            if len(numbers) > 3 or min(numbers) < 0:
                raise ValueError
            span = range(*numbers) if len(numbers) > 1 else range(numbers[0], numbers[0] + 1)
        except ValueError:
            raise UserError(f"--seeds must be written as 0:200, 0:200:2 or 1,5,9, but '{short}' was given") from None
        if max(numbers) > MOST_SEED:
            raise UserError(f"--seeds must be at most {MOST_SEED}, but '{short}' was given")
        if len(seeds) + len(span) > MOST:
            raise UserError(f"--seeds must be at most {MOST:,} seeds, but {len(seeds) + len(span):,} were given")
        seeds += span
    if not seeds:
        raise UserError(f"the range of seeds {short} is empty; give some seeds, such as --seeds 0:200")
    return tuple(dict.fromkeys(seeds))


def same_search(there: dict[str, Any], here: dict[str, Any]) -> str:
    """Say what differs between the labels of two searches; "" if they may share a folder."""

    def short(value: Any) -> str:
        text = json.dumps(value)
        return text if len(text) <= 60 else text[:57] + "…"

    pairs = [("", {k: v for k, v in d.items() if k != "spec"}) for d in (there, here)]
    differing = []
    for old, new, before in ((pairs[0][1], pairs[1][1], ""), (there.get("spec", {}), here.get("spec", {}), "request ")):
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                differing.append(f"{before}{key} was {short(old.get(key))}, now {short(new.get(key))}")
    return "; ".join(differing)
