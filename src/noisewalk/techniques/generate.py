"""Text to picture: a walk from noise under classifier-free guidance."""

from __future__ import annotations

from ..walk.prediction import Denoiser
from .panels import Panel, guided, walk_panel
from .requests import Generate as Generate
from .stages import Prepared, Stage


def guide(stage: Stage[Generate]) -> Denoiser:
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Generate]) -> list[Panel]:
    return [walk_panel(prepared.request.prompt or "(any)", prepared, guide)]
