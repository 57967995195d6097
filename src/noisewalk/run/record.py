"""The record in a PNG: how a picture came to be, as JSON in a text chunk, and its inputs once each in chunks of their own.

The text names an input by the digest of its bytes ("sha256:…"), so it stays small however large the inputs are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from PIL import Image

from ..errors import UserError, shorten, unknown
from ..images import encode_png, open_bytes, png, read_file
from ..models.adapters import MOST_SCALE
from ..models.precision import DTYPES
from ..techniques import TECHNIQUES
from ..techniques.requests import Request
from ..techniques.spec import KEPT, from_json, to_json
from ..techniques.view_files import keep_permutation, permutation_of, without_folders
from ..version import __version__

KEY = "noisewalk"
SMALL = 1 << 20
"""Most bytes of a permutation that is kept in the picture; of a larger one only the digest is."""

Name = Annotated[str, msgspec.Meta(max_length=4096)]
Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=8)]


@dataclass(frozen=True)
class AdapterRecord:
    """A LoRA adapter of the model.

    Args:
        name: its file's name.
        scale: how strongly it was applied.
        weights: its fingerprint.
        path: where its file was, see `locate.recorded_place`.
    """

    name: Name
    scale: Annotated[float, msgspec.Meta(ge=-MOST_SCALE, le=MOST_SCALE)]
    weights: Name
    path: Name = ""


@dataclass(frozen=True)
class ModelRecord:
    """The model a picture was made with.

    Args:
        name: by which it was loaded; of a file or folder of one's own, the last part of it.
        weights: its fingerprint.
        upscaler: names of the stages after it that the user chose.
        dtype: dtype in which it computed.
        path: where its file or folder was, see `locate.recorded_place`; "" for a model that has a name everywhere. Old records
            have absolute paths, the oldest have none.
        upscaler_paths: the same of each upscaler.
        upscaler_weights: the fingerprint of each stage after the model that was walked, whoever chose it.
        lora: the adapters that it was loaded with.
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
    """Which picture of a result: the figure, or output number `index`."""

    kind: Literal["figure", "picture"]
    index: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None


FIGURE = PictureRecord("figure")


@dataclass(frozen=True)
class Safety:
    """What the model's own safety checker said (None: it was not asked), and whether pictures carry the watermark."""

    checker: bool = False
    flagged: tuple[bool, ...] | None = None
    watermark: bool = False


@dataclass(frozen=True)
class Record:
    """How a picture came to be. `inputs` are those of the file it was read from, by digest."""

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
        """The technique's spec, with its pictures and permutations.

        Raises:
            UserError: there is no such technique, or this is no spec of it.
        """
        if self.verb not in TECHNIQUES:
            raise unknown("technique", shorten(self.verb), TECHNIQUES)
        spec = from_json(TECHNIQUES[self.verb].spec, self.spec, self.inputs)
        for name in getattr(spec, "views", ()):
            _, _, digest = name.rpartition("@")
            for data in (data for key, data in self.inputs.items() if key.startswith(KEPT + digest) and len(digest) == 16):
                keep_permutation(data)
        return spec


def write(image: Image.Image, spec: Request, record: Record) -> bytes:
    """A PNG with its record; the spec's pictures and small permutations are kept in it.

    Args:
        record: all but the spec and the inputs, which are filled in here.
    """
    inputs: dict[str, bytes] = {}

    def keep(data: bytes) -> str:
        key = KEPT + hashlib.sha256(data).hexdigest()
        inputs[key] = data
        return key

    said = to_json(spec, keep)
    for number, name in enumerate(said.get("views", ())):
        table = permutation_of(name)
        if table is not None and len(table) <= SMALL:
            keep(table)
            said["views"][number] = without_folders(name)  # it is known by its digest
    built = msgspec.to_builtins(replace(record, spec=said, inputs={}))
    del built["inputs"]
    order = ("noisewalk", "torch", "threads", "verb", "model", "spec", "picture", "safety")
    text = msgspec.json.encode({key: built[key] for key in order if built[key] is not None}).decode()
    return encode_png(image, {KEY: text, "Software": f"noisewalk {__version__}"}, inputs.values())


def read_record(path: str | Path) -> Record:
    """The record noisewalk wrote into a PNG, checked, with the inputs kept beside it.

    Raises:
        UserError: the file is no picture, is damaged, or holds no record of noisewalk.
    """
    return parse_record(read_file(path), str(path))


def parse_record(data: bytes, path: str) -> Record:
    """As `read_record`, of a file's content.

    Args:
        path: what to call it in messages.
    """
    missing = f"{path} has no noisewalk metadata; only PNGs that noisewalk saved, unedited, can be replayed"
    if not data.startswith(png.SIGNATURE):
        open_bytes(data, path)  # says so if it is no picture at all
        raise UserError(missing)
    try:
        text, inputs = _found(png.chunks(data))
    except ValueError as error:
        raise UserError(f"{path} is damaged or cut short: {error}") from error
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
    """The JSON of a record, if there is one, and the inputs by digest."""
    text: bytes | None = None
    inputs = {}
    for kind, content in chunks:
        if kind == png.INPUT:
            inputs[KEPT + hashlib.sha256(content).hexdigest()] = bytes(content)
        elif text is None:
            text = png.find_text(kind, content, KEY)
    return text, inputs
