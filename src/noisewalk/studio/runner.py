"""Requests are walked for the page as the events of `make`, and can be stopped within one network call."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

from ..models.pretrained import Pretrained, Upscaler
from ..models.zoo import model_for
from ..run.make import Done, Finished, Started, Stepped, collected, make
from ..run.prepare import prepare
from ..run.result import Result
from ..techniques.requests import Request
from ..walk.noise import NoiseLevel
from ..walk.prediction import Model, Prediction
from .line import Control, Stopped

R = TypeVar("R", bound=Request)


@dataclass(frozen=True, eq=False)
class Watched:
    """A model whose calls are counted, and are refused as soon as the walk must stop."""

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
        result: the finished pictures; None if there are none.
        why: why it ended early; "" if it did not.
    """

    result: Result | None
    why: str = ""


def watched(model: Pretrained, control: Control) -> Pretrained:
    """Return a model, and the stages after it, under a control."""
    upscaler = model.upscaler

    def watched_upscaler() -> Upscaler:
        assert upscaler is not None
        stage = upscaler()
        return replace(stage, pretrained=watched(stage.pretrained, control))

    return replace(model, model=Watched(model.model, control), upscaler=watched_upscaler if upscaler else None)


def walk(
    technique: str, request: R, model: Pretrained, control: Control
) -> Generator[Started | Stepped | Finished | Ended, None, None]:
    """Yield the events of a request, the last of which is `Ended`; the caller must have the device.

    Raises:
        UserError: something in the request cannot be done; nothing has been computed then.
    """
    finished: list[Finished] = []
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
        yield Ended(collected(technique, prepared, model, finished), str(stop))


def finish(technique: str, request: R, model: Pretrained, control: Control) -> Ended:
    """Return the end of a request that nobody watches.

    Raises:
        UserError: something in the request cannot be done; nothing has been computed then.
    """
    with closing(walk(technique, request, model, control)) as events:
        return next(event for event in events if isinstance(event, Ended))


def chosen_model(request: Any) -> str:
    """Return the name of the bundled model for a request: digits if its prompts name digits, and emoji otherwise."""
    held = [getattr(request, key, ()) for key in ("prompt", "prompts", "far", "near")]
    return model_for([text for each in held for text in ((each,) if isinstance(each, str) else each)])
