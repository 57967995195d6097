"""The viewer of the page shows a step of a walk, and everything about a result, from JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from torch import Tensor

from ..documents.illusions import turn
from ..images import encode_png, to_image
from ..run.make import Stepped
from ..run.record import FIGURE, PictureRecord
from ..run.result import FinishedPanel, Result
from ..techniques.requests import Anagram, seeds
from .line import Control
from .pictures import chosen, data_url, picture_url, strip
from .preview import Preview, fitted, preview_url, projected
from .share import entry

MOST_SHOWN = 36
"""The number of pictures that are shown one by one."""


def waiting(place: int) -> dict[str, Any]:
    """Return the message about a place in the queue, of which 1 is the next."""
    return {"phase": "waiting", "message": "You are next." if place == 1 else f"You are number {place} in the queue."}


def stepped(event: Stepped, preview: Preview, control: Control, seconds: float) -> dict[str, Any]:
    """Return a step: x_t and x0, the level that was reached, how far the walk is and how long it will take."""
    x_t, x0 = preview(event.state.x_t, event.state.x0)
    left = seconds / event.done * (event.total - event.done)
    return {
        "phase": "walking",
        "label": event.panel.label,
        "x0": preview_url(x0),
        "xt": preview_url(x_t),
        "done": event.done,
        "total": event.total,
        "calls": control.calls,
        "left": round(left, 1),
        "level": level(event.state.level),
        "step": event.state.step + 1,
    }


def level(at: Any) -> dict[str, float]:
    """Return alpha and sigma of a noise level."""
    return {"alpha": round(float(at.alpha), 4), "sigma": round(float(at.sigma), 4)}


def ended(result: Result | None, why: str, control: Control, seconds: float) -> dict[str, Any]:
    """Return a result: its pictures, the walks to scrub over, what moves, and the entries of the history."""
    phase = {"phase": "stopped" if why else "done", "calls": control.calls, "seconds": round(seconds, 2)}
    if result is None:
        return {**phase, "message": f"{why}; nothing was finished" if why else ""}
    return {
        **phase,
        "message": f"{why}; what is finished is kept" if why else "",
        "shown": exhibits(result),
        "walks": [walked(panel) for panel in result.panels if len(panel.states) > 1],
        "far": picture_url(result.shown[-1].x[0].clamp(-1, 1)) if result.technique in ("hybrid", "inverse") else "",
        "turn": turned(result),
        "entries": entries(result),
    }


def exhibits(result: Result) -> list[dict[str, str]]:
    """Return every way to look at every picture, with its caption."""
    shown = []
    for panel in result.shown:
        for caption, x in panel.captioned:
            for row, picture in enumerate(x):
                own = f"{caption}, seed {seeds(result.request)[row]}" if len(x) > 1 else caption
                shown.append({"caption": own, "url": picture_url(picture.clamp(-1, 1))})
    return shown[:MOST_SHOWN]


def walked(panel: FinishedPanel) -> dict[str, Any]:
    """Return x_t, x0 and the level of all steps of a walk's first picture; latents are shown by a linear map."""
    states = panel.states
    _, _, height, width = states[-1].x0.shape
    kept = [states[i] for i in chosen(len(states), height, width)]
    weights = None if states[-1].x_t.shape == panel.x.shape else fitted(states[-1].x_t[:1], panel.x[:1])

    def picture(x: Tensor) -> Tensor:
        return (x[:1] if weights is None else projected(weights, x[:1]))[0].clamp(-1, 1)

    return {
        "label": panel.label,
        "xt": strip([picture(state.x_t) for state in kept]),
        "x0": strip([picture(state.x0) for state in kept]),
        "levels": [{"step": state.step + 1, **level(state.level)} for state in kept],
    }


def turned(result: Result) -> dict[str, Any] | None:
    """Return how every view of an anagram moves the picture, for the script that turns it."""
    if not isinstance(result.request, Anagram):
        return None
    made, files = turn("turn", "", result.shown[-1].x[0].clamp(-1, 1), list(result.request.views), list(result.request.prompts))
    urls = {name: data_url(data, "image/webp") for name, data in files.items()}
    looks = [msgspec.to_builtins(look) | {"src": urls.get(look.file, "")} for look in made.looks if look.name != "identity"]
    return {"src": urls[made.file], "looks": looks}


def entries(result: Result) -> list[dict[str, Any]]:
    """Return what the history keeps of each picture: the PNG that records how it was made."""
    if len(result.images) > MOST_SHOWN:
        return [entry(result, data_url(result.png(FIGURE)), picture_url_of_figure(result), None)]
    return [
        entry(result, data_url(result.png(PictureRecord("picture", i))), picture_url_of(result, i), i)
        for i in range(len(result.images))
    ]


def picture_url_of(result: Result, index: int) -> str:
    """Return the small picture of an entry."""
    return data_url(encode_png(result.images[index]))


def picture_url_of_figure(result: Result) -> str:
    """Return the small picture of the entry of many pictures."""
    return data_url(encode_png(to_image(result.tensor[0])))
