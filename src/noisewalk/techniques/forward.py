"""The forward process: a picture at chosen levels of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..models.zoo import Pretrained
from .panels import Panel, level_at, noised, still
from .spec import Source, option, picture


@dataclass(frozen=True, kw_only=True)
class Forward:
    """Add noise to a picture, in one jump to each level.

    x_t = alpha_t x0 + sigma_t eps.
    """

    image: Source = field(kw_only=False, metadata=picture("the picture to noise"))
    t: Sequence[int] = option((250, 500, 750), "timesteps, 0 (almost clean) to 999 (almost noise)", 0, 999)
    seed: int = option(0, "seed of the first picture's noise", 0, 2**62)
    num: int = option(1, "number of noises, of seeds seed, seed + 1, ...", 1, 4096)


def panels(spec: Forward, model: Pretrained) -> list[Panel]:
    image = spec.image.tensor.to(model.device, model.dtype)  # type: ignore[union-attr]
    shown = []
    for t in spec.t:
        level = level_at(model, t)
        label = f"t = {t}: alpha {level.alpha:.3f}, sigma {level.sigma:.3f}"
        shown.append(still(label, model.to_picture(noised(model, image, level, spec)), level, outcome=True))
    return [still("original", image, level_at(model, 0)), *shown]
