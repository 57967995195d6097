"""The functions behind the buttons of the page. A failure is a sentence in the viewer, which is written as text."""

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
from .forms import Form, placeholders
from .line import REPLACED, Control, Stopped
from .pictures import data_url
from .preview import Preview
from .runner import Ended, walk, watched
from .studio import Studio
from .training import trained
from .views import ended, stepped, waiting

FRAME = 1 / 20
"""The shortest time between two previews, in seconds."""
PARTNERS, SUGGEST_STEPS = 8, 8
BATCH = 4
"""The number of seeds that a search makes at a time, by which the gallery fills."""
Json = dict[str, Any]
Ranked = list[tuple[tuple[float, ...], Json]]


def session_of(request: gr.Request) -> str:
    """Return the session that a request comes from."""
    return str(request.session_hash or "")


def said(error: Exception) -> str:
    """Return an error as one sentence for the page; of an error that noisewalk did not foresee, it says only the kind."""
    if isinstance(error, UserError | Stopped):
        return str(error)
    return from_outside(error) or f"this is a fault in noisewalk: {type(error).__name__}; the terminal of the studio says more"


def walking(studio: Studio, form: Form) -> Callable[..., Iterator[Json]]:
    """Return a function that walks a form's request and yields what the viewer shows; an earlier walk of the form stops."""

    def walked(request: gr.Request, name: str, *values: Any) -> Iterator[Json]:
        try:
            asked = form.request(values)
            with studio.control(session_of(request), form.technique) as control:
                yield from map(waiting, studio.line.places(control))
                with closing(walk(form.technique, asked, studio.model(name, asked), control)) as events:
                    yield from _shown(events, control)
        except Exception as error:
            if str(error) != REPLACED:
                yield _failed(error)

    return walked


def _shown(events: Iterable[Any], control: Control) -> Iterator[Json]:
    """Yield the events of a walk as the viewer shows them."""
    began = shown = 0.0
    preview, panel = Preview(lambda x: x), None
    for event in events:
        now = time.monotonic()
        if isinstance(event, Started):
            began = now
        elif isinstance(event, Stepped) and (now - shown >= FRAME or event.done == event.total):
            shown = now
            if event.panel is not panel:
                preview, panel = Preview(event.panel.decode), event.panel
            yield stepped(event, preview, control, now - began)
        elif isinstance(event, Ended):
            if event.why == REPLACED:
                raise Stopped(REPLACED)
            yield ended(event.result, event.why, control, now - began)


def stopping(studio: Studio, name: str) -> Callable[..., None]:
    """Return a function that stops the work of the session under a name."""

    def stop(request: gr.Request) -> None:
        studio.line.stop(session_of(request), name)

    return stop


def new_defaults(studio: Studio, form: Form) -> Callable[[str], list[Any]]:
    """Return a function that shows the defaults of another model in a form."""

    def shown(name: str) -> list[Any]:
        studio.allow(studio.models[0] if name == "auto" else name)
        model = load(studio.models[0] if name == "auto" else name, **studio.loading)
        return placeholders(form, model.defaults_of(form.technique))

    return shown


def searching(studio: Studio, form: Form) -> Callable[..., Iterator[Json]]:
    """Return a function that searches seeds and yields the gallery after each batch, with the best picture first."""

    def searched(request: gr.Request, seeds: str, rank: str, name: str, *values: Any) -> Iterator[Json]:
        items: Ranked = []
        try:
            asked, numbers = form.request(values), parse_seeds(seeds)
            if len(numbers) > studio.limits.seeds:
                raise UserError(f"a search may have {studio.limits.seeds:,} seeds here, {len(numbers):,} were asked for")
            with studio.control(session_of(request), f"{form.technique} search") as control:
                yield from map(waiting, studio.line.places(control))
                model = watched(studio.model(name, asked), control)
                plan = make_plan(form.technique, asked, model, numbers, rank=rank, top=BATCH, batch=BATCH)
                scorer = get_scorer(plan.scorer, model)
                for done in local(plan, plan.tasks("full"), model, scorer):
                    items = sorted([*items, *_ranked(done, rank)], key=lambda each: each[0])
                    yield _gallery(items, "walking", f"{len(items)} of {len(numbers)} seeds; click on one to open it")
            yield _gallery(items, "done", f"{len(items)} seeds; click on one to open it")
        except Exception as error:
            if str(error) != REPLACED:
                yield _gallery(items, **_failed(error))

    return searched


def _ranked(done: Any, rank: str) -> Iterator[tuple[tuple[float, ...], Json]]:
    """Yield the pictures of a task of a search, each with the key that sorts it."""
    for seed, scores in zip(done.task.seeds, done.scores, strict=True):
        value = scores["alignment"] if scores[rank] is None else scores[rank]
        caption = f"seed {seed}: {rank} {value:.2f}"
        yield sort_key(rank, scores, seed), {"seed": seed, "caption": caption, "url": data_url(done.pictures[seed])}


def _gallery(items: Ranked, phase: str, message: str) -> Json:
    return {"phase": phase, "message": message, "items": [item for _, item in items]}


def opened(value: Any) -> tuple[int, int]:
    """Return the seed that was clicked on in a gallery, and 1 as the number of pictures."""
    seed = value.get("open") if isinstance(value, dict) else None
    if not isinstance(seed, int) or not 0 <= seed <= 2**62:
        raise gr.Error("This is no seed of the gallery.", print_exception=False)
    return seed, 1


def suggesting(studio: Studio) -> Callable[..., Any]:
    """Return a function that lists partners for a prompt, with the best one first."""

    def suggested(request: gr.Request, name: str, prompt: str, view: str) -> Any:
        try:
            with studio.device(session_of(request), "partners") as control:
                model = watched(studio.model(name, Generate(prompt[: studio.limits.prompt])), control)
                scorer = get_scorer("auto", model)
                found = suggest(model, scorer, prompt, vocabulary(model), view or "rotate180", num=1, steps=SUGGEST_STEPS)
            names = [each.prompt for each in found if each.prompt != prompt][:PARTNERS]
            return gr.update(choices=names, value=None, visible=True, label="partners, the best first")
        except (UserError, Stopped) as error:
            return gr.update(choices=[], visible=True, label=said(error))

    return suggested


def training(studio: Studio) -> Callable[..., Iterator[Json]]:
    """Return a function that trains a network on digits and yields its loss and its samples."""

    def train(request: gr.Request, objective: str, classes: bool, epochs: float, minutes: float, seed: int) -> Iterator[Json]:
        try:
            with studio.control(session_of(request), "train") as control:
                yield from map(waiting, studio.line.places(control))
                yield from trained(studio, control, objective, classes, epochs, minutes, seed)
        except Exception as error:
            if str(error) != REPLACED:
                yield _failed(error)

    return train


def _failed(error: Exception) -> Json:
    """Return an error as the page shows it. An error that nobody foresaw is also written in the terminal of the studio."""
    if isinstance(error, Stopped):
        return {"phase": "stopped", "message": f"{error}; nothing was finished"}
    log_fault(error)
    return {"phase": "error", "message": said(error)}


def log_fault(error: Exception) -> None:
    """Write an error that nobody foresaw in the terminal of the studio."""
    if not isinstance(error, UserError | Stopped):
        traceback.print_exception(error)
