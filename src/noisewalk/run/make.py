"""Running a request as a stream of events, which progress bars, previews, searches and Ctrl-C all use."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from ..errors import UserError
from ..models.pretrained import Pretrained
from ..techniques import TECHNIQUES
from ..techniques.panels import Panel
from ..techniques.requests import Request
from ..techniques.stages import Prepared
from ..walk.sampling import State
from .memory import check_memory
from .prepare import prepare
from .progress import Progress as Progress
from .result import FinishedPanel, Result

R = TypeVar("R", bound=Request)


@dataclass(frozen=True)
class Started:
    """All checks passed, and the first step comes next.

    Args:
        total: the number of steps.
    """

    total: int


@dataclass(frozen=True, eq=False)
class Stepped:
    """A step was made.

    Args:
        panel: the panel of the walk.
        stage: the number of the stage, from 1.
        state: the state of the walk; `panel.decode(state.x0)` is a preview.
        done: the number of steps done.
        total: the number of steps in all.
    """

    panel: Panel
    stage: int
    state: State
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Finished:
    """A panel is finished for one part of the pictures; they are made in parts that fit in memory.

    Args:
        panel: the panel.
        walked: its pictures.
        part: the number of the part, from 0.
        seeds: the seeds of the pictures in this part.
    """

    panel: Panel
    walked: FinishedPanel
    part: int
    seeds: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Done:
    """The request is finished.

    Args:
        result: its result.
    """

    result: Result


Event = Started | Stepped | Finished | Done


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed during a walk; `result` holds the finished pictures, or None."""

    def __init__(self, result: Result | None) -> None:
        super().__init__("interrupted")
        self.result = result


def make(
    technique: str, request: R, model: Pretrained, *, keep_states: bool = True, batch: int = 64
) -> Generator[Event, None, None]:
    """Prepare a request, take its walks, and yield the events; closing the generator cancels the rest.

    Args:
        technique: the name of the technique.
        request: the request.
        model: the model.
        keep_states: whether every state of the walks is kept, and not only the last ones.
        batch: how many pictures are walked at a time.

    Raises:
        UserError: something in the request cannot be done; nothing has been computed then.
    """
    yield from _events(technique, prepare(request, model), model, keep_states, batch)


def run(
    technique: str,
    request: R,
    model: Pretrained,
    watch: Progress | None = None,
    keep_states: bool = True,
    batch: int = 64,
) -> Result:
    """Consume all events of `make`, and return the result.

    Args:
        technique: the name of the technique.
        request: the request.
        model: the model.
        watch: a function that is called with (steps done, steps in all) after every step.
        keep_states: whether every state of the walks is kept, and not only the last ones.
        batch: how many pictures are walked at a time.

    Raises:
        UserError: something in the request cannot be done; nothing has been computed then.
        Interrupted: Ctrl-C was pressed; it holds the finished pictures.
    """
    prepared = prepare(request, model)
    finished: list[Finished] = []
    try:
        for event in _events(technique, prepared, model, keep_states, batch):
            match event:
                case Stepped() if watch:
                    watch(event.done, event.total)
                case Finished():
                    finished.append(event)
                case Done():
                    return event.result
    except KeyboardInterrupt:
        raise Interrupted(collected(technique, prepared, model, finished)) from None
    raise AssertionError("the stream of events ended without a result")


def _events(
    technique: str, prepared: Prepared[R], model: Pretrained, keep_states: bool, batch: int
) -> Generator[Event, None, None]:
    # A picture depends only on its own seed, so pictures made in parts are the same as pictures made together.
    batch = max(1, batch // max(1, getattr(prepared.request, "steer", 0)))  # a steered picture takes many walks
    parts = [prepared.take(i, batch) for i in range(0, len(prepared.seeds), batch)]
    panels = TECHNIQUES[technique].panels(parts[0])
    check_memory(panels, len(parts[0].seeds), len(prepared.seeds), keep_states)
    total, done = len(parts) * sum(panel.steps for panel in panels), 0
    finished: list[Finished] = []
    yield Started(total)
    for number, part in enumerate(parts):
        for panel in TECHNIQUES[technique].panels(part) if number else panels:
            states: list[State] = []
            for stage, state in panel.walk():
                if not keep_states:
                    states.clear()
                states.append(state)
                done += 1
                yield Stepped(panel, stage, state, done, total)
            walked = FinishedPanel(panel, panel.decode(_finite(panel, states[-1])), tuple(states))
            finished.append(Finished(panel, walked, number, part.seeds))
            yield finished[-1]
    result = collected(technique, prepared, model, finished)
    assert result is not None
    yield Done(result)


def _finite(panel: Panel, state: State) -> torch.Tensor:
    if not bool(state.x_t.isfinite().all()):
        raise UserError(
            f"'{panel.label}' has values that are not finite: the walk diverged, because the network is trained too little for "
            "its guidance scale, or overflows in its dtype; lower --guidance-scale, train longer, "
            "or try --dtype float32"
        )
    return state.x_t


def collected(technique: str, prepared: Prepared[R], model: Pretrained, finished: Sequence[Finished]) -> Result | None:
    """Return the result of the panels that are finished, or None if no picture is.

    The finished panels of the first part count, and of the other parts only complete ones.
    """
    parts: list[list[Finished]] = []
    for event in finished:
        if event.part == len(parts):
            parts.append([])
        parts[event.part].append(event)
    whole = [part for part in parts if len(part) == len(parts[0])]
    walked = _merge([[event.walked for event in part] for part in whole])
    if not any(panel.is_output for panel in walked):
        return None
    made = prepared.take(0, sum(len(part[0].seeds) for part in whole))
    return Result(technique, made.record, model, walked, tuple(stage.model.fingerprint for stage in prepared.stages[1:]))


def _merge(parts: Sequence[Sequence[FinishedPanel]]) -> tuple[FinishedPanel, ...]:
    """Return the panels with the pictures of all parts concatenated."""
    merged = []
    for whole in zip(*parts, strict=True):
        same_panel = whole[:1] if whole[0].panel.shared else whole
        states = tuple(
            State(same[0].step, same[0].level, torch.cat([s.x_t for s in same]), torch.cat([s.x0 for s in same]))
            for same in zip(*(part.states for part in same_panel), strict=True)
        )
        merged.append(FinishedPanel(same_panel[0].panel, torch.cat([part.x for part in same_panel]), states))
    return tuple(merged)
