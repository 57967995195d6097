"""Two hundred damaged pictures: each is read, or refused with one line."""

from __future__ import annotations

import io
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisewalk import UserError
from noisewalk.images import Picture, open_image, prepare_mask, prepare_picture
from noisewalk.run.record import ModelRecord, PictureRecord, Record, read_record, write
from noisewalk.techniques.edit import Edit

COUNT, BUDGET = 200, 30.0
FORMATS = ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "ours")


def _whole(kind: str) -> bytes:
    """Return an undamaged picture of a kind; "ours" has a record and an input."""
    ramp = np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8)
    image = Image.fromarray(np.stack([ramp, ramp[::-1], ramp.T * 2], -1))
    if kind == "ours":
        record = Record("edit", ModelRecord("digits", "0" * 16, path=""), {}, PictureRecord("picture"))
        return write(image, Edit(Picture(image, "a.png"), prompt="7"), record)
    file = io.BytesIO()
    more = {"save_all": True, "append_images": [image.rotate(90)]} if kind in ("GIF", "TIFF") else {}
    image.save(file, kind, **more)
    return file.getvalue()


def _flipped(data: bytearray, dice: random.Random) -> bytes:
    for _ in range(dice.randint(1, 12)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


def _header(data: bytearray, dice: random.Random) -> bytes:
    for _ in range(dice.randint(1, 4)):
        data[dice.randrange(min(96, len(data)))] = dice.choice((0, 1, 127, 128, 255))
    return bytes(data)


def _cut(data: bytearray, dice: random.Random) -> bytes:
    return bytes(data[: dice.randrange(1, len(data))])


def _moved(data: bytearray, dice: random.Random) -> bytes:
    a, b = sorted(dice.randrange(len(data)) for _ in range(2))
    return bytes(data[:a] + data[b:] + data[a:b] * dice.randint(1, 3))


def _edited(data: bytearray, dice: random.Random) -> bytes:
    """Damage a file: in a PNG the content of one chunk, with a correct checksum, and in other files single bytes."""
    if not data.startswith(b"\x89PNG"):
        return _flipped(data, dice)
    starts, at = [], 8
    while at < len(data):
        starts.append(at)
        at += 12 + int.from_bytes(data[at : at + 4])
    at = dice.choice(starts)
    end = at + 8 + int.from_bytes(data[at : at + 4])
    content = _flipped(data[at + 8 : end], dice) if end > at + 8 else b"\0"
    content = dice.choice((content, content[: len(content) // 2], content * 3))
    kind = bytes(data[at + 4 : at + 8])
    made = len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)
    return bytes(data[:at]) + made + bytes(data[end + 4 :])


DAMAGES: tuple[Callable[[bytearray, random.Random], bytes], ...] = (_flipped, _header, _cut, _moved, _edited)


READERS: tuple[Callable[[Path], object], ...] = (
    open_image,
    lambda path: read_record(path).request,
    lambda path: prepare_picture(path, (3, 32, 32)),
    lambda path: prepare_mask(path, (3, 32, 32), None),
)


def _said(read: Callable[[Path], object], path: Path) -> str:
    """Return why the file is refused; "" if it is read."""
    try:
        read(path)
    except UserError as error:
        return str(error)
    return ""


def test_damaged_pictures_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    dice, began = random.Random(16), time.process_time()
    whole = {kind: _whole(kind) for kind in FORMATS}
    refused = 0
    for i in range(COUNT):
        kind, damage = FORMATS[i % len(FORMATS)], DAMAGES[i // len(FORMATS) % len(DAMAGES)]
        path = tmp_path / f"{i}-{kind}.png"
        path.write_bytes(damage(bytearray(whole[kind]), dice))
        said = [_said(read, path) for read in READERS]
        assert not any("\n" in each or len(each) > 1000 for each in said)
        refused += sum(each != "" for each in said)
    assert 200 < refused < 4 * COUNT  # some are read, and not all of them
    assert time.process_time() - began < BUDGET


@pytest.mark.parametrize("kind", FORMATS)
def test_the_undamaged_ones_are_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(_whole(kind))
    if kind == "GIF":
        with pytest.raises(UserError, match="is an animation"):
            open_image(tmp_path / "a.png")
    else:
        assert open_image(tmp_path / "a.png").size == (48, 48)
