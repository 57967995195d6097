"""Text to picture: a walk from noise under classifier-free guidance."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..walk.prediction import Denoiser
from .panels import Panel, guided, walk_panel
from .spec import Walk, argument
from .stages import Prepared, Stage


@dataclass(frozen=True, kw_only=True)
class Generate(Walk):
    """Draw a prompt from pure noise.

    x_T = sigma_T eps, then x_t -> x_s down the grid with x0 = x0_u + g (x0_c - x0_u).
    """

    prompt: str = field(kw_only=False, metadata=argument("what to draw; '' lets the model choose"))


def guide(stage: Stage[Generate]) -> Denoiser:
    return guided(stage, stage.request.prompt)


def panels(prepared: Prepared[Generate]) -> list[Panel]:
    return [walk_panel(prepared.request.prompt or "(any)", prepared, guide)]
