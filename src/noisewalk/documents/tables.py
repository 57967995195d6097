"""Tables of numbers: the PSNR of denoise, and the scores of pictures."""

from __future__ import annotations

from ..judge.illusions import score_illusions
from ..judge.scorer import get_scorer
from ..run.result import Result
from ..techniques.denoise import psnr
from ..techniques.requests import seeds
from .store import Table


def psnr_table(result: Result) -> Table:
    """Return a table of the PSNR of denoise by t and method."""
    original = result.panels[0].x[:1]
    found: dict[str, dict[str, str]] = {}
    for walked in result.panels:
        if walked.is_output:
            t, _, method = walked.label.partition(", ")
            found.setdefault(t, {})[method] = f"{psnr(walked.x, original):.1f} dB"
    methods = list(next(iter(found.values())))
    return Table(("PSNR", *methods), tuple((t, *(by[method] for method in methods)) for t, by in found.items()))


def score_tables(result: Result) -> list[Table]:
    """Return tables of the scores of every picture by seed, from the model's own scorer."""
    scorer, tables = get_scorer("auto", result.model), []
    for walked in result.panels:
        views = walked.panel.prompt_views
        if not walked.is_output or not views:
            continue
        found = score_illusions(scorer, walked.x, [view.look for view in views], [view.prompt for view in views])
        own = found.matrix.diagonal(dim1=1, dim2=2)
        heads = [f"{view.label} {view.prompt or 'no prompt'}".strip() for view in views]
        both = ("worst (A)", "own and no other (C)") if len(views) > 1 else ()
        rows = []
        for i, seed in enumerate(seeds(result.request)):
            more = (f"{found.alignment[i]:.2f}", f"{found.concealment[i]:.2f}") if both else ()
            rows.append((str(seed), *(f"{value:.2f}" for value in own[i]), *more))
        tables.append(Table(("seed", *heads, *both), tuple(rows)))
    return tables
