"""The forward process: a picture at chosen levels of noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ..walk.noise import NoiseLevel
from .panels import Panel, level_at, noised, outcome, still
from .spec import Request, Source, option, picture
from .stages import Prepared


@dataclass(frozen=True, kw_only=True)
class Forward(Request):
    """Add noise to a picture, in one jump to each level.

    x_t = alpha_t x0 + sigma_t eps.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture to noise"))
    t: Sequence[int] = option((250, 500, 750), "timesteps, 0 (almost clean) to 999 (almost noise)", 0, 999)


def panels(prepared: Prepared[Forward]) -> list[Panel]:
    stage, seeds = prepared.first, prepared.seeds
    model, image = stage.model, stage.pictures["image"]

    def jump(level: NoiseLevel) -> Callable[[], Tensor]:
        return lambda: model.to_picture(noised(stage, image, level, seeds))

    shown = []
    for t in prepared.request.t:
        level = level_at(model, t)
        label = f"t = {t}: alpha {level.alpha:.3f}, sigma {level.sigma:.3f}"
        shown.append(outcome(still(label, jump(level), level, (len(seeds), *model.shape))))
    return [still("original", image, level_at(model, 0)), *shown]
