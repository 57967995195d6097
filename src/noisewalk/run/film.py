"""Films of saved illusions: an anagram moves through its views, and a hybrid moves away and comes back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..errors import UserError
from ..files import check_file, writing
from ..images import open_image, to_image, to_tensor
from ..report.animate import frame, motion_of
from ..report.figures import INK, PAPER, shortened
from ..report.frames import Frame as Frame
from ..report.frames import Writer, write_gif, write_mp4, write_webp
from ..techniques.anagram import Anagram
from ..techniques.hybrid import Hybrid
from ..techniques.view_files import find_views
from .make import Progress
from .record import read_record

REST, CAPTION = 1.2, 34
SUFFIXES = (".gif", ".webp", ".mp4")


@dataclass(frozen=True, eq=False)
class Film:
    """An animation whose frames are drawn one by one, when they are needed.

    Args:
        count: the number of frames.
        frames: the frames, which can be read once.
        rate: the frames per second while something moves.
    """

    count: int
    frames: Iterator[Frame]
    rate: int


def film(path: str | Path, seconds: float = 1.5, fps: int = 20, size: int = 280) -> Film:
    """Return the animation of a saved illusion.

    Args:
        path: a PNG of one anagram or hybrid that noisewalk saved.
        seconds: the time of one movement.
        fps: the frames per second.
        size: the smallest width of the picture in the film, in pixels.

    Raises:
        UserError: it is not such a picture.
    """
    record = read_record(path)
    request = record.request
    if not isinstance(request, Anagram | Hybrid) or record.picture.kind != "picture":
        raise UserError(f"{path} is not one anagram or hybrid; give the PNG of a single anagram or hybrid, not of a figure")
    if isinstance(request, Anagram) and len(request.views) != len(request.prompts):
        raise UserError(
            f"the noisewalk metadata of {path} is damaged: it has {len(request.views)} views for {len(request.prompts)} prompts"
        )
    x = original(open_image(path))
    scale = max(1, -(-size // x.shape[-1]))
    count = max(2, round(seconds * fps))
    steps = [ease(i / count) for i in range(1, count)]
    made = _turning(request, x, steps, scale) if isinstance(request, Anagram) else _leaving(request, x, steps, scale)
    turns = sum(name != "identity" for name in request.views) or 1 if isinstance(request, Anagram) else 1
    return Film(2 * count * turns, (Frame(image, REST if rests else 1 / fps) for image, rests in made), fps)


def ease(t: float) -> float:
    """Map a uniform time in [0, 1] to a movement from 0 to 1 that is slow at both ends.

        (1 - cos(pi t)) / 2

    >>> [round(ease(t), 2) for t in (0, 0.25, 0.5, 1)]
    [0.0, 0.15, 0.5, 1.0]
    """
    return (1 - math.cos(math.pi * t)) / 2


def original(image: Image.Image) -> Tensor:
    """Return a saved picture as it was before it was enlarged (see `enlarge`), as (1, C, H, W) in [-1, 1]."""
    pixels = np.asarray(image)
    for factor in range(min(image.size), 1, -1):
        if image.width % factor or image.height % factor or factor != -(-224 // (min(image.size) // factor)):
            continue
        small = pixels[::factor, ::factor]
        if np.array_equal(small.repeat(factor, 0).repeat(factor, 1), pixels):
            return to_tensor(Image.fromarray(small))
    return to_tensor(image)


def save(film: Film, path: Path, watch: Progress | None = None) -> None:
    """Write a film, frame by frame.

    Args:
        film: the film.
        path: a .gif, .webp or .mp4 file; .mp4 needs PyAV.
        watch: a function that is called with (frames done, frames in all).

    Raises:
        UserError: the file has another ending, is too large for its format, cannot be written, or needs PyAV.
    """
    check_file(path, "an animation", *SUFFIXES)
    writers: dict[str, Writer] = {".gif": write_gif, ".webp": write_webp, ".mp4": partial(write_mp4, rate=film.rate)}
    with writing(path) as file:
        writers[path.suffix.lower()](file, _watched(film, watch))


def _watched(film: Film, watch: Progress | None) -> Iterator[Frame]:
    for done, each in enumerate(film.frames, 1):
        if watch:
            watch(done, film.count)
        yield each


def _turning(request: Anagram, x: Tensor, steps: Sequence[float], scale: int) -> Iterator[tuple[Image.Image, bool]]:
    """Yield (image, whether the film rests there) while an anagram moves to each view and back."""
    shape = (x.shape[1], x.shape[2], x.shape[3])
    views = find_views(request.views, shape, of_noise=False)
    upright = next((p for v, p in zip(views, request.prompts, strict=True) if v.name == "identity"), "")
    for view, prompt in zip(views, request.prompts, strict=True):
        if view.name == "identity" and len(views) > 1:
            continue
        seen = view.forward(x)[0]
        motion = motion_of(view, *shape)
        for s in (0.0, *steps, 1.0, *reversed(steps)):
            caption = f"{view.name}: {prompt}" if s > 0.5 else upright
            yield _captioned(Image.fromarray(frame(x[0], seen, motion, s, scale)), caption), s in (0.0, 1.0)


def _leaving(request: Hybrid, x: Tensor, steps: Sequence[float], scale: int) -> Iterator[tuple[Image.Image, bool]]:
    """Yield (image, whether the film rests there) while a hybrid shrinks to a tenth of its size and grows again."""
    near = to_image(x[0]).convert("RGB")
    size = (near.width * scale, near.height * scale)
    near = near.resize(size, Image.Resampling.BICUBIC)
    for s in (0.0, *steps, 1.0, *reversed(steps)):
        factor = 0.1**s
        small = near.resize((max(1, round(size[0] * factor)), max(1, round(size[1] * factor))), Image.Resampling.LANCZOS)
        canvas = Image.new("RGB", size, PAPER)
        canvas.paste(small, ((size[0] - small.width) // 2, (size[1] - small.height) // 2))
        yield _captioned(canvas, f"far: {request.far}" if s > 0.5 else f"near: {request.near}"), s in (0.0, 1.0)


def _captioned(image: Image.Image, text: str) -> Image.Image:
    """Add a line of text below an image, and make its sides even, as video formats need."""
    out = Image.new("RGB", (image.width // 2 * 2, (image.height + CAPTION) // 2 * 2), PAPER)
    out.paste(image, (0, 0))
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(16)
    text = shortened(text, font, out.width)
    draw.text(((out.width - draw.textlength(text, font=font)) / 2, image.height + 6), text, INK, font=font)
    return out
