"""Making what a spec asks for: its pictures prepared, its walks taken, in parts that fit in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any

import torch

from ..errors import UserError
from ..images import Picture, Shape, open_image, prepare, prepare_all, prepare_mask
from ..models.zoo import Pretrained
from ..techniques import TECHNIQUES
from ..techniques.looks import pinned
from ..techniques.spec import checked, resolve, some
from ..techniques.upsample import stages
from ..walk.sampling import State
from .result import Result, Walked

Watch = Callable[[int, int], None]
"""(steps done, steps in all)."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while walking; `result` holds what was finished, or None."""

    def __init__(self, result: Result | None) -> None:
        super().__init__("interrupted")
        self.result = result


def make(
    verb: str, spec: Any, model: Pretrained, watch: Watch | None = None, keep_states: bool = True, batch: int = 64
) -> Result:
    """Check a spec, prepare its pictures, and take its walks, `batch` pictures at a time.

    Raises:
        UserError: something in the spec cannot be done; nothing has been computed then.
        Interrupted: on Ctrl-C, with what was finished.
    """
    spec = ready(verb, spec, model)
    # A picture depends on its seed alone, so pictures made in parts are those made together.
    chunks = [some(spec, i, batch) for i in range(0, spec.num, batch)]
    planned = [TECHNIQUES[verb].panels(chunk, model) for chunk in chunks]
    total = sum(panel.steps for panels in planned for panel in panels)
    finished: list[list[Walked]] = []
    done = 0
    try:
        for panels in planned:
            finished.append([])
            for panel in panels:
                states: list[State] = []
                for state in panel.walk:
                    if not keep_states:
                        states.clear()
                    states.append(state)
                    done += 1
                    if watch:
                        watch(done, total)
                if not bool(states[-1].x_t.isfinite().all()):
                    raise UserError(
                        f"'{panel.label}' came out with values that are not finite: the model overflows in its number type "
                        "or its weights are damaged; try --device cpu, or another model"
                    )
                finished[-1].append(Walked(panel, panel.decode(states[-1].x_t), tuple(states)))
    except KeyboardInterrupt:
        whole = finished[:-1] or finished
        walked = _merge(whole)
        made = sum(len(panels[0].x) for panels in whole if panels)
        partial = Result(verb, some(spec, 0, made), model, walked) if any(w.outcome for w in walked) else None
        raise Interrupted(partial) from None
    return Result(verb, spec, model, _merge(finished))


def _merge(chunks: list[list[Walked]]) -> tuple[Walked, ...]:
    """Chunks of panels -> panels, the pictures of all chunks one below the other."""
    merged = []
    for parts in zip(*chunks, strict=True):
        states = tuple(
            State(same[0].step, same[0].level, torch.cat([s.x_t for s in same]), torch.cat([s.x0 for s in same]))
            for same in zip(*(part.states for part in parts), strict=True)
        )
        merged.append(Walked(parts[0].panel, torch.cat([part.x for part in parts]), states))
    return tuple(merged)


def ready(verb: str, spec: Any, model: Pretrained) -> Any:
    """The spec with the model's defaults filled in and its pictures brought to the model's shape."""
    spec = resolve(checked(spec), model)
    if getattr(spec, "seeds", ()):
        spec = replace(spec, seed=spec.seeds[0], num=len(spec.seeds))
    if hasattr(spec, "views"):
        spec = replace(spec, views=pinned(spec.views))
    size: tuple[int, int] | None = None
    for f in fields(spec):
        value, role = getattr(spec, f.name), f.metadata.get("role")
        above = stages(spec, model) if f.metadata.get("held") else []
        shapes = [model.shape, *(stage.upscaler.pretrained.shape for stage in above)]
        if role == "picture":
            size = value.image.size if isinstance(value, Picture) else open_image(value).size
            read = partial(prepare, dark_background=model.dark_background)
            spec = replace(spec, **{f.name: prepare_all(read, value, shapes)})
        if role == "mask" and value is not None:
            read = partial(_mask, model.shape, size)
            spec = replace(spec, **{f.name: prepare_all(read, value, shapes)})
    return spec


def _mask(first: Shape, original: tuple[int, int] | None, source: Any, shape: Shape) -> Picture:
    """A mask at the size of a stage; whether it is of its picture's size, or the first stage's, is asked there."""
    return prepare_mask(source, shape, original if shape == first else None)
