"""PNGs that somebody dropped on the page; their records are hostile until they are checked against what this studio allows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..images import MAX_PIXELS, encode_png, open_bytes
from ..models.zoo import load
from ..report import figures
from ..run import film as films
from ..run.locate import recorded_name
from ..run.record import Record, parse_record
from ..run.replay import replay
from ..techniques.view_files import FILE
from .limits import check
from .pictures import data_url, from_url
from .runner import finish, watched
from .studio import Studio

NAME = "this PNG"


def read(studio: Studio, url: Any) -> tuple[Record, bytes]:
    """Return the record of a dropped PNG, if all of it is allowed here, and the PNG.

    Raises:
        UserError: it is not a picture of noisewalk, or asks for a model, a file or an amount that this studio does not give.
    """
    png = from_url(url, studio.limits)
    open_bytes(png, NAME, ("PNG",), min(MAX_PIXELS, studio.limits.pixels))
    record = parse_record(png, NAME)
    views = record.spec.get("views", ())
    if isinstance(views, list | tuple) and any(str(name).strip().lower().startswith(FILE) for name in views):
        raise UserError("this PNG was made with a view by a file, which the studio does not open; use `noisewalk replay`")
    if record.model.upscaler:
        raise UserError("this PNG was made with an upscaler of its own, which the studio does not load; use `noisewalk replay`")
    offered = next((name for name in studio.models if recorded_name(name) == record.model.name), record.model.name)
    studio.allow(offered)
    record = replace(record, model=replace(record.model, name=offered))
    check(record.request, studio.limits)
    return record, png


def restored(studio: Studio, url: Any) -> tuple[Record, Any]:
    """Return the record and the request of a dropped PNG.

    Raises:
        UserError: see `read`.
    """
    record, _ = read(studio, url)
    return record, record.request


def replayed(studio: Studio, url: Any, session: str) -> str:
    """Make a dropped picture again, and return a sentence that says whether it is the same.

    Raises:
        UserError: see `read`.
    """
    record, png = read(studio, url)
    with studio.device(session) as control, _file(studio, png) as path:
        again = replay(path, model=watched(load(record.model.name, dtype=record.model.dtype), control))
    notes = "".join(f" Note: {text}." for text in again.warnings)
    if again.agrees:
        return f"Made again: every pixel is the same.{notes}"
    if again.max_difference is None:
        return f"Made again: the size differs.{notes}"
    return f"Made again: {again.share_different:.1%} of the pixels differ, by at most {again.max_difference} of 255.{notes}"


def filmstrip(studio: Studio, url: Any, session: str) -> dict[str, str]:
    """Return the filmstrip of a picture's walk, as a download.

    Raises:
        UserError: see `read`; or nothing was walked.
    """
    record, _ = read(studio, url)
    with studio.device(session) as control:
        model = load(record.model.name, dtype=record.model.dtype)
        ended = finish(record.verb, record.request, model, control)
    walked = [panel for panel in ended.result.panels if len(panel.states) > 1] if ended.result else []
    if not walked:
        raise UserError(f"{record.verb} made no walk that a filmstrip could show{'; ' + ended.why if ended.why else ''}")
    strip = figures.filmstrip(walked[-1].states, walked[-1].panel.decode)
    return {"name": f"{record.verb}-filmstrip.png", "url": data_url(encode_png(strip))}


def film(studio: Studio, url: Any) -> dict[str, str]:
    """Return the film of an anagram or a hybrid, as a download.

    Raises:
        UserError: see `read`; or it is neither of them.
    """
    record, png = read(studio, url)
    with _file(studio, png) as path:
        target = path.with_suffix(".gif")
        try:
            films.save(films.film(path), target)
            data = target.read_bytes()
        finally:
            target.unlink(missing_ok=True)
    return {"name": f"{record.verb}.gif", "url": data_url(data, "image/gif")}


@contextmanager
def _file(studio: Studio, data: bytes) -> Iterator[Path]:
    """Yield a file with some bytes in the studio's folder, and remove it afterwards."""
    handle, name = tempfile.mkstemp(suffix=".png", dir=studio.folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)
