"""Replay: make a picture again from its own metadata, and compare."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import UserError, unknown
from ..images import open_image
from ..models.precision import TYPES
from ..models.zoo import load
from ..techniques import TECHNIQUES
from ..techniques.spec import from_json
from .make import Watch, run
from .result import Result


@dataclass(frozen=True, eq=False)
class Replay:
    """A picture made again.

    Attributes:
        result: what was made.
        picture: the picture the metadata speaks of, made again.
        max_difference: largest difference of a pixel to the file, 0 to 255; None if the sizes differ.
        share_different: share of pixels that differ.
        warnings: what is not as it was when the file was made.
    """

    result: Result
    picture: Image.Image
    max_difference: int | None
    share_different: float
    warnings: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return self.max_difference == 0


def read_record(path: str | Path) -> dict[str, Any]:
    """The record noisewalk wrote into a PNG.

    Raises:
        UserError: the file is no picture, or holds no record of noisewalk.
    """
    open_image(path)  # limits and errors of any picture
    with Image.open(path) as image:
        text = getattr(image, "text", {}).get("noisewalk")
    if text is None:
        raise UserError(f"{path} has no noisewalk metadata; only PNGs that noisewalk saved, unedited, can be replayed")
    try:
        record = json.loads(text)
        kinds = {"verb": str, "model": dict, "spec": dict, "picture": dict}
        if not isinstance(record, dict) or not all(isinstance(record.get(k), kind) for k, kind in kinds.items()):
            raise ValueError(f"it needs {', '.join(kinds)}")
        if not all(isinstance(record["model"].get(key), str) for key in ("name", "weights")):
            raise ValueError("it names no model")
        stages = record["model"].get("upscaler", [])
        if not isinstance(stages, list) or not all(isinstance(stage, str) for stage in stages):
            raise ValueError("its upscalers are no names")
        if record["model"].get("dtype", "auto") not in ("auto", *TYPES):
            raise ValueError("it names no number type")
        if record["picture"].get("kind") not in ("figure", "picture"):
            raise ValueError("it does not say which picture it is of")
    except ValueError as error:
        raise UserError(f"the noisewalk metadata of {path} is damaged: {error}") from error
    return record


def _marked(record: dict[str, Any]) -> bool:
    """Whether the picture was stamped with its model's watermark."""
    safety = record.get("safety")
    return isinstance(safety, dict) and safety.get("watermark") is True


def replay(path: str | Path, watch: Watch | None = None) -> Replay:
    """Make a saved picture again, and compare it pixel by pixel."""
    record = read_record(path)
    if record["verb"] not in TECHNIQUES:
        raise unknown("technique", record["verb"], TECHNIQUES)
    kept = record["model"]
    stages, dtype = tuple(kept.get("upscaler", ())), kept.get("dtype", "auto")
    model = load(kept["name"], upscaler=stages, dtype=dtype, watermark=_marked(record))
    spec = from_json(TECHNIQUES[record["verb"]].spec, record["spec"])
    warnings = []
    if model.fingerprint != record["model"]["weights"]:
        warnings.append(f"the model's weights are {model.fingerprint}, they were {record['model']['weights']}")
    result = run(record["verb"], spec, model, watch, keep_states=False)
    try:
        made = result.render(record["picture"])
    except (IndexError, KeyError, TypeError) as error:
        raise UserError(f"the noisewalk metadata of {path} is damaged: there is no such picture in the result") from error
    before, after = np.asarray(open_image(path).convert("RGB"), int), np.asarray(made.convert("RGB"), int)
    if before.shape != after.shape:
        return Replay(result, made, None, 1.0, tuple(warnings))
    difference = np.abs(before - after)
    share = float((difference.max(-1) > 0).mean())
    return Replay(result, made, int(difference.max()), share, tuple(warnings))
