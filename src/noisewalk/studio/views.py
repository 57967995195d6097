"""What the viewer of the page shows, as JSON: a step of a walk, and everything about a result."""

from __future__ import annotations

import math
from typing import Any

import torch

from ..guidance.views import View
from ..images import encode_png, to_image
from ..report.animate import frame, motion_of
from ..run.film import ease
from ..run.make import Stepped
from ..run.record import FIGURE, PictureRecord
from ..run.result import FinishedPanel, Result
from ..techniques.requests import Anagram
from ..techniques.spec import seeds
from ..techniques.view_files import find_views
from .pictures import chosen, data_url, picture_url, sheet_url, strip
from .runner import Control
from .share import entry

FRAMES, SIDE = 16, 112
"""Frames of a view's motion, and the least side of its picture, pixels."""
MOST_SHOWN = 36
"""Pictures that are shown one by one."""


def waiting(text: str) -> dict[str, Any]:
    """Before the first step."""
    return {"phase": "waiting", "message": text}


def stepped(event: Stepped, control: Control, seconds: float) -> dict[str, Any]:
    """A step: x_t and x0 as they are now, the level that was reached, how far it is and how long it will take."""
    panel, state = event.panel, event.state
    x0 = panel.decode(state.x0)
    x_t = state.x_t if state.x_t.shape == x0.shape else x0  # decoding x_t of a latent model would cost as much again
    left = seconds / event.done * (event.total - event.done)
    return {
        "phase": "walking",
        "label": panel.label,
        "x0": sheet_url(x0.clamp(-1, 1)),
        "xt": sheet_url(x_t.clamp(-1, 1)),
        "done": event.done,
        "total": event.total,
        "calls": control.calls,
        "left": round(left, 1),
        "level": level(state.level),
        "step": state.step + 1,
    }


def level(at: Any) -> dict[str, float]:
    """Return alpha and sigma of a noise level."""
    return {"alpha": round(float(at.alpha), 4), "sigma": round(float(at.sigma), 4)}


def ended(result: Result | None, why: str, control: Control, seconds: float) -> dict[str, Any]:
    """A result: its pictures, the walks to scrub over, what moves, and the entries of the history."""
    phase = {"phase": "stopped" if why else "done", "calls": control.calls, "seconds": round(seconds, 2)}
    if result is None:
        return {**phase, "message": f"{why}; nothing was finished" if why else ""}
    return {
        **phase,
        "message": f"{why}; what is finished is kept" if why else "",
        "shown": exhibits(result),
        "walks": [walked(panel) for panel in result.panels if len(panel.states) > 1],
        "far": picture_url(result.shown[-1].x[0].clamp(-1, 1)) if result.technique in ("hybrid", "inverse") else "",
        "entries": entries(result),
    }


def exhibits(result: Result) -> list[dict[str, str]]:
    """Every way to look at every picture, with its caption."""
    shown = []
    for panel in result.shown:
        for caption, x in panel.captioned:
            for row, picture in enumerate(x):
                own = f"{caption}, seed {seeds(result.spec)[row]}" if len(x) > 1 else caption
                shown.append({"caption": own, "url": picture_url(picture.clamp(-1, 1))})
    return shown[:MOST_SHOWN]


def walked(panel: FinishedPanel) -> dict[str, Any]:
    """All steps of a walk, of its first picture: x_t, x0 and the level of each."""
    states = panel.states
    decode = panel.panel.decode
    _, height, width = decode(states[-1].x0[:1]).shape[1:]
    kept = [states[i] for i in chosen(len(states), height, width)]
    return {
        "label": panel.label,
        "xt": strip([decode(state.x_t[:1])[0].clamp(-1, 1) for state in kept]),
        "x0": strip([decode(state.x0[:1])[0].clamp(-1, 1) for state in kept]),
        "levels": [{"step": state.step + 1, **level(state.level)} for state in kept],
    }


def turns(result: Result) -> list[dict[str, Any]]:
    """The motion of every view of an anagram, as frames from how it is to how it is seen."""
    if not isinstance(result.spec, Anagram):
        return []
    x = result.shown[-1].x[0].clamp(-1, 1)
    shape = (x.shape[0], x.shape[1], x.shape[2])
    pairs = zip(find_views(result.spec.views, shape), result.spec.prompts, strict=False)
    return [turn(view, prompt, x, shape) for view, prompt in pairs if view.name != "identity"]


def turn(view: View, prompt: str, x: torch.Tensor, shape: tuple[int, int, int]) -> dict[str, Any]:
    """The motion of one view."""
    seen, motion = view.forward(x[None])[0], motion_of(view, *shape)
    scale = max(1, math.ceil(SIDE / shape[2]))
    steps = [ease(i / (FRAMES - 1)) for i in range(FRAMES)]
    drawn = [torch.from_numpy(frame(x, seen, motion, s, scale)).permute(2, 0, 1).float() / 127.5 - 1 for s in steps]
    return {"label": f"{view.name}: {prompt}", **strip(drawn)}


def entries(result: Result) -> list[dict[str, Any]]:
    """What the history keeps: each picture that was made, as the PNG that remembers everything."""
    if len(result.images) > MOST_SHOWN:
        return [entry(result, data_url(result.png(FIGURE)), picture_url_of_figure(result), None)]
    return [
        entry(result, data_url(result.png(PictureRecord("picture", i))), picture_url_of(result, i), i)
        for i in range(len(result.images))
    ]


def picture_url_of(result: Result, index: int) -> str:
    """The small picture of an entry."""
    return data_url(encode_png(result.images[index]))


def picture_url_of_figure(result: Result) -> str:
    """The small picture of the entry of many pictures."""
    return data_url(encode_png(to_image(result.tensor[0])))
