"""The functions behind the history of the page, which restores settings, replays pictures, and writes reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from ..errors import UserError
from ..models.zoo import load
from . import dropped
from .actions import Json, log_fault, said, session_of
from .forms import Form
from .pictures import data_url
from .share import report
from .studio import Studio


def restoring(studio: Studio, forms: dict[str, Form]) -> Callable[[Any], list[Any]]:
    """Return a function that puts the settings of a picture back into its form, and opens its tab."""

    def restored(value: Any) -> list[Any]:
        skipped = [gr.skip() for form in forms.values() for _ in (None, *form.components)]
        try:
            record, request = dropped.restored(studio, value.get("png") if isinstance(value, dict) else None)
        except Exception as error:
            log_fault(error)
            return [{"message": said(error)}, gr.skip(), *skipped]
        updates: list[Any] = []
        for technique, form in forms.items():
            here = (
                [record.model.name, *form.values(request)]
                if technique == record.verb
                else [gr.skip()] * (1 + len(form.components))
            )
            updates += here
        return [{"message": f"The settings are in the tab {record.verb}."}, gr.Tabs(selected=record.verb), *updates]

    return restored


def asking(studio: Studio) -> Callable[..., Json]:
    """Return a function that does what the history asks for: a replay, a filmstrip, a film or a report."""

    def answered(request: gr.Request, value: Any) -> Json:
        asked = value if isinstance(value, dict) else {}
        try:
            match asked.get("action"):
                case "replay":
                    return {"message": dropped.replayed(studio, asked.get("png"), session_of(request))}
                case "filmstrip":
                    strip = dropped.filmstrip(studio, asked.get("png"), session_of(request))
                    return {"message": "The filmstrip is downloaded.", "download": strip}
                case "film":
                    return {"message": "The film is downloaded.", "download": dropped.film(studio, asked.get("png"))}
                case "report":
                    return {"message": "The report is downloaded.", "download": _report(studio, asked.get("pngs"))}
                case _:
                    raise UserError("the history can replay, and make a filmstrip, a film or a report; nothing of these came")
        except Exception as error:
            log_fault(error)
            return {"message": said(error)}

    return answered


def _report(studio: Studio, pngs: Any) -> Json:
    urls = pngs if isinstance(pngs, list) else []
    if not 0 < len(urls) <= 60:
        raise UserError(f"a report has 1 to 60 pictures, {len(urls)} were chosen")
    records = [dropped.read(studio, url)[0] for url in urls]
    name, data = report([(record, load(record.model.name, **studio.loading).defaults_of(record.verb)) for record in records])
    kind = "text/markdown" if name.endswith(".md") else "application/zip"
    return {"name": name, "url": data_url(data, kind)}
