"""From text to pictures: a walk from noise under classifier-free guidance."""

from __future__ import annotations

from ..walk.prediction import Denoiser
from .panels import Panel, guided, walk_panel
from .requests import Generate as Generate
from .stages import Prepared, Stage


def guide(stage: Stage[Generate]) -> Denoiser:
    """Guide the walk by the request's prompt; see `cfg`."""
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Generate]) -> list[Panel]:
    """Return the walk from pure noise.

        x_T = sigma_T eps, and then x_t -> x_s down the grid

    Args:
        prepared: the prepared request.

    Raises:
        UserError: the model does not know the prompt.
    """
    return [walk_panel(prepared.request.prompt or "(any)", prepared, guide)]
