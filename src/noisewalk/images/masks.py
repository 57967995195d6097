"""Masks: white is repainted, black is kept, and at every size at least what the white touches is repainted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..errors import UserError
from .preparing import Picture, Shape, check_shape
from .reading import Opened, open_picture

White = tuple[NDArray[Any], tuple[str, ...]]
"""(H, W), true where it is repainted, and what was assumed."""
MIDDLE = 127


def prepare_mask(
    source: str | Path | Image.Image | Opened | Picture, shape: Shape, original: tuple[int, int] | None
) -> Picture:
    """Bring a mask to a model's size: white (above the middle) is repainted, black is kept.

    Args:
        source: a mask as for `prepare_picture`. In a mask with transparency, either the painted part or the hole is repainted,
            and the `notes` say which.
        shape: (C, H, W) of the model's pictures.
        original: (width, height) of the picture that it belongs to, before it was prepared; the mask must have this size or the
            model's. None if it belongs to no picture, and any size will do.

    Raises:
        UserError: it has another size, is a colour picture, or leaves nothing to repaint.
    """
    _, height, width = shape
    if isinstance(source, Picture):
        return check_shape(source, (1, height, width))
    opened = open_picture(source, "mask")
    name = opened.file
    if original is not None and opened.image.size not in (original, (width, height)):
        raise UserError(
            f"the mask {name} is {opened.image.width}x{opened.image.height}, the picture {original[0]}x{original[1]}; "
            f"give a mask of the picture's size, or of the model's {width}x{height}"
        )
    white, notes = _white(opened.image, name)
    if white.shape != (height, width):
        white = shrink_mask(white, width, height)
        notes += (f"resized to {width}x{height}, and each pixel that its white touches is repainted",)
    if not white.any():
        raise UserError(f"the mask {name} is white only outside of the middle part of the picture, and only that part is used")
    if white.all():
        notes += ("it is white everywhere, so the whole picture is repainted",)
    return Picture(Image.fromarray(white.astype(np.uint8) * 255), name, opened.notes + notes)


def shrink_mask(white: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Cut the middle part of a mask, as `ImageOps.fit` does, and shrink it; a pixel is true if any part of it was.

    Args:
        white: (H, W) bool.
        width: the new width in pixels.
        height: the new height in pixels.
    """
    rows, columns = white.shape
    across, down = (rows * width / height, rows) if columns * height >= rows * width else (columns, columns * height / width)
    for axis, (size, part, count) in enumerate(((rows, down, height), (columns, across, width))):
        edges = (size - part) / 2 + np.arange(count + 1) * (part / count)
        first, last = np.floor(edges[:-1] + 1e-9).astype(int), np.ceil(edges[1:] - 1e-9).astype(int)
        sums = np.cumsum(white, axis, dtype=np.int64)
        sums = np.insert(sums, 0, 0, axis)
        white = (sums.take(last.clip(0, size), axis) - sums.take(first.clip(0, size), axis)) > 0
    return white


def draw_mask(size: tuple[int, int], boxes: Sequence[int], ellipses: Sequence[int]) -> Image.Image:
    """Draw a mask that is white in boxes and ellipses.

    Args:
        size: (width, height) of the picture.
        boxes: the left, top, right and bottom of each box, one after the other, in pixels of the picture; right and bottom are
            the first column and row outside.
        ellipses: the same for the box around each ellipse.

    Raises:
        UserError: one of them lies outside of the picture.
    """
    mask = Image.new("L", size, 0)
    pen = ImageDraw.Draw(mask)
    for name, values, draw in (("--box", boxes, pen.rectangle), ("--ellipse", ellipses, pen.ellipse)):
        for left, top, right, bottom in (values[i : i + 4] for i in range(0, len(values), 4)):
            if left >= size[0] or top >= size[1]:
                raise UserError(
                    f"{name} {left} {top} {right} {bottom} lies outside of the picture, which has {size[0]}x{size[1]} pixels; "
                    "give left, top, right and bottom in pixels of the picture"
                )
            draw((left, top, right - 1, bottom - 1), fill=255)
    return mask


def _white(image: Image.Image, name: str) -> White:
    if image.mode == "RGBA":
        if np.asarray(image.getchannel("A")).min() < 255:
            return _clear(image, name)
        image = image.convert("RGB")
    if image.mode == "RGB" and _is_photo(np.asarray(image)):
        raise UserError(
            f"the mask {name} is a colour picture; a mask is white where the picture is repainted and black where it is kept. "
            "If the picture and the mask were swapped, give the picture first"
        )
    return _grey(np.asarray(image.convert("L")), name)


def _grey(grey: NDArray[Any], name: str) -> White:
    values = np.unique(grey)
    if values[-1] <= MIDDLE:
        if len(values) != 2 and values[-1] != 1:
            raise UserError(
                f"the mask {name} has no white pixel (its lightest is {values[-1]} of 255), so nothing would be repainted "
                "(white is repainted, and black is kept)"
            )
        note = f"its values are {values[0]} and {values[-1]}, and {values[-1]} is repainted"
        return grey == values[-1], (note,)
    between = ((grey > 15) & (grey < 240)).mean()
    notes = ("it has shades of grey, and what is lighter than the middle is repainted",) if between > 0.02 else ()
    return grey > MIDDLE, notes


def _clear(image: Image.Image, name: str) -> White:
    """Read a mask with transparency: white paint, paint of one colour, or a picture with a hole."""
    seen = np.asarray(image.getchannel("A")) > MIDDLE
    if not seen.any():
        raise UserError(f"the mask {name} is transparent everywhere; make it white where to repaint, and black elsewhere")
    paint = np.asarray(image.convert("RGB"))[seen]
    grey = np.asarray(image.convert("RGB").convert("L"))[seen]
    if ((grey < 64) | (grey > 191)).mean() > 0.98 and (grey > 191).mean() > 0.001:
        flat = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
        return np.asarray(flat.convert("L")) > MIDDLE, ("its white is repainted, and what is transparent or black is kept",)
    if grey.mean() > 64 and paint.std(0).max() < 20:
        return seen, ("the painted part is repainted, and the transparent part is kept",)
    return ~seen, ("its transparent part is repainted, and the rest is kept",)


def _is_photo(pixels: NDArray[Any]) -> bool:
    """Return whether a picture has colours, and more than two of them."""
    coloured = (pixels.max(-1).astype(int) - pixels.min(-1)) > 32
    if coloured.mean() < 0.05:
        return False
    coarse = (pixels // 32).astype(int) @ np.array([64, 8, 1])
    counts = np.sort(np.unique(coarse, return_counts=True)[1])
    return bool(counts[-2:].sum() < 0.95 * counts.sum())
