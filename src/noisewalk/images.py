"""Pictures in and out: files with limits, [-1, 1] tensors, and what was done to them."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .errors import UserError

Shape = tuple[int, int, int]
MAX_PIXELS = 50_000_000
MAX_BYTES = 100_000_000


@dataclass(frozen=True, eq=False)
class Picture:
    """An input picture brought to a model's shape, in 8 bits, so that it can be kept in metadata and used again exactly.

    Args:
        image: mode L or RGB, of the model's size.
        name: the file it came from.
        notes: what was done to it, in words for the user.
        larger: the same picture read at the sizes of the upsampling stages, for techniques that hold a part of it there too.
    """

    image: Image.Image
    name: str
    notes: tuple[str, ...] = ()
    larger: tuple[Image.Image, ...] = ()

    @property
    def tensor(self) -> Tensor:
        """(1, C, H, W) in [-1, 1]."""
        return to_tensor(self.image)

    def at(self, shape: tuple[int, int, int]) -> Tensor:
        """(1, C, H, W) in [-1, 1], as it was read at the size of one stage of a cascade."""
        _, height, width = shape
        return to_tensor(next(image for image in (self.image, *self.larger) if image.size == (width, height)))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.image.tobytes()).hexdigest()

    def __str__(self) -> str:
        return self.name


def to_tensor(image: Image.Image) -> Tensor:
    """PIL picture (mode L or RGB) -> (1, C, H, W) float32 in [-1, 1]."""
    array = np.asarray(image, dtype=np.float32)
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return torch.from_numpy(array / 127.5 - 1)[None]


def to_image(x: Tensor) -> Image.Image:
    """(C, H, W) in [-1, 1], clipped, -> PIL picture of mode L or RGB."""
    array = ((x.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    return Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0))


def open_image(source: str | Path | Image.Image) -> Image.Image:
    """Read a picture file within limits, upright, in mode L, RGB or RGBA.

    Raises:
        UserError: missing, empty, not a picture, animated, or larger than MAX_PIXELS or MAX_BYTES.
    """
    if isinstance(source, Image.Image):
        return _decode(source, "picture")
    if not isinstance(source, str | Path):
        kind = type(source).__name__
        raise UserError(f"a picture is a file's name or a PIL image, a {kind} was given; make it one with PIL.Image.fromarray")
    path, name = Path(source), str(source)
    if not path.is_file():
        raise UserError(f"there is no picture file {name}" + (" (it is a folder)" if path.is_dir() else ""))
    size = path.stat().st_size
    if size == 0 or size > MAX_BYTES:
        raise UserError(f"{name} is {'empty' if not size else f'{size / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is lower
            opened = Image.open(path)
    except Image.DecompressionBombError as error:
        raise UserError(f"{name} is too large: {error}") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise UserError(f"{name} is not a picture noisewalk can read (PNG, JPEG, WebP, GIF, …)") from error
    with opened:
        return _decode(opened, name)


def _decode(image: Image.Image, name: str) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise UserError(f"{name} has {image.width}x{image.height} pixels; the limit is {MAX_PIXELS:,}. Make it smaller first")
    if getattr(image, "n_frames", 1) > 1:
        raise UserError(f"{name} is animated ({getattr(image, 'n_frames', 0)} frames); save the frame you want as a picture")
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16") or image.mode in ("I", "F"):
            array = np.asarray(image, dtype=np.float64)
            top = 65535.0 if array.max() > 255 else 255.0
            return Image.fromarray((array.clip(0, top) / top * 255).round().astype(np.uint8))
        if "A" in image.getbands() or "transparency" in image.info:
            return image.convert("RGBA")
        return image.convert("L" if image.mode in ("1", "L") else "RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{name} is damaged or cut short ({error})") from error


def prepare_all(prepare: Callable[[Any, Shape], Picture], source: Any, shapes: Sequence[Shape]) -> Picture:
    """A picture brought to the shape of every stage of a cascade, each time from its source.

    Args:
        prepare: brings it to one shape.
        source: a file, a PIL picture, or a `Picture`; of one that was read at other sizes, the small one is enlarged.
        shapes: (C, H, W) of the stages, the first stage's first.
    """
    made = prepare(source, shapes[0])
    if [image.size for image in made.larger] == [(width, height) for _, height, width in shapes[1:]]:
        return made
    original = source.image if isinstance(source, Picture) else source
    return replace(made, larger=tuple(prepare(original, shape).image for shape in shapes[1:]))


def prepare(source: str | Path | Image.Image | Picture, shape: tuple[int, int, int], dark_background: bool = False) -> Picture:
    """Bring a picture to a model's shape: flatten transparency, crop to the model's proportions, resize, turn grey, and,
    for models of light strokes on black, invert a drawing on white. Everything done is in the result's `notes`.

    Args:
        source: a file, a PIL picture, or an already prepared `Picture` (used as it is).
        shape: (C, H, W) of the model.
        dark_background: see `Pretrained`.
    """
    channels, height, width = shape
    if isinstance(source, Picture):
        return source
    name = Path(source).name if isinstance(source, str | Path) else "picture"
    image = open_image(source)
    notes = []
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        notes.append("put on white where it was transparent")
    if channels == 1 and image.mode != "L":
        notes.append("turned grey")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.width * height != image.height * width:
        notes.append(f"cropped to the middle of its {image.width}x{image.height} pixels")
    if image.size != (width, height):
        notes.append(f"resized to {width}x{height}")
        image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    if dark_background and _border_mean(image) > 127.5:
        image = ImageOps.invert(image)
        notes.append("inverted, because the model draws light strokes on black")
    return Picture(image, name, tuple(notes))


def prepare_mask(
    source: str | Path | Image.Image | Picture, shape: tuple[int, int, int], original: tuple[int, int] | None
) -> Picture:
    """Bring a mask to a model's size: white (above the middle) is repainted, black is kept.

    Args:
        source: as for `prepare`.
        shape: (C, H, W) of the model.
        original: (width, height) of the picture it belongs to, before it was prepared; the mask must match it or the model's.
            None if it belongs to no picture: any size will do.

    Raises:
        UserError: it has another size, or leaves nothing to repaint.
    """
    if isinstance(source, Picture):
        return source
    name = Path(source).name if isinstance(source, str | Path) else "mask"
    _, height, width = shape
    image = open_image(source)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    image = image.convert("L").point(lambda v: 255 if v > 127 else 0)
    if original is not None and image.size not in (original, (width, height)):
        raise UserError(
            f"the mask {name} is {image.width}x{image.height}, the picture {original[0]}x{original[1]}; "
            f"give a mask of the picture's size, or of the model's {width}x{height}"
        )
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.NEAREST)
    if not image.getextrema()[1]:
        raise UserError(f"the mask {name} has no white pixel, so nothing would be repainted (white is repainted, black kept)")
    return Picture(image, name)


def encode_png(image: Image.Image, text: dict[str, str] | None = None) -> bytes:
    """PNG bytes, with text chunks (UTF-8)."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value, zip=True)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info, optimize=False)
    return buffer.getvalue()


def enlarge(image: Image.Image, least: int = 224) -> Image.Image:
    """Enlarge a small picture by a whole factor without smoothing, until its smaller side has at least `least` pixels."""
    factor = max(1, -(-least // min(image.size)))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _border_mean(image: Image.Image) -> float:
    array = np.asarray(image.convert("L"), dtype=np.float64)
    border = np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])
    return float(border.mean())
