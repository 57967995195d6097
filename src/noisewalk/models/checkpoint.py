"""Checkpoints: tensors as safetensors, and the configuration as JSON in the header of the same file. Pickle is never used."""

from __future__ import annotations

import glob
import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import UserError
from ..files import read_bounded, write_atomic
from .foreign import foreign

RUN_CHECKPOINT = Path("checkpoints") / "last.safetensors"
"""Where a training run keeps its checkpoint, inside its folder."""


def save_tensors(path: Path, tensors: dict[str, Tensor], config: dict[str, Any], max_bytes: int = 0) -> None:
    """Write tensors and a configuration into one safetensors file or several, atomically.

    Tensors that do not fit into the first file go into files beside it. They are called "NAME.DIGEST.safetensors", where NAME
    is the whole name of the first file, which lists them with their SHA-256. The first file is written last, so that it always
    names whole files. Files that it no longer names are then removed.

    Args:
        path: the (first) file.
        tensors: the tensors by name.
        config: the configuration; it must be JSON.
        max_bytes: most bytes of tensors in one file; 0 for no limit.

    Raises:
        UserError: a file cannot be written.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    first, *rest = _parts(whole, max_bytes)
    before = _shards_now(path)
    shards = {}
    for part in rest:
        data = save(part, metadata={"noisewalk": "{}"})
        digest = hashlib.sha256(data).hexdigest()
        shards[f"{path.name}.{digest[:16]}.safetensors"] = digest
        write_atomic(path.with_name(f"{path.name}.{digest[:16]}.safetensors"), data)
    config = {**config, "shards": shards} if shards else config
    write_atomic(path, save(first, metadata={"noisewalk": json.dumps(config)}))
    for old in before - shards.keys():
        path.with_name(old).unlink(missing_ok=True)


def shards_of(path: Path) -> dict[str, str]:
    """Return the names of the files beside a checkpoint that belong to it, with the SHA-256 of each."""
    return dict(_load_file(path, with_tensors=False)[1].get("shards", {}))


def _shards_now(path: Path) -> set[str]:
    """Return the names of the files beside `path` that belong to it, those of a killed process included."""
    with suppress(UserError):
        return shards_of(path).keys() | _of_its_name(path)
    return _of_its_name(path)


def _of_its_name(path: Path) -> set[str]:
    pattern = f"{glob.escape(path.name)}.{'[0-9a-f]' * 16}.safetensors"
    return {file.name for file in path.parent.glob(pattern)}


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the configuration that `save_tensors` wrote.

    Args:
        path: the (first) file.

    Raises:
        UserError: a file is missing, cut short or changed, or noisewalk did not write it.
    """
    tensors, config = _load_file(path)
    for name, digest in config.pop("shards", {}).items():
        shard = path.with_name(name)
        if not shard.is_file() or hashlib.sha256(shard.read_bytes()).hexdigest() != digest:
            raise UserError(
                f"{path} needs {name} beside it, which is missing or has changed (by its SHA-256); fetch or make both again"
            )
        tensors |= _load_file(shard)[0]
    return tensors, config


def _parts(tensors: dict[str, Tensor], max_bytes: int) -> list[dict[str, Tensor]]:
    """Cut tensors, in their order, into parts of at most `max_bytes`; a single larger tensor stays whole."""
    parts: list[dict[str, Tensor]] = [{}]
    size, margin = 0, 64 * 1024  # a file also holds a header
    for name, tensor in tensors.items():
        size += tensor.nbytes
        if max_bytes and size > max_bytes - margin and parts[-1]:
            parts.append({})
            size = tensor.nbytes
        parts[-1][name] = tensor
    return parts


def _load_file(path: Path, with_tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is not a regular file")
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if "noisewalk" not in metadata:
                raise UserError(f"{path} {foreign(file.keys())}")
            config = _configuration(metadata["noisewalk"])
            return {name: file.get_tensor(name) for name in file.keys()} if with_tensors else {}, config  # noqa: SIM118
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            f"there is no checkpoint {path}; give a folder that `noisewalk train` wrote, or a .safetensors file"
        ) from error
    except (OSError, SafetensorError, msgspec.MsgspecError, RecursionError) as error:
        raise UserError(f"cannot read the checkpoint {path}: {error}; it may be cut short; fetch or make it again") from error


