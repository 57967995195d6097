"""The place of a saved picture's model: what the picture records of it, and how the model is found again.

People share pictures, and the path of a user's own model contains the names of private folders. So a picture records the name
of the model, its fingerprint, and its path relative to the working folder, if that path does not contain private folders.
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
from ..models.diffusers.components import open_files
from ..models.diffusers.families import FAMILIES
from ..models.diffusers.named import NAMED
from ..models.diffusers.single_file import is_single_file
from ..models.names import read_name
from ..models.zoo import bundled
from .record import Record

MOST_FILES = 64
"""The most files near a picture whose digests are compared."""
ABOVE = 6
"""The number of folders above the picture's own in which a recorded path is looked up."""
_INDEX = "model_index.json"
_BESIDE = ("*.safetensors", str(RUN_CHECKPOINT), f"*/{RUN_CHECKPOINT}", _INDEX, f"*/{_INDEX}")


def recorded_name(name: str) -> str:
    """Return the name of a model as pictures record it: for a user's own file or folder, without the folders above it.

    >>> recorded_name("digits"), recorded_name("google/ddpm-cifar10-32")
    ('digits', 'google/ddpm-cifar10-32')
    """
    path = _own(name)
    return path.name if path else name


def recorded_place(name: str) -> str:
    """Return the path of a model relative to the working folder; "" for a model that has the same name everywhere.

    If the two have no folder in common except the system's own, the result is the last part of the path.

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
    """Return the name or path by which the picture's model is loaded; a model that was a file is not looked for on the hub.

    The first choice is a place whose weights have the recorded fingerprint. Such places are the recorded path, relative to the
    working folder, to the picture's folder and to the folders above it; and the picture's folder, the folder above it, and the
    folders in them. The second choice is the recorded path with other weights (replay then reports the difference).

    Args:
        record: the record of the picture.
        picture: the file of the picture.

    Raises:
        UserError: the model is at none of these places.
    """
    model = record.model
    if model.name in bundled() or model.name in NAMED:
        return model.name
    own = bool(model.path) or record.safety is None  # records of diffusers models always have an entry about safety
    return _located(
        model.name, model.path, model.weights, picture, own, "name its place: noisewalk replay --model PATH PICTURE"
    )


def locate_upscalers(record: Record, picture: Path) -> tuple[str, ...]:
    """Return the names or paths by which the upscalers of a picture are loaded, found as `locate_model` finds the model.

    Args:
        record: the record of the picture.
        picture: the file of the picture.

    Raises:
        UserError: one of them is not found.
    """
    model = record.model
    places, digests = ([*given, *[""] * len(model.upscaler)] for given in (model.upscaler_paths, model.upscaler_weights))
    return tuple(
        _located(name, place, digest, picture, bool(place), "put it beside the picture") if place else name
        for name, place, digest in zip(model.upscaler, places, digests, strict=False)
    )


def locate_adapters(record: Record, picture: Path) -> tuple[str, ...]:
    """Return the names FILE:SCALE by which the model's LoRA adapters are loaded.

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
    recorded = [read_name(text).path for text in (name, place) if text and not re.match(r"[/\\]{2}", text)]
    folders = [*picture.absolute().parents][: ABOVE + 1]
    around = (folder / path for path in recorded if not path.is_absolute() for folder in folders)
    for path in chain(recorded, around, _beside(picture)):
        if digest and _digest(path) == digest:
            return str(path)
    for path in recorded:
        if _weights(path) or _holds(path, _INDEX):
            return str(path)
    if not own and read_name(name).kind == "hub":
        return name
    known = " nor at ".join(dict.fromkeys(shorten(str(path), 120) for path in recorded))
    raise UserError(
        f"{picture} was made with the model '{shorten(name)}' (weights {shorten(digest)}), which is neither at {known} nor "
        f"beside the picture; {remedy}"
    )


def _own(name: str) -> Path | None:
    """Return the absolute path of a model that is a file or a folder here; None for one that has the same name everywhere."""
    if name in bundled() or name in NAMED or not name:
        return None
    meant = read_name(name)
    return Path(os.path.abspath(meant.path)) if meant.kind == "path" and _holds(meant.path) else None


def _beside(picture: Path) -> Iterator[Path]:
    """Return the models in the picture's folder, in the folder above it, and in the folders in them."""
    folders = [*picture.absolute().parents][:2]
    found = islice(chain.from_iterable(folder.glob(pattern) for folder in folders for pattern in _BESIDE), MOST_FILES)
    return (path.parent if path.name == _INDEX else path for path in found)


def _digest(path: Path) -> str:
    """Return the fingerprint of the model at a path; "" if there is none, or if it cannot be read."""
    with suppress(UserError, OSError):
        if _holds(path, _INDEX) or is_single_file(path):
            files = open_files(path)
            return files.fingerprint(FAMILIES[files.pipeline].network) if files.pipeline in FAMILIES else ""
        if file := _weights(path):
            return fingerprint(file)
    return ""


def _weights(path: Path) -> Path | None:
    """Return the file of weights at a path: the path itself, or the checkpoint in the folder of a run."""
    file = path / RUN_CHECKPOINT if _holds(path, "") and path.is_dir() else path
    return file if file.suffix == ".safetensors" and _holds(file) and file.is_file() else None


def _holds(path: Path, name: str = "") -> bool:
    """Return whether a path exists, or a file in it; False for names that the system does not allow."""
    try:
        return (path / name).exists()
    except (OSError, ValueError):
        return False
