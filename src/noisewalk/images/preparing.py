"""Pictures that are brought to a model's shape."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from ..errors import UserError
from .convert import to_tensor
from .modes import flatten_transparency
from .reading import Opened, open_picture

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Picture:
    """An input picture in a model's shape, in 8 bits, so that metadata can keep it and it can be used again exactly.

    Args:
        image: mode L or RGB, of the model's size.
        name: the file that it came from.
        notes: what was done to it, in words for the user.
        larger: the same picture read at the sizes of the upsampling stages, for techniques that keep a part of it there too.
    """

    image: Image.Image
    name: str
    notes: tuple[str, ...] = ()
    larger: tuple[Image.Image, ...] = ()

    @property
    def tensor(self) -> Tensor:
        """The picture as (1, C, H, W) in [-1, 1]."""
        return to_tensor(self.image)

    def at(self, shape: tuple[int, int, int]) -> Tensor:
        """Return the picture as (1, C, H, W) in [-1, 1], as it was read at the size of one stage of a cascade."""
        _, height, width = shape
        return to_tensor(next(image for image in (self.image, *self.larger) if image.size == (width, height)))

    @property
    def sha256(self) -> str:
        """The SHA-256 of the pixels."""
        return hashlib.sha256(self.image.tobytes()).hexdigest()

    def __str__(self) -> str:
        return self.name


def prepare_at_sizes(
    bring_to_shape: Callable[[Opened | Picture, Shape], Picture], source: Opened | Picture, shapes: Sequence[Shape]
) -> Picture:
    """Bring a picture to the shape of every stage of a cascade, each time from its source.

    Args:
        bring_to_shape: brings it to one shape.
        source: one that was opened, or a `Picture`; if that was read at other sizes, the small one is enlarged.
        shapes: (C, H, W) of the stages, the first stage's first.
    """
    made = bring_to_shape(source, shapes[0])
    if [image.size for image in made.larger] == [(width, height) for _, height, width in shapes[1:]]:
        return made
    original = Opened(source.image, source.name) if isinstance(source, Picture) else source
    return replace(made, larger=tuple(bring_to_shape(original, shape).image for shape in shapes[1:]))


def prepare_picture(
    source: str | Path | Image.Image | Opened | Picture, shape: Shape, dark_background: bool = False
) -> Picture:
    """Bring a picture to a model's shape.

    Transparency is flattened, the picture is cropped to the model's proportions, resized, turned grey for models of grey
    pictures, and a drawing on white is inverted for models of light strokes on black. The `notes` of the result say everything
    that was done.

    Args:
        source: a file, a PIL picture, one that was opened, or a prepared `Picture` of that shape, which is used as it is.
        shape: (C, H, W) of the model's pictures.
        dark_background: see `Pretrained`.

    Raises:
        UserError: it cannot be read, or was prepared for another shape.
    """
    channels, height, width = shape
    if isinstance(source, Picture):
        return check_shape(source, shape)
    opened = open_picture(source)
    image, notes = opened.image, list(opened.notes)
    if image.mode == "RGBA":
        image, put = flatten_transparency(image)
        notes += put
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
        notes.append("inverted, because the model makes light strokes on black")
    return Picture(image, opened.file, tuple(notes))


def check_shape(picture: Picture, shape: Shape) -> Picture:
    """Return the picture as it is, and check that it has a shape.

    Raises:
        UserError: it has another size, or is grey where colours are needed.
    """
    channels, height, width = shape
    image, mode = picture.image, "L" if channels == 1 else "RGB"
    if image.size != (width, height) or image.mode != mode:
        raise UserError(
            f"'{picture.name}' was prepared as {image.width}x{image.height} {image.mode}, but {width}x{height} {mode} is "
            "needed here; give the file of the picture instead"
        )
    return picture


def _border_mean(image: Image.Image) -> float:
    array = np.asarray(image.convert("L"), dtype=np.float64)
    border = np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])
    return float(border.mean())
