"""The components that the page has of its own are a canvas, a viewer, a gallery and the history. Their scripts are in static/.

Each is a `gr.HTML` whose value is plain JSON. The scripts write every text with `textContent`, never as HTML.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import gradio as gr
from PIL import Image

from .limits import Limits
from .pictures import decoded

SCRIPTS = ("pad.js", "viewer.js", "history.js", "page.js")


def scripts() -> str:
    """Return all scripts of the page, for its head."""
    turning = files("noisewalk.documents") / "templates" / "turning.js"
    texts = [path.read_text() for path in (turning, *(files(__package__) / "static" / name for name in SCRIPTS))]
    return "\n".join(f"<script>\n{text}\n</script>" for text in texts)


def style() -> str:
    """Return the style sheet of the page."""
    return (files(__package__) / "static" / "studio.css").read_text()


def scripted(builder: str, value: Any, **props: Any) -> Any:
    """Return a component that a function of the page's scripts builds.

    It has no class of its own, because Gradio writes a file beside the source of each new class.

    Args:
        builder: the name of the function (element, props, trigger, watch).
        value: its value, in JSON.
        props: what the function reads besides the value.
    """
    return gr.HTML(
        value=value,
        html_template="<div class='nw'></div>",
        js_on_load=f"{builder}(element, props, trigger, watch) /* 'open' 'restore' 'ask' */",
        apply_default_css=False,
        **props,
    )


def pad(kind: str, limits: Limits, **props: Any) -> Any:
    """Return a canvas to draw on, to load a picture into (file, camera, paste, drop), and to brush a mask over.

    Args:
        kind: "picture", "mask" or "both".
        limits: the limits of the pictures; `on_pad` checks what is drawn or loaded.
        props: further properties of the component.
    """
    return scripted("noisewalkPad", {}, kind=kind, most=limits.upload, **props)


def on_pad(value: Any, limits: Limits) -> dict[str, Image.Image]:
    """Return the pictures on a pad by their role, "picture" or "mask", read within the limits.

    Raises:
        UserError: one of them is not a picture that can be read within the limits.
    """
    given = value if isinstance(value, dict) else {}
    return {role: decoded(given[role], limits, role) for role in ("picture", "mask") if given.get(role)}
