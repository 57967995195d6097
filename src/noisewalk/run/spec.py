"""The request of a training run, which the file spec.json in its folder keeps."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from ..checking import checked
from ..errors import UserError, as_keywords
from ..files import read_bounded, write_atomic
from ..models.names import is_there
from ..models.zoo import bundled
from ..requests import RunSpec as RunSpec
from ..training.data import has_official_mnist
from ..training.datasets import BUILT_IN
from ..training.recipe import OWN_DATA

NAME, DATA = "spec.json", "data.json"
MAX_BYTES = 100_000


def settled(spec: RunSpec) -> RunSpec:
    """Return the spec as it is kept: with absolute paths, and with "mnist-sample" if the rest of MNIST is not available."""
    if spec.data == "mnist" and spec.objective not in OWN_DATA and not has_official_mnist():
        return _absolute(replace(spec, data="mnist-sample"))
    return _absolute(spec)


def _absolute(spec: RunSpec) -> RunSpec:
    """Return the spec with absolute paths, so that it can be read from another folder."""
    data, init, teacher = spec.data, spec.init, spec.teacher
    if data not in BUILT_IN and Path(data).is_dir():
        data = os.path.abspath(data)
    if init is not None and init not in bundled():
        init = os.path.abspath(init)
    if teacher is not None and teacher not in bundled() and is_there(teacher):
        teacher = os.path.abspath(teacher)
    return replace(spec, data=data, init=init, teacher=teacher)


def keep_spec(folder: Path, spec: RunSpec, moved: bool = False) -> None:
    """Write spec.json, or check that the existing one is the same.

    Args:
        folder: the folder of the run.
        spec: the present request.
        moved: whether the data may be in another place than before.

    Raises:
        UserError: the folder holds a run of another spec (the message says what differs).
    """
    path = folder / NAME
    if os.path.lexists(path):
        written = read_spec(folder)
        before, now = asdict(_absolute(written)), asdict(_absolute(spec))
        differ = [
            f"{k} was {before[k]} and is now {v}" for k, v in now.items() if before[k] != v and not (moved and k == "data")
        ]
        if differ:
            raise UserError(
                f"{folder} holds another run: {'; '.join(differ)}; choose another folder with --out, or keep the settings"
            )
        if written == spec:
            return
    write_atomic(path, (json.dumps(asdict(spec), indent=2) + "\n").encode())


def read_spec(folder: Path) -> RunSpec:
    """Return the request of the run in a folder.

    Raises:
        UserError: the folder does not hold a run, or its spec.json is damaged.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        raise UserError(f"{folder} has no {NAME}, so it is not a training run; give a folder that `noisewalk train` wrote")
    try:
        return checked(RunSpec(**msgspec.json.decode(read_bounded(path, MAX_BYTES), type=dict[str, Any])))
    except (msgspec.MsgspecError, RecursionError, UnicodeError, TypeError, UserError) as error:
        reason = as_keywords(str(error))
        raise UserError(f"{path} cannot be read as the spec of a run ({reason}); choose another folder") from error


def keep_digest(folder: Path, spec: RunSpec, digest: str, moved: bool = False) -> None:
    """Write data.json, or check that the pictures are the same as at the start of the run.

    Args:
        folder: the folder of the run.
        spec: the request of the run.
        digest: the digest of the data, see `Dataset`.
        moved: whether the user has just named the place of the data; a change is then only a warning.

    Raises:
        UserError: the files of the data folder have changed.
    """
    path = folder / DATA
    if not digest:
        return
    if path.exists():
        try:
            before = msgspec.json.decode(read_bounded(path, MAX_BYTES), type=dict[str, str]).get("digest", "")
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            before = ""
        changed = (
            f"the pictures in {spec.data} are not the same as at the start of the run {folder} (their names or sizes differ)"
        )
        if before == digest:
            return
        if before and not moved:
            raise UserError(
                f"{changed}; put them back, name their place with --resume {folder} --data PATH (which also accepts changed "
                "pictures), or choose another folder with --out"
            )
        if before:
            warnings.warn(f"{changed}; it continues with the present pictures", stacklevel=2)
    write_atomic(path, (json.dumps({"digest": digest, "of": "names and sizes of the files"}) + "\n").encode())
