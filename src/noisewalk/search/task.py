"""A task of a search: walk a batch of seeds and score them. The same code runs here and on every worker."""

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
"""The decimal places of scores; the last bits differ between machines and numbers of threads."""


@dataclass(frozen=True)
class FinishedTask:
    """A finished task.

    Args:
        task: the task.
        scores: for each seed its alignment, concealment, margin (None if there is only one prompt), margins and own scores.
        seconds: the time that the task took.
        pictures: PNGs of the best pictures of the batch, by seed; at most as many as the search keeps.
    """

    task: Task
    scores: tuple[dict[str, Any], ...]
    seconds: float
    pictures: dict[int, bytes]


def run_task(plan: Plan, task: Task, model: Pretrained, scorer: Scorer) -> FinishedTask:
    """Make the pictures of a task and score them."""
    began = time.perf_counter()
    request = plan.request_of(task.point, task.seeds)
    x, views = (
        _half(plan.technique, request, model, plan.batch)
        if task.stage == "half"
        else _full(plan.technique, request, model, plan.batch)
    )
    scores = _rounded(score_illusions(scorer, x, [v.look for v in views], [v.prompt for v in views]))
    order = sorted(range(len(x)), key=lambda i: sort_key(plan.rank, scores[i], task.seeds[i]))
    best = order[: plan.top] if task.stage == "full" else []
    pictures = {task.seeds[i]: encode_png(to_image(x[i])) for i in best}
    return FinishedTask(task, scores, time.perf_counter() - began, pictures)


def sort_key(rank: str, scores: dict[str, Any], *ties: int) -> tuple[float, ...]:
    """Return a key that sorts the best scores first; among equal scores, the lower numbers in `ties` come first."""
    value = scores[rank]
    return (-(scores["alignment"] if value is None else value), *ties)


def equipment(plan: Plan) -> tuple[Pretrained, Scorer]:
    """Load the model and the scorer of a plan.

    Raises:
        UserError: the model has other weights here than in the plan.
    """
    name, weights, dtype = plan.model
    model = load(name, dtype=dtype, **plan.loading)
    if model.identity != weights:
        raise UserError(
            f"the model '{name}' has the weights {model.identity} here, but the search has {weights}; use the same weights"
        )
    return model, get_scorer(plan.scorer, model, plan.loading.get("offline", False))


def run_remote(label: str, top: int, stage: str, point: int, seeds: Sequence[int], threads: int) -> FinishedTask:
    """Do a task on a worker, which loads the model once per process.

    Args:
        label: the label of the search and the options that are not part of it, as JSON.
        top: the number of pictures that the search keeps.
        stage: see `Task`.
        point: see `Task`.
        seeds: see `Task`.
        threads: the threads of PyTorch.
    """
    import torch

    torch.set_num_threads(threads)
    plan, model, scorer = _remembered(label, top)
    return run_task(plan, Task(stage, point, tuple(seeds)), model, scorer)


@lru_cache(maxsize=2)
def _remembered(label: str, top: int) -> tuple[Plan, Pretrained, Scorer]:
    data, here = json.loads(label)
    plan = Plan.from_json(data, top=top, here=here)
    return plan, *equipment(plan)


def _full(technique: str, request: Request, model: Pretrained, batch: int) -> tuple[Tensor, tuple[PromptView, ...]]:
    result = run(technique, request, model, keep_states=False, batch=batch)
    walked = next(walked for walked in result.panels if walked.is_output)
    return walked.x.clamp(-1, 1), walked.panel.prompt_views


def _half(technique: str, request: Request, model: Pretrained, batch: int) -> tuple[Tensor, tuple[PromptView, ...]]:
    """Return the pictures that the model predicts after half of the steps, and their views."""
    steps = 0
    for event in make(technique, request, model, keep_states=False, batch=batch):
        if isinstance(event, Stepped) and event.panel.is_output:
            steps += 1
            if steps >= event.panel.steps // 2:
                return event.panel.decode(event.state.x0).clamp(-1, 1), event.panel.prompt_views
    raise AssertionError(f"{technique} made no picture")


def _rounded(scores: IllusionScores) -> tuple[dict[str, Any], ...]:
    """Return scores rounded to `DIGITS` decimal places."""
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
