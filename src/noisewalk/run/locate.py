"""Where a model of a saved picture is: what the picture says of the place, and how it is found again.

A picture is given away, and the path of a model of one's own names the user's folders. So the picture says the model's name,
its fingerprint, and its place from where noisewalk was started, if the way there leads through none of the user's own folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

from ..errors import UserError, shorten
from ..models.checkpoint import RUN_CHECKPOINT, fingerprint
from ..models.diffusers.components import ModelFolder
from ..models.diffusers.deepfloyd import NAMED
from ..models.diffusers.families import FAMILIES
from ..models.names import read_name
from ..models.zoo import bundled
from .record import Record

MOST_FILES = 64
"""Most files beside a picture whose digests are compared."""
ABOVE = 6
"""How many folders above a picture's own are looked into for a model's place."""
_INDEX = "model_index.json"
_BESIDE = ("*.safetensors", str(RUN_CHECKPOINT), f"*/{RUN_CHECKPOINT}", _INDEX, f"*/{_INDEX}")


def recorded_name(name: str) -> str:
    """A model's name as pictures say it: without the folders that a file or folder of one's own is in.

    >>> recorded_name("digits"), recorded_name("google/ddpm-cifar10-32")
    ('digits', 'google/ddpm-cifar10-32')
    """
    path = _own(name)
    return path.name if path else name


def recorded_place(name: str) -> str:
    """Where a model is, from the working folder; "" for one that is known by its name everywhere.

    Only the name is left of a place that has no folder in common with the working folder but the system's own.

    >>> recorded_place("digits"), recorded_place("google/ddpm-cifar10-32")
    ('', '')
    """
    path = _own(name)
    if path is None:
        return ""
    here, home = Path.cwd(), Path.home()
    with suppress(ValueError):  # they are on different drives
        common = Path(os.path.commonpath([here, path]))
        if common.parent != common and (common == home or not home.is_relative_to(common)):
            return Path(os.path.relpath(path, here)).as_posix()
    return path.name


def locate_model(record: Record, picture: Path) -> str:
    """What to load the picture's model by; the network is not asked for what was a file or a folder.

    A place where the weights have the record's fingerprint is taken first: the recorded place, from the working folder and
    from the picture's own and those above it; the picture's own folder, the one above it, and the folders in them. Failing
    that, the recorded place if it holds a model at all (replay then says that it is another).

    Raises:
        UserError: it is at none of these places.
    """
    model = record.model
    if model.name in bundled() or model.name in NAMED:
        return model.name
    own = bool(model.path) or record.safety is None  # what ran in diffusers always has a line about safety
    return _located(model.name, model.path, model.weights, picture, own, "noisewalk replay --model PATH PICTURE")


def locate_upscalers(record: Record, picture: Path) -> tuple[str, ...]:
    """What to load the stages after the model by, as `locate_model`.

    Raises:
        UserError: one of them is nowhere.
    """
    model = record.model
    places, digests = ([*given, *[""] * len(model.upscaler)] for given in (model.upscaler_paths, model.upscaler_weights))
    return tuple(
        _located(name, place, digest, picture, bool(place), "put it beside the picture") if place else name
        for name, place, digest in zip(model.upscaler, places, digests, strict=False)
    )


def locate_adapters(record: Record, picture: Path) -> tuple[str, ...]:
    """What to load the model's LoRA adapters by, FILE:SCALE each.

    Raises:
        UserError: one of them is nowhere, or another file.
    """
    found = []
    for each in record.model.lora:
        path = _located(each.name, each.path, each.weights, picture, True, "put it beside the picture")
        if _digest(Path(path)) != each.weights:
            raise UserError(f"the adapter {path} is not the one that {picture} was made with (weights {shorten(each.weights)})")
        found.append(f"{path}:{each.scale!r}")
    return tuple(found)


def _located(name: str, place: str | None, digest: str, picture: Path, own: bool, remedy: str) -> str:
    said = [read_name(text).path for text in (name, place) if text and not re.match(r"[/\\]{2}", text)]
    folders = [*picture.absolute().parents][: ABOVE + 1]
    around = (folder / path for path in said if not path.is_absolute() for folder in folders)
    for path in chain(said, around, _beside(picture)):
        if digest and _digest(path) == digest:
            return str(path)
    for path in said:
        if _weights(path) or _holds(path, _INDEX):
            return str(path)
    if not own and read_name(name).kind == "hub":
        return name
    known = " nor at ".join(dict.fromkeys(shorten(str(path), 120) for path in said))
    raise UserError(
        f"{picture} was made with the model '{shorten(name)}' (weights {shorten(digest)}), which is neither at {known} nor "
        f"beside the picture; say where it is: {remedy}"
    )


def _own(name: str) -> Path | None:
    """The absolute path of a model that is a file or a folder here; None for one that is known by its name everywhere."""
    if name in bundled() or name in NAMED or not name:
        return None
    meant = read_name(name)
    return Path(os.path.abspath(meant.path)) if meant.kind == "path" and _holds(meant.path) else None


def _beside(picture: Path) -> Iterator[Path]:
    """Models in the picture's folder, in the one above it, and in the folders that are in them."""
    folders = [*picture.absolute().parents][:2]
    found = islice(chain.from_iterable(folder.glob(pattern) for folder in folders for pattern in _BESIDE), MOST_FILES)
    return (path.parent if path.name == _INDEX else path for path in found)


def _digest(path: Path) -> str:
    """The fingerprint of the model that is at a path; "" if there is none, or one that cannot be read."""
    with suppress(UserError, OSError):
        if file := _weights(path):
            return fingerprint(file)
        folder = ModelFolder(path)
        if _holds(path, _INDEX) and folder.pipeline in FAMILIES:
            return folder.fingerprint(FAMILIES[folder.pipeline].network)
    return ""


def _weights(path: Path) -> Path | None:
    """The file of weights at a path: itself, or the checkpoint of a run's folder."""
    file = path / RUN_CHECKPOINT if _holds(path, "") and path.is_dir() else path
    return file if file.suffix == ".safetensors" and _holds(file) and file.is_file() else None


def _holds(path: Path, name: str = "") -> bool:
    """Whether there is such a path here, or such a file in it; a name that no system takes is nowhere."""
    try:
        return (path / name).exists()
    except (OSError, ValueError):
        return False
