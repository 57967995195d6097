"""A request walked for the page: the events of `make`, with a stop that is heard within one network call."""

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
from ..techniques.spec import Request
from ..walk.noise import NoiseLevel
from ..walk.prediction import Model, Prediction
from .line import Control, Stopped

R = TypeVar("R", bound=Request)


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
    """The events of a request, the last of which is `Ended`. Whoever asks has the device.

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
    """The end of a request that nobody watches.

    Raises:
        UserError: something in the request cannot be done; nothing has been computed then.
    """
    with closing(walk(technique, request, model, control)) as events:
        return next(event for event in events if isinstance(event, Ended))


def chosen_model(request: Any) -> str:
    """The bundled model for a request: digits if its prompts name digits, else emoji."""
    held = [getattr(request, key, ()) for key in ("prompt", "prompts", "far", "near")]
    return model_for([text for each in held for text in ((each,) if isinstance(each, str) else each)])
