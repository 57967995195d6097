"""SDEdit: noise a picture part of the way, then walk back under a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..models.zoo import Pretrained
from ..walk.grids import GRIDS
from ..walk.prediction import Denoiser
from .panels import Panel, guided, level_at, still, walk_panel
from .spec import Source, Walk, option, picture


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


def starts(spec: Edit) -> list[tuple[str, int]]:
    """(label, index in the grid) of each walk; strength s skips steps - floor(s steps), as in diffusers."""
    steps = spec.steps or 0
    if spec.strength:
        return [(f"strength {s:g}", steps - int(s * steps)) for s in spec.strength]
    return [(f"start {i}", i) for i in spec.start]


def guide(spec: Edit, model: Pretrained) -> Denoiser:
    return guided(model, spec, spec.prompt)


def panels(spec: Edit, model: Pretrained) -> list[Panel]:
    image = spec.image.tensor.to(model.device, model.dtype)  # type: ignore[union-attr]
    clean = level_at(model, 0)
    made = []
    for label, start in starts(spec):
        if spec.strength and start == spec.steps:  # strength 0: nothing is walked, the picture stays
            made.append(still(label, image.expand(spec.num, *image.shape[1:]), clean, outcome=True))
        else:
            made.append(walk_panel(label, model, spec, guide, image=image, start=start))
    return [still("original", image, clean), *made]
