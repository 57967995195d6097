"""What a training run was asked to be: `RunSpec`, its bounds, and the file spec.json that keeps it in the run's folder."""

from __future__ import annotations

import json
import os
import typing
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec

from ..errors import UserError, unknown
from ..files import read_bounded, write_atomic
from ..models.zoo import bundled
from ..training.data import has_official_mnist
from ..training.datasets import BUILT_IN
from ..training.recipe import OBJECTIVES, OWN_DATA

NAME, DATA = "spec.json", "data.json"
MAX_BYTES = 100_000

KNOWN = {
    "objective": ("objective", OBJECTIVES),
    "recipe": ("recipe", ("course", "fast")),
    "network": ("network", ("unet-course", "unet-fast")),
    "decay": ("decay", ("cosine", "exponential", "none")),
    "dtype": ("dtype", ("float32", "bfloat16")),
}
"""The names that a field may have, and what such a name is called."""

Above = msgspec.Meta(gt=0, le=1e6)
Count = msgspec.Meta(gt=0, le=10**6)
Short = Annotated[str, msgspec.Meta(max_length=4096)]


@dataclass(frozen=True)
class RunSpec:
    """What a run was asked to be; kept in its folder as spec.json.

    Args:
        objective: denoiser, pure-noise, ddpm, flow or classifier.
        recipe: "course" for the course's exact recipe, "fast" for ours.
        data: mnist, mnist-sample (the 5,000 digits that come with noisewalk), fashion-mnist or a folder.
        classes: whether the network is told the class.
        size, channels: of the pictures of a folder.
        epochs: passes over the data; None for the recipe's.
        learning_rate, decay: instead of the recipe's; None for the recipe's.
        seed: of the weights, the order of pictures, times and noise.
        network: "unet-course" or "unet-fast" instead of the recipe's.
        batch_size: pictures per step, instead of the recipe's.
        init: the run or model whose weights to start from; None for random ones.
        dtype: "float32" or "bfloat16", what the network computes in (its weights stay float32); None for the recipe's.
    """

    objective: Short
    recipe: Short = "fast"
    data: Short = "mnist"
    classes: bool = False
    size: Annotated[int, msgspec.Meta(ge=8, le=1024, multiple_of=4)] = 28
    channels: typing.Literal[1, 3] = 3
    epochs: Annotated[float, Above] | None = None
    learning_rate: Annotated[float, Above] | None = None
    decay: Short | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    network: Short | None = None
    batch_size: Annotated[int, Count] | None = None
    init: Short | None = None
    dtype: Short | None = None


def checked(values: dict[str, Any], flags: bool = True) -> RunSpec:
    """Values as a spec.

    Args:
        values: of the fields of `RunSpec`.
        flags: whether they came from the command line, so that messages name flags.

    Raises:
        UserError: a value is out of bounds or of another type (NaN, infinity), or a name is unknown or missing.
    """
    hints = get_type_hints(RunSpec, include_extras=True)
    for name, value in values.items():
        said = f"--{name.replace('_', '-')}" if flags else f"'{name}'"
        if name not in hints:
            raise UserError(f"{said} is nothing that a training run has; its fields are {', '.join(hints)}")
        if isinstance(value, float) and not abs(value) < 1e300:
            raise UserError(f"{said} must be a finite number, {value} was asked for")
        try:
            msgspec.convert(value, hints[name])
        except msgspec.ValidationError as error:
            raise UserError(f"{said} must be {_bounds(hints[name]) or error}, {_shown(value)} was asked for") from error
    if "objective" not in values:
        raise UserError("the objective is missing (denoiser, pure-noise, ddpm, flow, ...)")
    for name, (kind, known) in KNOWN.items():
        if values.get(name) is not None and values[name] not in known:
            raise unknown(kind, values[name], known)
    return RunSpec(**values)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) < 40 else f"{text[:40]}…"


def _bounds(hint: Any) -> str:
    """The bounds of an annotated number in words.

    >>> _bounds(Annotated[int, msgspec.Meta(ge=8, le=1024, multiple_of=4)])
    'divisible by 4 and at least 8 and at most 1024'
    """
    for part in (hint, *typing.get_args(hint)):
        if typing.get_origin(part) is typing.Literal:
            return " or ".join(str(value) for value in typing.get_args(part))
        for meta in getattr(part, "__metadata__", ()):
            words = {"divisible by": meta.multiple_of, "more than": meta.gt, "at least": meta.ge, "at most": meta.le}
            said = [
                f"{word} {value:.0f}" if value == int(value) else f"{word} {value:g}"
                for word, value in words.items()
                if value is not None
            ]
            return " and ".join(said)
    return ""


def settled(spec: RunSpec) -> RunSpec:
    """The spec as it is kept: a folder by its absolute path, and "mnist-sample" where there is no more of MNIST than that."""
    if spec.data == "mnist" and spec.objective not in OWN_DATA and not has_official_mnist():
        return _absolute(replace(spec, data="mnist-sample"))
    return _absolute(spec)


def _absolute(spec: RunSpec) -> RunSpec:
    """The spec with the paths in it made absolute, so that it can be read from another folder."""
    data, init = spec.data, spec.init
    if data not in BUILT_IN and Path(data).is_dir():
        data = os.path.abspath(data)
    if init is not None and init not in bundled():
        init = os.path.abspath(init)
    return replace(spec, data=data, init=init)


def keep_spec(folder: Path, spec: RunSpec, moved: bool = False) -> None:
    """Write spec.json, or see that the one that is there is the same.

    Args:
        folder: the run's folder.
        spec: what is asked for now.
        moved: whether the data may be in another place than before.

    Raises:
        UserError: the folder holds a run of another spec (the message says what differs).
    """
    path = folder / NAME
    if os.path.lexists(path):
        written = read_spec(folder)
        before, now = asdict(_absolute(written)), asdict(_absolute(spec))
        differ = [f"{k} was {before[k]}, is {v}" for k, v in now.items() if before[k] != v and not (moved and k == "data")]
        if differ:
            raise UserError(
                f"{folder} holds another run: {'; '.join(differ)}. Choose another folder with --out, or ask for the same"
            )
        if written == spec:
            return
    write_atomic(path, (json.dumps(asdict(spec), indent=2) + "\n").encode())


def read_spec(folder: Path) -> RunSpec:
    """What the run in a folder was asked to be.

    Raises:
        UserError: the folder holds no run, or its spec.json is damaged.
    """
    path = folder / NAME
    try:
        return checked(msgspec.json.decode(read_bounded(path, MAX_BYTES), type=dict[str, Any]), flags=False)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, UserError) as error:
        raise UserError(f"{path} cannot be read as the spec of a run ({error}); choose another folder") from error


def keep_digest(folder: Path, spec: RunSpec, digest: str, moved: bool = False) -> None:
    """Write data.json, or see that the pictures are those that the run began with.

    Args:
        folder: the run's folder.
        spec: of the run.
        digest: of the data, see `Dataset`.
        moved: whether the user has just said where the data is; a change is then only named.

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
        changed = f"the pictures in {spec.data} are not those that the run {folder} began with (their names or sizes differ)"
        if before == digest:
            return
        if before and not moved:
            raise UserError(
                f"{changed}; put them back, say where they are (--resume {folder} --data PATH; that also goes on with changed "
                "ones), or choose another folder with --out"
            )
        if before:
            warnings.warn(f"{changed}; it goes on with what is there now", stacklevel=2)
    write_atomic(path, (json.dumps({"digest": digest, "of": "names and sizes of the files"}) + "\n").encode())
