"""Making what was asked for: one stream of events, which progress bars, previews, searches and Ctrl-C all read."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from ..errors import UserError
from ..models.pretrained import Pretrained
from ..techniques import TECHNIQUES
from ..techniques.panels import Panel
from ..techniques.spec import Request
from ..techniques.stages import Prepared
from ..walk.sampling import State
from .memory import check_memory
from .prepare import prepare
from .progress import Progress as Progress
from .result import FinishedPanel, Result

R = TypeVar("R", bound=Request)


@dataclass(frozen=True)
class Started:
    """Everything is checked, and the first step is about to be made.

    Args:
        total: steps to come.
    """

    total: int


@dataclass(frozen=True, eq=False)
class Stepped:
    """A step was made.

    Args:
        panel: of this walk.
        stage: number of the stage, from 1.
        state: where the walk is; `panel.decode(state.x0)` is a preview.
        done, total: steps so far and in all.
    """

    panel: Panel
    stage: int
    state: State
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Finished:
    """A panel is finished for some of the pictures.

    Args:
        panel: what was walked.
        walked: its pictures.
        part: number of the part, from 0: pictures are made in parts that fit in memory.
        seeds: of the pictures in this part.
    """

    panel: Panel
    walked: FinishedPanel
    part: int
    seeds: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Done:
    """The end."""

    result: Result


Event = Started | Stepped | Finished | Done


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while walking; `result` holds what was finished, or None."""

    def __init__(self, result: Result | None) -> None:
        super().__init__("interrupted")
        self.result = result


def make(
    technique: str, request: R, model: Pretrained, *, keep_states: bool = True, batch: int = 64
) -> Generator[Event, None, None]:
    """Prepare a request and take its walks, and yield the events. Closing the generator cancels the rest.

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
        watch: it is called with (steps made, steps in all) after every step.
        keep_states: whether every state of the walks is kept, and not only the last ones.
        batch: how many pictures are walked at a time.

    Raises:
        UserError: something in the request cannot be done; nothing has been computed then.
        Interrupted: on Ctrl-C, with what was finished.
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
    # A picture depends on its seed alone, so pictures made in parts are those made together.
    batch = max(1, batch // max(1, getattr(prepared.request, "steer", 0)))  # a steered picture is many walks
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
            f"'{panel.label}' came out with values that are not finite: the walk diverged, as it does with a network that is "
            "trained too little for its guidance scale, or that overflows in its dtype; lower --guidance-scale, train longer, "
            "or try --dtype float32"
        )
    return state.x_t


def collected(technique: str, prepared: Prepared[R], model: Pretrained, finished: Sequence[Finished]) -> Result | None:
    """The result of the panels that are finished; None if no picture is.

    Of several parts only whole ones count; of the first, its finished panels.
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
    """Parts of panels -> panels, the pictures of all parts one below the other."""
    merged = []
    for whole in zip(*parts, strict=True):
        same_panel = whole[:1] if whole[0].panel.shared else whole
        states = tuple(
            State(same[0].step, same[0].level, torch.cat([s.x_t for s in same]), torch.cat([s.x0 for s in same]))
            for same in zip(*(part.states for part in same_panel), strict=True)
        )
        merged.append(FinishedPanel(same_panel[0].panel, torch.cat([part.x for part in same_panel]), states))
    return tuple(merged)
