"""The chunks of PNG files, read within limits, and PNG files written with chunks of noisewalk's own."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 200_000
MAX_TEXT = 64_000_000
"""Most bytes of a text after it is unpacked."""
INPUT = b"nwIn"
"""The type of the private chunk of an input; other readers skip it, and editors may keep it."""

_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"eXIf"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_TURNED = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
"""The beginnings of texts that may hold the orientation of the picture."""
_SMALL = 65536


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the chunks of a PNG file up to its end, as (type, content), each with its checksum verified.

    Raises:
        ValueError: it is not a PNG, it is cut short, a checksum is wrong, or there are too many chunks.
    """
    for kind, content, checksum in _split(data):
        if zlib.crc32(content, zlib.crc32(kind)) != checksum:
            raise ValueError(f"its chunk {kind.decode('latin-1')!r} has a wrong checksum")
        yield kind, content
        if kind == b"IEND":
            return
    raise ValueError("it is cut short")


def without_extras(data: bytes) -> bytes:
    """Return the same PNG without anything that its pixels do not depend on: texts, colour profiles, private chunks.

    Everything after a damaged place stays as it is, so that the decoder finds the damage.
    """
    kept, at = [SIGNATURE], len(SIGNATURE)
    for kind, content, _ in _split(data, strict=False):
        size = len(content) + 12
        if kind in _PIXELS or (kind in _TEXTS and size <= _SMALL and bytes(content[:32]).startswith(_TURNED)):
            kept.append(data[at : at + size])
        at += size
    return b"".join([*kept, data[at:]])


def find_text(kind: bytes, content: memoryview, key: str) -> bytes | None:
    """Return the text of a tEXt, zTXt or iTXt chunk that has a key, unpacked within `MAX_TEXT`.

    Args:
        kind: the type of the chunk.
        content: its content.
        key: the key.

    Returns:
        The text; None if the chunk is another one.

    Raises:
        ValueError: it cannot be unpacked, or is too long.
    """
    start = key.encode("latin-1") + b"\0"
    if kind not in _TEXTS or bytes(content[: len(start)]) != start:
        return None
    rest = bytes(content[len(start) :])
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _unpacked(rest[1:])
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3:
        raise ValueError("its text chunk is incomplete")
    return _unpacked(parts[2]) if rest[0] else parts[2]


def encode_png(image: Image.Image, text: Mapping[str, str] | None = None, inputs: Iterable[bytes] = ()) -> bytes:
    """Return a picture as the bytes of a PNG file.

    Args:
        image: the picture.
        text: text chunks (UTF-8) by their key.
        inputs: the contents of private chunks behind the pixels.
    """
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    for content in inputs:
        info.add(INPUT, content, after_idat=True)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info, optimize=False)
    return buffer.getvalue()


def _split(data: bytes, strict: bool = True) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield (type, content, checksum) of each chunk. If it is not strict, it ends where the file is damaged."""
    if not data.startswith(SIGNATURE):
        raise ValueError("it is not a PNG")
    view, at = memoryview(data), len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        end = at + 12 + int.from_bytes(view[at : at + 4])
        if end > len(data):
            break
        yield bytes(view[at + 4 : at + 8]), view[at + 8 : end - 4], int.from_bytes(view[end - 4 : end])
        at = end
    if strict:
        raise ValueError("it is cut short, or has too many chunks")


def _unpacked(data: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(data, MAX_TEXT)
    except zlib.error as error:
        raise ValueError(f"its text cannot be unpacked ({error})") from error
    if not inflate.eof:
        raise ValueError(f"its text is cut short, or longer than {MAX_TEXT:,} bytes")
    return text
