"""The record in a PNG: how a picture was made, as JSON in a text chunk, and each of its inputs once in a private chunk.

The text refers to an input by the digest of its bytes ("sha256:…"), so it stays small even if the inputs are large.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from PIL import Image

from ..errors import UserError, shorten, unknown
from ..images import encode_png, open_bytes, png, read_file
from ..models.adapters import MOST_SCALE
from ..models.precision import DTYPES
from ..techniques import TECHNIQUES
from ..techniques.as_json import KEPT, from_json, to_json
from ..techniques.requests import Request
from ..techniques.view_files import files_of, keep_permutation, permutation_of, without_folders
from ..version import __version__

KEY = "noisewalk"
SMALL = 1 << 20
"""The most bytes of a permutation that is kept in the picture; for a larger one, only the digest is kept."""

Name = Annotated[str, msgspec.Meta(max_length=4096)]
Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=8)]


@dataclass(frozen=True)
class AdapterRecord:
    """A LoRA adapter of the model.

    Args:
        name: the name of its file.
        scale: the scale with which it was applied.
        weights: its fingerprint.
        path: the path of its file, see `locate.recorded_place`.
    """

    name: Name
    scale: Annotated[float, msgspec.Meta(ge=-MOST_SCALE, le=MOST_SCALE)]
    weights: Name
    path: Name = ""


@dataclass(frozen=True)
class ModelRecord:
    """The model that made a picture.

    Args:
        name: the name by which it was loaded; for a user's own file or folder, the last part of its path.
        weights: its fingerprint.
        upscaler: the names of the upscalers that the user chose.
        dtype: the dtype in which it computed.
        path: the path of its file or folder, see `locate.recorded_place`; "" for a model that has the same name everywhere.
            Old records have absolute paths, and the oldest have none.
        upscaler_paths: the path of each upscaler.
        upscaler_weights: the fingerprint of each upsampling stage of the walk.
        lora: the LoRA adapters with which it was loaded.
    """

    name: Name
    weights: Name
    upscaler: Names = ()
    dtype: Name = "auto"
    path: Name | None = None
    upscaler_paths: Names = ()
    upscaler_weights: Names = ()
    lora: Annotated[tuple[AdapterRecord, ...], msgspec.Meta(max_length=8)] = ()


@dataclass(frozen=True)
class PictureRecord:
    """A picture of a result: the figure, or output number `index`."""

    kind: Literal["figure", "picture"]
    index: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None


FIGURE = PictureRecord("figure")


@dataclass(frozen=True)
class Safety:
    """The safety settings of a picture.

    Args:
        checker: whether the model's own safety checker was used.
        flagged: for each picture, whether the checker objects to it; None if it was not used.
        watermark: whether the pictures have the model's watermark.
    """

    checker: bool = False
    flagged: tuple[bool, ...] | None = None
    watermark: bool = False


@dataclass(frozen=True)
class Record:
    """How a picture was made.

    Args:
        verb: the name of the technique (files have always called it so).
        model: its model.
        spec: the request as JSON (files have always called it so).
        picture: which picture of the result it is.
        noisewalk: the version of noisewalk.
        torch: the version of PyTorch.
        threads: the number of threads of PyTorch.
        safety: the safety settings of a diffusers model.
        inputs: the inputs in the file that the record was read from, by digest.
    """

    verb: Name
    model: ModelRecord
    spec: dict[str, Any]
    picture: PictureRecord
    noisewalk: Name = __version__
    torch: Name = ""
    threads: int = 0
    safety: Safety | None = None
    inputs: dict[str, bytes] = field(default_factory=dict)

    @property
    def request(self) -> Request:
        """The request, with its pictures and permutations.

        Raises:
            UserError: there is no such technique, or this is not a request of it.
        """
        if self.verb not in TECHNIQUES:
            raise unknown("technique", shorten(self.verb), TECHNIQUES)
        request = from_json(TECHNIQUES[self.verb].request, self.spec, self.inputs)
        for name in chain.from_iterable(map(files_of, getattr(request, "views", ()))):
            _, _, digest = name.rpartition("@")
            for data in (data for key, data in self.inputs.items() if key.startswith(KEPT + digest) and len(digest) == 16):
                keep_permutation(data)
        return request


def write(image: Image.Image, request: Request, record: Record) -> bytes:
    """Return a picture as a PNG file with its record, its input pictures and its small permutations.

    Args:
        image: the picture.
        request: the request.
        record: the record; its request and inputs are filled in here.
    """
    inputs: dict[str, bytes] = {}

    def keep(data: bytes) -> str:
        key = KEPT + hashlib.sha256(data).hexdigest()
        inputs[key] = data
        return key

    encoded = to_json(request, keep)
    for number, name in enumerate(encoded.get("views", ())):
        files = files_of(name)
        for i, file in enumerate(files):
            table = permutation_of(file)
            if table is not None and len(table) <= SMALL:
                keep(table)
                files[i] = without_folders(file)  # the digest identifies it
        encoded["views"][number] = ",".join(files) or name
    built = msgspec.to_builtins(replace(record, spec=encoded, inputs={}))
    del built["inputs"]
    order = ("noisewalk", "torch", "threads", "verb", "model", "spec", "picture", "safety")
    text = msgspec.json.encode({key: built[key] for key in order if built[key] is not None}).decode()
    return encode_png(image, {KEY: text, "Software": f"noisewalk {__version__}"}, inputs.values())


def read_record(path: str | Path) -> Record:
    """Read and check the record that noisewalk wrote into a PNG, with its inputs.

    Raises:
        UserError: the file is not a picture, is damaged, or has no record of noisewalk.
    """
    return parse_record(read_file(path), str(path))


def parse_record(data: bytes, path: str) -> Record:
    """Read a record, as `read_record` does, from the content of a file.

    Args:
        data: the content.
        path: the name of the file, for messages.
    """
    missing = f"{path} has no noisewalk metadata; only PNGs that noisewalk saved, unedited, can be replayed"
    if not data.startswith(png.SIGNATURE):
        open_bytes(data, path)  # raises if it is not a picture at all
        raise UserError(missing)
    try:
        text, inputs = _found(png.chunks(data))
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); fetch or make it again") from error
    if text is None:
        raise UserError(missing)
    try:
        record = replace(msgspec.json.decode(text, type=Record), inputs=inputs)
        if record.model.dtype not in ("auto", *DTYPES):
            raise ValueError(f"'{shorten(record.model.dtype)}' is not a dtype")
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UserError(f"the noisewalk metadata of {path} is damaged: {shorten(str(error), 200)}") from error
    return record


def _found(chunks: Iterable[tuple[bytes, memoryview]]) -> tuple[bytes | None, dict[str, bytes]]:
    """Return the JSON of the record, or None, and the inputs by digest."""
    text: bytes | None = None
    inputs = {}
    for kind, content in chunks:
        if kind == png.INPUT:
            inputs[KEPT + hashlib.sha256(content).hexdigest()] = bytes(content)
        elif text is None:
            text = png.find_text(kind, content, KEY)
    return text, inputs
