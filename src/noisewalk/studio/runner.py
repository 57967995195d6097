"""A request walked for the page: the events of `make`, with a stop that is heard within one network call."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torch import Tensor

from ..models.pretrained import Pretrained, Upscaler
from ..models.zoo import model_for
from ..run.make import Done, Finished, Started, Stepped, collected, make
from ..run.prepare import prepare
from ..run.result import Result
from ..techniques.spec import Request
from ..walk.noise import NoiseLevel
from ..walk.prediction import Model, Prediction

R = TypeVar("R", bound=Request)
DEVICE = threading.Lock()
"""Held by whoever walks: one walk on the device at a time."""


class Stopped(Exception):
    """The walk was stopped between two network calls; its text says why."""


@dataclass(eq=False)
class Control:
    """What a request's network calls are watched by.

    Args:
        seconds: after which it is stopped.
        asked: set by whoever wants it to stop.
        calls: network calls so far.
    """

    seconds: float
    asked: threading.Event = field(default_factory=threading.Event)
    calls: int = 0
    began: float = field(default_factory=time.monotonic)

    def heed(self) -> None:
        """Raise `Stopped` if somebody asked to stop, or the time is over."""
        if self.asked.is_set():
            raise Stopped("stopped")
        if time.monotonic() - self.began > self.seconds:
            raise Stopped(f"stopped after {self.seconds:g} seconds, the limit of this studio")


@dataclass(frozen=True, eq=False)
class Watched:
    """A model whose calls are counted, and refused once the walk is to stop."""

    model: Model
    control: Control

    def __call__(self, x_t: Tensor, level: NoiseLevel, *cond: Tensor) -> Prediction:
        """Estimate x0 from x_t (N, C, H, W) at a noise level, under a condition."""
        self.control.heed()
        self.control.calls += 1
        return self.model(x_t, level, *cond)


@dataclass(frozen=True, eq=False)
class Ended:
    """The end of a walk.

    Args:
        result: what is finished; None if nothing is.
        why: "" if all of it is, otherwise why it ended early.
    """

    result: Result | None
    why: str = ""


def watched(model: Pretrained, control: Control) -> Pretrained:
    """A model, and the stages after it, under a control."""
    upscaler = model.upscaler

    def watched_upscaler() -> Upscaler:
        assert upscaler is not None
        stage = upscaler()
        return replace(stage, pretrained=watched(stage.pretrained, control))

    return replace(model, model=Watched(model.model, control), upscaler=watched_upscaler if upscaler else None)


def walk(
    technique: str, request: R, model: Pretrained, control: Control
) -> Generator[Started | Stepped | Finished | Ended, None, None]:
    """The events of a request, the last of which is `Ended`. Closing the generator frees the device.

    Raises:
        UserError: something in the request cannot be done; nothing has been computed then.
    """
    finished: list[Finished] = []
    with DEVICE:
        control.began = time.monotonic()  # waiting does not count
        prepared = prepare(request, watched(model, control))
        try:
            for event in make(technique, prepared.record, watched(model, control)):
                if isinstance(event, Done):
                    yield Ended(replace(event.result, model=model))
                    return
                if isinstance(event, Finished):
                    finished.append(event)
                yield event
        except Stopped as stop:
            result = collected(technique, prepared, model, finished)
            yield Ended(result, str(stop))


def finish(technique: str, request: R, model: Pretrained, control: Control) -> Ended:
    """The end of a request that nobody watches.

    Raises:
        UserError: something in the request cannot be done; nothing has been computed then.
    """
    with closing(walk(technique, request, model, control)) as events:
        return next(event for event in events if isinstance(event, Ended))


class Stops:
    """The controls of the sessions that walk, so that a button can stop one."""

    def __init__(self) -> None:
        self._by_session: dict[str, Control] = {}
        self._lock = threading.Lock()
        self.over = False

    def begin(self, session: str, seconds: float) -> Control:
        """The control of a session's next walk."""
        control = Control(seconds)
        with self._lock:
            self._by_session[session] = control
            if self.over:
                control.asked.set()
        return control

    def end(self, session: str, control: Control) -> None:
        """Forget a control."""
        with self._lock:
            if self._by_session.get(session) is control:
                del self._by_session[session]

    def stop(self, session: str) -> None:
        """Stop what a session walks, if it walks anything."""
        with self._lock:
            control = self._by_session.get(session)
        if control:
            control.asked.set()

    def stop_all(self) -> None:
        """Stop everything, and whatever begins from now on."""
        with self._lock:
            self.over = True
            for control in self._by_session.values():
                control.asked.set()


def chosen_model(request: Any) -> str:
    """The bundled model for a request: digits if its prompts name digits, else emoji."""
    held = [getattr(request, key, ()) for key in ("prompt", "prompts", "far", "near")]
    return model_for([text for each in held for text in ((each,) if isinstance(each, str) else each)])
