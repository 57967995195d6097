"""Where the model of a saved picture is now: under its name, at the place it had, or beside the picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from ..errors import UserError, shorten
from ..models.checkpoint import RUN_CHECKPOINT, fingerprint
from ..models.diffusers.deepfloyd import NAMED
from ..models.names import read_name
from ..models.zoo import bundled
from .record import Record

MOST_FILES = 64
"""Most files beside a picture whose digests are compared."""
_BESIDE = ("*.safetensors", str(RUN_CHECKPOINT), f"*/{RUN_CHECKPOINT}")


def absolute(name: str) -> str:
    """The absolute path of a model that is a file or a folder here; "" for one that is known by its name everywhere.

    >>> absolute("digits"), absolute("google/ddpm-cifar10-32")
    ('', '')
    """
    if name in bundled() or name in NAMED or not name:
        return ""
    meant = read_name(name)
    return str(meant.path.resolve()) if meant.kind == "path" and _holds(meant.path) else ""


def locate_model(record: Record, picture: Path) -> str:
    """What to load the picture's model by; the network is not asked for what was a file or a folder.

    A place whose weights have the record's fingerprint is taken first: the name as a path, the recorded place, the picture's
    own folder, the one above it. Failing that, the first place that holds a model at all (replay then says that it is another).

    Raises:
        UserError: it is at none of these places.
    """
    model = record.model
    if model.name in bundled() or model.name in NAMED:
        return model.name
    known = [read_name(place).path for place in (model.name, model.path) if place]
    for path in chain(known, _beside(picture)):
        if (file := _weights(path)) and fingerprint(file) == model.weights:
            return str(path)
    for path in known:
        if _weights(path) or _holds(path, "model_index.json"):
            return str(path)
    own = bool(model.path) or record.safety is None  # what ran in diffusers always has a line about safety
    if not own and read_name(model.name).kind == "hub":
        return model.name
    raise UserError(
        f"{picture} was made with the model '{shorten(model.name)}' (weights {shorten(model.weights)}), which is neither at "
        f"{' nor at '.join(dict.fromkeys(shorten(str(path), 120) for path in known))} nor beside the picture; "
        "say where it is: noisewalk replay --model PATH PICTURE"
    )


def locate_upscalers(record: Record) -> tuple[str, ...]:
    """What to load the stages after the model by."""
    names, paths = record.model.upscaler, record.model.upscaler_paths
    return tuple(
        path if path and not _holds(Path(name)) and _holds(Path(path)) else name
        for name, path in zip(names, paths + ("",) * (len(names) - len(paths)), strict=False)
    )


def _beside(picture: Path) -> Iterator[Path]:
    folders = list(dict.fromkeys((picture.absolute().parent, picture.absolute().parent.parent)))
    return islice(chain.from_iterable(folder.glob(pattern) for folder in folders for pattern in _BESIDE), MOST_FILES)


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
