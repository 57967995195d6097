"""Making a saved picture again from its own metadata, and comparing the two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UserError, shorten
from ..images import open_image
from ..models.zoo import Pretrained, load
from ..techniques import TECHNIQUES
from ..techniques.requests import Request, seeds
from ..techniques.view_files import files_of, has_changed, split_name
from .locate import locate_adapters, locate_model, locate_upscalers
from .make import Progress, run
from .prepare import prepare
from .record import Record
from .record import read_record as read_record
from .result import Result


@dataclass(frozen=True, eq=False)
class Replay:
    """A picture that was made again.

    Args:
        result: the new result.
        picture: the new picture.
        max_difference: the largest difference between a pixel and the file, from 0 to 255; None if the sizes differ.
        share_different: the share of pixels that differ.
        warnings: what has changed since the file was made.
    """

    result: Result
    picture: Image.Image
    max_difference: int | None
    share_different: float
    warnings: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether every pixel agrees."""
        return self.max_difference == 0


def replay(path: str | Path, watch: Progress | None = None, model: str | Path | Pretrained | None = None) -> Replay:
    """Make a saved picture again, and compare it pixel by pixel.

    Args:
        path: a PNG that noisewalk saved.
        watch: a function that is called with (steps done, steps in all) after every step.
        model: the place of its model, or the model itself; None looks for it, see `locate_model`.

    Raises:
        UserError: it has no record, its model is not found, or something in the record cannot be done.
    """
    record = read_record(path)
    before = np.asarray(open_image(path).convert("RGB"), int)
    request = record.request
    used = _model(record, Path(path), model)
    warnings = [*_changes(record, used, request)]
    _check_index(record, request, used, path)
    result = run(record.verb, request, used, watch, keep_states=False)
    warnings += _changed_upscalers(record, result)
    made = result.render(record.picture)
    after = np.asarray(made.convert("RGB"), int)
    if before.shape != after.shape:
        return Replay(result, made, None, 1.0, tuple(warnings))
    difference = np.abs(before - after)
    share = float((difference.max(-1) > 0).mean())
    return Replay(result, made, int(difference.max()), share, tuple(warnings))


def _model(record: Record, path: Path, model: str | Path | Pretrained | None) -> Pretrained:
    if isinstance(model, Pretrained):
        return model
    name = locate_model(record, path) if model is None else str(model)
    marked = record.safety is not None and record.safety.watermark
    upscalers, adapters = locate_upscalers(record, path), locate_adapters(record, path)
    return load(name, upscaler=upscalers, lora=adapters, dtype=record.model.dtype, watermark=marked)


def _changes(record: Record, model: Pretrained, request: Request) -> Iterator[str]:
    """Yield what has changed since the picture was made."""
    if model.fingerprint != record.model.weights:
        yield f"the model's weights are {model.fingerprint}, but they were {shorten(record.model.weights)}"
    for name in chain.from_iterable(map(files_of, getattr(request, "views", ()))):
        if has_changed(name):
            yield f"the permutation file {split_name(name)[0]} has changed; the permutation in the picture is used"


def _changed_upscalers(record: Record, result: Result) -> Iterator[str]:
    """Yield the upscalers whose weights have changed; old records do not contain them."""
    for number, (was, now) in enumerate(zip(record.model.upscaler_weights, result.upscaler_weights, strict=False), 1):
        if was != now:
            yield f"the weights of upscaler {number} are {now}, but they were {shorten(was)}"


def _check_index(record: Record, request: Request, model: Pretrained, path: str | Path) -> None:
    """Check that the result will have the recorded picture, before anything is computed."""
    panels = TECHNIQUES[record.verb].panels(prepare(request, model))
    count = len(seeds(request)) * sum(panel.is_output for panel in panels)
    index = record.picture.index
    if record.picture.kind == "picture" and (index is None or index >= count):
        raise UserError(f"the noisewalk metadata of {path} is damaged: it says picture {index} of a result of {count} pictures")