class _Shards(TypedDict, total=False):
    shards: dict[Annotated[str, msgspec.Meta(max_length=255)], Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]]


def _configuration(text: str) -> dict[str, Any]:
    """Return the JSON of a checkpoint's header: an object whose shards are names of files beside it."""
    config = msgspec.json.decode(text.encode(), type=dict[str, Any])
    for name in msgspec.convert(config, _Shards).get("shards", {}):
        if not re.fullmatch(r"[^/\\\0]+\.safetensors", name) or name.startswith("."):
            raise msgspec.ValidationError(f"'{name}' is not the name of a file beside it")
    return config


def to_float16(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with floating-point ones in float16, for weights that are shipped."""
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}


def to_float32(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with floating-point ones in float32, for weights that are used."""
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def network_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the weights of a packed file, or the averaged weights of a run's checkpoint, and their configuration.

    Args:
        path: the file.

    Returns:
        The float32 tensors by name, and the configuration.

    Raises:
        UserError: the file is missing or damaged.
    """
    tensors, config = load_tensors(path)
    averaged = {k.removeprefix("averaged."): v for k, v in tensors.items() if k.startswith("averaged.")}
    return to_float32(averaged or tensors), config


def fingerprint(path: Path) -> str:
    """Return the first 16 hexadecimal digits of a file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


MAX_CARD = 20_000_000
"""Most bytes of a card (the longest ones list the words that a model knows)."""


class Card(TypedDict, total=False):
    """What a card says about the weights beside it; `noisewalk models` shows some of it.

    Args:
        kind: "model" for a model that makes pictures.
        sha256: the SHA-256 of the weights.
        defaults: the defaults of walks, see `Defaults`.
        known: the words that a text model was trained on.
        filler: words that name nothing.
        what: what the model makes, in words.
        data: the training data and its licence, in words.
        command: the command that trained it.
        parameters: the number of parameters.
        quality: measured figures by name.
    """

    kind: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16,64}$")]
    defaults: dict[str, Any]
    known: list[str]
    filler: list[str]
    what: str
    data: str | list[str]
    command: str
    parameters: Annotated[int, msgspec.Meta(ge=0)]
    quality: dict[str, Any]


def read_card(path: Path) -> dict[str, Any]:
    """Read a card and check it; entries beyond those of `Card` are kept.

    Args:
        path: the .json file.

    Raises:
        UserError: it cannot be read, or a value in it has another type.
    """
    try:
        card = msgspec.json.decode(read_bounded(path, MAX_CARD), type=dict[str, Any])
        msgspec.convert(card, Card)
        return card
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise UserError(f"the card {path} is damaged ({error}); make or fetch it again with its weights") from error


def verified_card(path: Path) -> dict[str, Any]:
    """Return the card beside packed weights, and check that the weights are the ones it names.

    Args:
        path: the .safetensors file.

    Returns:
        The card; {} if there is none.

    Raises:
        UserError: the weights are missing, or their SHA-256 is not that of the card.
    """
    if not path.is_file():
        raise UserError(f"there are no weights at {path}; reinstall noisewalk, or make them (see bench/TRAINING_QUEUE.md)")
    if not path.with_suffix(".json").exists():
        return {}
    card = read_card(path.with_suffix(".json"))
    found = fingerprint(path)
    if found != card.get("sha256", found)[:16]:
        raise UserError(
            f"the weights {path} are damaged (their SHA-256 is {found}…, not {card['sha256'][:16]}…); make or fetch them again"
        )
    return card


def state_dict(module: torch.nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors of a module, with a prefix before each name."""
    return {prefix + name: tensor for name, tensor in module.state_dict().items()}
