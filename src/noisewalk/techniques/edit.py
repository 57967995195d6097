"""SDEdit: add noise to a picture part of the way, and then walk back under a prompt."""

from __future__ import annotations

from ..walk.prediction import Denoiser
from .panels import Panel, as_output, guided, level_at, picture_panel, walk_panel
from .requests import Edit as Edit
from .stages import Prepared, Stage


def starts(stage: Stage[Edit]) -> list[tuple[str, int]]:
    """Return (label, index in the grid) of each walk; a strength s skips steps - floor(s steps), as in diffusers."""
    steps, request = stage.settings.steps, stage.request
    if request.strength:
        return [(f"strength {s:g}", steps - int(s * steps)) for s in request.strength]
    return [(f"start {i}", i) for i in request.start]


def guide(stage: Stage[Edit]) -> Denoiser:
    """Guide the walk by the request's prompt; see `cfg`."""
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Edit]) -> list[Panel]:
    """Return the original picture, and a walk from each start.

        x_t = alpha_t x0 + sigma_t eps at the start, and then the usual walk

    Args:
        prepared: the prepared request.

    Raises:
        UserError: a start lies outside of the grid, or the model does not know the prompt.

    Reference: Meng et al., *SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations*, 2022,
    https://arxiv.org/abs/2108.01073.
    """
    stage = prepared.first
    image = stage.pictures["image"]
    clean = level_at(stage.model, 0)
    made = []
    for label, start in starts(stage):
        if start == stage.settings.steps and stage.request.strength:  # strength 0: nothing is walked, the picture stays
            made.append(as_output(picture_panel(label, image.expand(len(prepared.seeds), *image.shape[1:]), clean)))
        else:
            made.append(walk_panel(label, prepared, guide, image=image, start=start))
    return [picture_panel("original", image, clean), *made]
