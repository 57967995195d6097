"""What the page's buttons do. A failure is a sentence in the viewer, written as text."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from ..errors import UserError, from_outside
from ..judge.scorer import get_scorer
from ..models.zoo import load
from ..run.make import Started, Stepped
from ..search.engines import local
from ..search.plan import make_plan, parse_seeds
from ..search.suggest import suggest, vocabulary
from ..search.task import sort_key
from ..techniques.generate import Generate
from . import dropped
from .forms import Form, placeholders
from .pictures import data_url
from .runner import Control, Ended, Stopped, walk
from .share import report
from .studio import Studio
from .training import trained
from .views import ended, stepped, turns, waiting

FRAME = 1 / 30
"""Seconds between two previews at least."""
PARTNERS, SUGGEST_STEPS = 8, 8
BATCH = 4
"""Seeds that a search makes at once: the gallery fills by as many."""
Json = dict[str, Any]
Ranked = list[tuple[tuple[float, ...], Json]]


def session_of(request: gr.Request) -> str:
    """The session that asks."""
    return str(request.session_hash or "")


def said(error: Exception) -> str:
    """An error as one sentence for the page; what noisewalk did not foresee says only its kind."""
    if isinstance(error, UserError | Stopped):
        return str(error)
    return from_outside(error) or f"this is a fault in noisewalk: {type(error).__name__}; the terminal of the studio says more"


def walking(studio: Studio, form: Form) -> Callable[..., Iterator[Json]]:
    """A function that walks what a form asks for, and yields what the viewer shows."""

    def walked(request: gr.Request, name: str, *values: Any) -> Iterator[Json]:
        try:
            asked = form.request(values)
            model = studio.model(name, asked)
            yield waiting("Walking …")
            with studio.control(session_of(request)) as control, closing(walk(form.technique, asked, model, control)) as events:
                yield from _shown(events, control)
        except Exception as error:
            _log(error)
            yield {"phase": "error", "message": said(error)}

    return walked


def _shown(events: Iterable[Any], control: Control) -> Iterator[Json]:
    """The events of a walk as the viewer shows them, at most thirty in a second."""
    began = shown = 0.0
    for event in events:
        now = time.monotonic()
        if isinstance(event, Started):
            began = now
        elif isinstance(event, Stepped) and (now - shown >= FRAME or event.done == event.total):
            shown = now
            yield stepped(event, control, now - began)
        elif isinstance(event, Ended):
            last = ended(event.result, event.why, control, now - began)
            yield last
            if event.result and (moving := turns(event.result)):  # drawn after the picture is there to be seen
                yield {**last, "turns": moving}


def stopping(studio: Studio) -> Callable[..., None]:
    """A function that stops what the session walks."""

    def stop(request: gr.Request) -> None:
        studio.stops.stop(session_of(request))

    return stop


def new_defaults(studio: Studio, form: Form) -> Callable[[str], list[Any]]:
    """A function that shows the defaults of another model in a form."""

    def shown(name: str) -> list[Any]:
        studio.allow(studio.models[0] if name == "auto" else name)
        defaults = load(studio.models[0] if name == "auto" else name, **studio.loading).defaults
        return placeholders(form, defaults)

    return shown


def searching(studio: Studio, form: Form) -> Callable[..., Iterator[Json]]:
    """A function that searches seeds, and yields the gallery after each batch, the best first."""

    def searched(request: gr.Request, seeds: str, rank: str, name: str, *values: Any) -> Iterator[Json]:
        items: Ranked = []
        try:
            asked, numbers = form.request(values), parse_seeds(seeds)
            if len(numbers) > studio.limits.seeds:
                raise UserError(f"a search may have {studio.limits.seeds:,} seeds here, but {len(numbers):,} were asked for")
            with studio.control(session_of(request)) as control:
                model = studio.watched(studio.model(name, asked), control)
                plan = make_plan(form.technique, asked, model, numbers, rank=rank, top=BATCH, batch=BATCH)
                scorer = get_scorer(plan.scorer, model)
                with studio.device(control):
                    for done in local(plan, plan.tasks("full"), model, scorer):
                        items = sorted([*items, *_ranked(done, rank)], key=lambda each: each[0])
                        yield _gallery(items, "walking", f"{len(items)} of {len(numbers)} seeds; click on one to open it")
            yield _gallery(items, "done", f"{len(items)} seeds; click on one to open it")
        except Exception as error:
            _log(error)
            yield _gallery(items, "error", said(error))

    return searched


def _ranked(done: Any, rank: str) -> Iterator[tuple[tuple[float, ...], Json]]:
    """The pictures of a task of a search, each with the key that sorts it."""
    for seed, scores in zip(done.task.seeds, done.scores, strict=True):
        value = scores["alignment"] if scores[rank] is None else scores[rank]
        caption = f"seed {seed}: {rank} {value:.2f}"
        yield sort_key(rank, scores, seed), {"seed": seed, "caption": caption, "url": data_url(done.pictures[seed])}


def _gallery(items: Ranked, phase: str, message: str) -> Json:
    return {"phase": phase, "message": message, "items": [item for _, item in items]}


def opened(value: Any) -> tuple[int, int]:
    """The seed that was clicked on in a gallery, and one picture."""
    seed = value.get("open") if isinstance(value, dict) else None
    if not isinstance(seed, int) or not 0 <= seed <= 2**62:
        raise gr.Error("This is no seed of the gallery.", print_exception=False)
    return seed, 1


def suggesting(studio: Studio) -> Callable[..., Any]:
    """A function that lists partners for a prompt, the best first."""

    def suggested(request: gr.Request, name: str, prompt: str, view: str) -> Any:
        try:
            with studio.control(session_of(request)) as control, studio.device(control):
                model = studio.watched(studio.model(name, Generate(prompt[: studio.limits.prompt])), control)
                scorer = get_scorer("auto", model)
                found = suggest(model, scorer, prompt, vocabulary(model), view or "rotate180", num=1, steps=SUGGEST_STEPS)
            names = [each.prompt for each in found if each.prompt != prompt][:PARTNERS]
            return gr.update(choices=names, value=None, visible=True, label="partners, the best first")
        except (UserError, Stopped) as error:
            return gr.update(choices=[], visible=True, label=said(error))

    return suggested


def training(studio: Studio) -> Callable[..., Iterator[Json]]:
    """A function that trains a network on digits, and yields its loss and its samples."""

    def train(request: gr.Request, objective: str, classes: bool, epochs: float, minutes: float, seed: int) -> Iterator[Json]:
        try:
            with studio.control(session_of(request)) as control, studio.device(control):
                yield from trained(studio, control, objective, classes, epochs, minutes, seed)
        except Exception as error:
            _log(error)
            yield {"phase": "error", "message": said(error)}

    return train


def restoring(studio: Studio, forms: dict[str, Form]) -> Callable[[Any], list[Any]]:
    """A function that puts the settings of a picture back into its form, and opens its tab."""

    def restored(value: Any) -> list[Any]:
        skipped = [gr.skip() for form in forms.values() for _ in (None, *form.components)]
        try:
            record, request = dropped.restored(studio, value.get("png") if isinstance(value, dict) else None)
        except Exception as error:
            _log(error)
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


def asking(studio: Studio) -> Callable[[Any], Json]:
    """A function that does what the history asks for: replay, filmstrip, film, report."""

    def answered(value: Any) -> Json:
        asked = value if isinstance(value, dict) else {}
        try:
            match asked.get("action"):
                case "replay":
                    return {"message": dropped.replayed(studio, asked.get("png"))}
                case "filmstrip":
                    return {"message": "The filmstrip is downloaded.", "download": dropped.filmstrip(studio, asked.get("png"))}
                case "film":
                    return {"message": "The film is downloaded.", "download": dropped.film(studio, asked.get("png"))}
                case "report":
                    return {"message": "The report is downloaded.", "download": _report(studio, asked.get("pngs"))}
                case _:
                    raise UserError(
                        "the history can replay, or make a filmstrip, a film or a report; none of these was requested"
                    )
        except Exception as error:
            _log(error)
            return {"message": said(error)}

    return answered


def _report(studio: Studio, pngs: Any) -> Json:
    urls = pngs if isinstance(pngs, list) else []
    if not 0 < len(urls) <= 60:
        raise UserError(f"a report must have 1 to 60 pictures, but {len(urls)} were chosen")
    records = [dropped.read(studio, url)[0] for url in urls]
    name, data = report([(record, load(record.model.name, **studio.loading).defaults) for record in records])
    kind = "text/markdown" if name.endswith(".md") else "application/zip"
    return {"name": name, "url": data_url(data).replace("image/png", kind, 1)}


def _log(error: Exception) -> None:
    """What nobody foresaw is said in the terminal of the studio."""
    if not isinstance(error, UserError | Stopped):
        traceback.print_exception(error)
