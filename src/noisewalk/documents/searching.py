"""Fences that search: several seeds are tried for each command, and the best ones are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import UserError
from ..images import encode_png, to_image
from ..judge.illusions import score_illusions
from ..judge.reliability import UNKNOWN, reliability_of
from ..judge.scorer import get_scorer
from ..run.make import run
from ..run.prepare import prepare
from ..techniques.requests import prompts_of
from .captions import caption
from .making import FractionDone, key
from .resolving import ResolvedCommand
from .store import Cell, Figure, Row, Tried, find, keep

SHOWN = 12
"""The most tried seeds that are shown, best first."""


def tried(resolved: ResolvedCommand, seeds: Sequence[int], figures: Path, watch: FractionDone) -> tuple[Figure, Path]:
    """Make and score a picture for each of several seeds, and return the figure of the search and its folder.

    Args:
        resolved: the command.
        seeds: the seeds.
        figures: the folder of all figures.
        watch: a function that is called with the part that is done, from 0 to 1.

    Raises:
        UserError: the command makes several pictures per seed, or none that can be scored.
    """
    model, request = resolved.model, replace(resolved.job.request, seed=seeds[0], num=len(seeds), seeds=tuple(seeds))
    job = replace(resolved.job, request=request)
    folder = figures / f"search-{key(job, prepare(request, model), frozenset())}"
    found = find(folder)
    if found is not None:
        return found, folder
    scorer = get_scorer("auto", model)
    result = run(job.technique, request, model, lambda done, total: watch(done / total), keep_states=False)
    outputs = [walked for walked in result.panels if walked.is_output]
    views = outputs[0].panel.prompt_views
    if len(outputs) != 1 or not views:
        raise UserError(
            f"a search ranks one picture per seed by its prompts, and this {job.technique} has none; leave out seeds="
        )
    scores = score_illusions(scorer, result.tensor, [view.look for view in views], [view.prompt for view in views])
    order = scores.alignment.argsort(descending=True, stable=True).tolist()
    ranked = tuple(Tried(seeds[i], float(scores.alignment[i]), float(scores.concealment[i])) for i in order)
    files, cells = {}, []
    for rank, i in enumerate(order[:SHOWN]):
        files[f"tried-{rank}.png"] = encode_png(to_image(result.tensor[i]))
        label = f"seed {seeds[i]}, A {float(scores.alignment[i]):.2f}"
        cells.append(Cell(label, f"{job.technique} {' / '.join(view.prompt for view in views)}: {label}", f"tried-{rank}.png"))
    known, rows = reliability_of(scorer), (Row("", tuple(cells)),)
    made = Figure(
        caption(resolved.job),
        rows=rows,
        tried=ranked,
        rule=known.rule if known else UNKNOWN,
        least=known.least if known else None,
    )
    keep(folder, made, files)
    return made, folder


def verdict(found: Sequence[Figure]) -> str:
    """Say once for all the best seeds of a fence what their scores mean, and how many of them are good.

    >>> verdict([Figure("", tried=(Tried(0, 2.0, 1.0),), rule="It is right from 1 on.", least=1.0)])
    'The score is that of the worst way of looking. It is right from 1 on. Of these pictures, 1 of 1 has such a score.'
    """
    text = " ".join(dict.fromkeys(["The score is that of the worst way of looking.", *(figure.rule for figure in found)]))
    if any(figure.least is None for figure in found):
        return text
    good = sum(figure.tried[0].alignment >= (figure.least or 0) for figure in found)
    return f"{text} Of these pictures, {good} of {len(found)} {'has' if good == 1 else 'have'} such a score."


def best(found: Sequence[tuple[ResolvedCommand, Figure]], count: int) -> list[tuple[ResolvedCommand, Figure]]:
    """Return the best seed for each set of prompts, best first, with the search that found it."""
    ranked = sorted(found, key=lambda each: -each[1].tried[0].alignment)
    chosen: dict[tuple[str, ...], tuple[ResolvedCommand, Figure]] = {}
    for resolved, figure in ranked:
        chosen.setdefault(prompts_of(resolved.job.request), (resolved.seeded(figure.tried[0].seed), figure))
    return list(chosen.values())[:count]
