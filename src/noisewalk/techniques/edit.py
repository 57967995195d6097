"""SDEdit: noise a picture part of the way, then walk back under a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..walk.grids import GRIDS
from ..walk.prediction import Denoiser
from .panels import Panel, guided, level_at, outcome, still, walk_panel
from .spec import Source, Walk, option, picture
from .stages import Prepared, Stage


@dataclass(frozen=True, kw_only=True)
class Edit(Walk):
    """Turn a photo, a web picture or a drawing into what the model knows (SDEdit, Meng et al. 2022).

    x_t = alpha_t x0 + sigma_t eps at the start, then the usual walk from there: the later it starts, the more is kept.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture to edit"))
    prompt: str = option("", "what it should become; '' lets the model choose")
    start: Sequence[int] = option((1, 3, 5, 7, 10, 20), "steps of the grid to skip: more keeps more of the picture", 0, 999)
    strength: Sequence[float] = option((), "share of the grid to walk, 0 to 1, instead of --start: less keeps more", 0, 1)
    steps: int | None = option(34, "steps of the whole grid", 1, 1000)
    grid: str | None = option("course", "where the steps are", choices=GRIDS)


def starts(stage: Stage[Edit]) -> list[tuple[str, int]]:
    """(label, index in the grid) of each walk; strength s skips steps - floor(s steps), as in diffusers."""
    steps, request = stage.settings.steps, stage.request
    if request.strength:
        return [(f"strength {s:g}", steps - int(s * steps)) for s in request.strength]
    return [(f"start {i}", i) for i in request.start]


def guide(stage: Stage[Edit]) -> Denoiser:
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Edit]) -> list[Panel]:
    stage = prepared.first
    image = stage.pictures["image"]
    clean = level_at(stage.model, 0)
    made = []
    for label, start in starts(stage):
        if start == stage.settings.steps and stage.request.strength:  # strength 0: nothing is walked, the picture stays
            made.append(outcome(still(label, image.expand(len(prepared.seeds), *image.shape[1:]), clean)))
        else:
            made.append(walk_panel(label, prepared, guide, image=image, start=start))
    return [still("original", image, clean), *made]
