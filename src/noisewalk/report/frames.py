"""Animations as GIF, WebP or MP4, written frame by frame, so that the memory does not grow with their length."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import GifImagePlugin, Image, ImageChops

from ..errors import UserError, install

_LARGEST_RIFF = 2**32 - 10
"""The most bytes of a WebP, whose header holds the length in 32 bits."""
_LONGEST = 600_000
"""The most milliseconds of a frame: a GIF holds hundredths of a second in 16 bits."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a film.

    Args:
        image: the picture.
        seconds: the time for which it is shown.
    """

    image: Image.Image
    seconds: float


@dataclass(frozen=True, eq=False)
class _Change:
    """The part of a frame that differs from the frame before.

    Args:
        image: the part.
        at: (left, top) of the part in the frame.
        size: (width, height) of the frame.
        milliseconds: the time for which it is shown.
    """

    image: Image.Image
    at: tuple[int, int]
    size: tuple[int, int]
    milliseconds: int


def write_gif(file: BinaryIO, frames: Iterable[Frame]) -> None:
    """Write an animated GIF that repeats for ever; each frame has its own 256 colours.

    Reference: *Graphics Interchange Format, Version 89a*, CompuServe, 1990.
    """
    for number, change in enumerate(_changes(frames)):
        image = change.image.convert("P", palette=Image.Palette.ADAPTIVE)
        if not number:
            file.writelines(GifImagePlugin.getheader(image.copy(), info={"loop": 0})[0])
        file.writelines(GifImagePlugin.getdata(image, change.at, duration=change.milliseconds, include_color_table=True))
    file.write(b";")


def write_webp(file: BinaryIO, frames: Iterable[Frame]) -> None:
    """Write a lossless animated WebP that repeats for ever.

    Reference: *WebP Container Specification*, https://developers.google.com/speed/webp/docs/riff_container

    Raises:
        UserError: the film is larger than a WebP can be.
    """
    for number, change in enumerate(_changes(frames, multiple=2)):
        if not number:
            canvas = b"\x02\0\0\0" + b"".join(_int(side - 1, 3) for side in change.size)  # 2: it is animated
            file.write(b"RIFF\0\0\0\0WEBP" + _chunk(b"VP8X", canvas) + _chunk(b"ANIM", _int(0xFFFFFFFF, 4) + _int(0, 2)))
        encoded = io.BytesIO()
        change.image.save(encoded, "WEBP", lossless=True)
        numbers = (change.at[0] // 2, change.at[1] // 2, change.image.width - 1, change.image.height - 1, change.milliseconds)
        head = b"".join(_int(each, 3) for each in numbers) + b"\x02"  # 2: it replaces what is there
        file.write(_chunk(b"ANMF", head + encoded.getvalue()[12:]))
        if file.tell() > _LARGEST_RIFF:
            raise UserError("this film is larger than a .webp can be (4 GB); lower --fps, --seconds or --size, or save a .mp4")
    length = file.tell() - 8
    file.seek(4)
    file.write(_int(length, 4))


def write_mp4(file: BinaryIO, frames: Iterable[Frame], rate: int) -> None:
    """Write an H.264 film of `rate` frames per second.

    Raises:
        UserError: PyAV is missing.
    """
    try:
        import av
    except ModuleNotFoundError:
        raise UserError(f"an .mp4 needs PyAV: {install('video')}; or save a .gif or a .webp") from None
    from_image: Any = av.VideoFrame.from_image
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("h264", rate=rate)
        for number, each in enumerate(frames):
            if not number:
                stream.width, stream.height, stream.pix_fmt = *each.image.size, "yuv420p"
            for _ in range(max(1, round(each.seconds * rate))):
                container.mux(stream.encode(from_image(each.image)))
        container.mux(stream.encode())


Writer = Callable[[BinaryIO, Iterable[Frame]], None]


def _changes(frames: Iterable[Frame], multiple: int = 1) -> Iterator[_Change]:
    """Yield the part of each frame that differs from the frame before; a frame without a difference lengthens that one.

    Args:
        frames: the frames.
        multiple: the left and the top of each part are multiples of this number of pixels.
    """
    before: Image.Image | None = None
    waiting: _Change | None = None
    for frame in frames:
        image, milliseconds = frame.image.convert("RGB"), round(1000 * frame.seconds)
        box = ImageChops.difference(image, before).getbbox() if before else (0, 0, *image.size)
        if box is None and waiting and waiting.milliseconds + milliseconds <= _LONGEST:
            waiting = _Change(waiting.image, waiting.at, waiting.size, waiting.milliseconds + milliseconds)
            continue
        if waiting:
            yield waiting
        left, upper, right, lower = box or (0, 0, 1, 1)
        left, upper = left - left % multiple, upper - upper % multiple
        waiting = _Change(image.crop((left, upper, right, lower)), (left, upper), image.size, milliseconds)
        before = image
    if waiting:
        yield waiting


def _chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a RIFF file: its name, its length, and its content, padded to an even length."""
    return name + _int(len(content), 4) + content + b"\0" * (len(content) % 2)


def _int(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")
