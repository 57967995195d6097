"""One task of a search: walk a batch of seeds and score them. The same code runs here and on every worker."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import Tensor

from ..errors import UserError
from ..images import encode_png, to_image
from ..judge.illusions import IllusionScores, score_illusions
from ..judge.scorer import Scorer, get_scorer
from ..models.zoo import Pretrained, load
from ..run.make import Stepped, make, run
from ..techniques.panels import PromptView
from ..techniques.requests import Request
from .plan import Plan, Task

DIGITS = 5


@dataclass(frozen=True)
class Done:
    """What came of a task.

    Args:
        task: which.
        scores: for each seed, alignment, concealment, margin (None if there is one prompt only) and the margins' own scores.
        seconds: that the task took.
        pictures: PNGs of the best seeds of the batch, by seed; at most as many as the search keeps.
    """

    task: Task
    scores: tuple[dict[str, Any], ...]
    seconds: float
    pictures: dict[int, bytes]


def run_task(plan: Plan, task: Task, model: Pretrained, scorer: Scorer) -> Done:
    """Make the pictures of a task and score them."""
    began = time.perf_counter()
    spec = plan.spec_of(task.point, task.seeds)
    x, views = (
        _half(plan.technique, spec, model, plan.batch)
        if task.stage == "half"
        else _full(plan.technique, spec, model, plan.batch)
    )
    scores = _rounded(score_illusions(scorer, x, [v.look for v in views], [v.prompt for v in views]))
    order = sorted(range(len(x)), key=lambda i: sort_key(plan.rank, scores[i], task.seeds[i]))
    best = order[: plan.top] if task.stage == "full" else []
    pictures = {task.seeds[i]: encode_png(to_image(x[i])) for i in best}
    return Done(task, scores, time.perf_counter() - began, pictures)


def sort_key(rank: str, scores: dict[str, Any], *ties: int) -> tuple[float, ...]:
    """Best first; of equals, the lower seed."""
    value = scores[rank]
    return (-(scores["alignment"] if value is None else value), *ties)


def equipment(plan: Plan) -> tuple[Pretrained, Scorer]:
    """The plan's model and scorer, loaded.

    Raises:
        UserError: the weights here are not the plan's.
    """
    name, weights, dtype = plan.model
    model = load(name, dtype=dtype, **plan.loading)
    if model.identity != weights:
        raise UserError(f"the model '{name}' has weights {model.identity} here, the search is of {weights}")
    return model, get_scorer(plan.scorer, model)


def run_remote(label: str, top: int, stage: str, point: int, seeds: Sequence[int], threads: int) -> Done:
    """`run_task` from plain values, for workers: the model is loaded once a process."""
    import torch

    torch.set_num_threads(threads)
    plan, model, scorer = _remembered(label, top)
    return run_task(plan, Task(stage, point, tuple(seeds)), model, scorer)


@lru_cache(maxsize=2)
def _remembered(label: str, top: int) -> tuple[Plan, Pretrained, Scorer]:
    data, here = json.loads(label)
    plan = Plan.from_json(data, top=top, here=here)
    return plan, *equipment(plan)


def _full(technique: str, spec: Request, model: Pretrained, batch: int) -> tuple[Tensor, tuple[PromptView, ...]]:
    result = run(technique, spec, model, keep_states=False, batch=batch)
    walked = next(walked for walked in result.panels if walked.is_output)
    return walked.x.clamp(-1, 1), walked.panel.prompt_views


def _half(technique: str, spec: Request, model: Pretrained, batch: int) -> tuple[Tensor, tuple[PromptView, ...]]:
    """The pictures as the model predicts them after half of the steps."""
    steps = 0
    for event in make(technique, spec, model, keep_states=False, batch=batch):
        if isinstance(event, Stepped) and event.panel.is_output:
            steps += 1
            if steps >= event.panel.steps // 2:
                return event.panel.decode(event.state.x0).clamp(-1, 1), event.panel.prompt_views
    raise AssertionError(f"{technique} made no picture")


def _rounded(scores: IllusionScores) -> tuple[dict[str, Any], ...]:
    """In numbers that do not hang on the last bits, which threads and machines differ in."""
    several = scores.matrix.shape[1] > 1
    rows = zip(scores.alignment.tolist(), scores.concealment.tolist(), scores.matrix.tolist(), strict=True)
    margins = scores.margins.tolist()
    return tuple(
        {
            "alignment": round(a, DIGITS),
            "concealment": round(c, DIGITS),
            "margin": round(min(m), DIGITS) if several else None,
            "margins": [round(each, DIGITS) for each in m] if several else None,
            "own": [round(row[i], DIGITS) for i, row in enumerate(matrix)],
        }
        for (a, c, matrix), m in zip(rows, margins, strict=True)
    )
