"""Any folder of pictures as training data; sub-folders are classes."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, ImageOps

from ..errors import UserError
from ..images import open_image
from .data import Labelled

MAX_BYTES = 4 * 10**9
"""Most bytes of prepared pictures."""


def folder(path: Path, size: int, channels: int) -> tuple[Labelled, tuple[str, ...], tuple[str, ...]]:
    """Pictures of a folder, cropped to squares and resized; what cannot be read is left out and named.

    Args:
        path: a folder of pictures, or of one folder a class.
        size: side of the prepared pictures, pixels; divisible by 4.
        channels: 1 for grey, 3 for colour.

    Returns:
        The data, the names of the classes (none if there are no sub-folders), and what was left out and why.

    Raises:
        UserError: there is no such folder, nothing in it can be read, a class has fewer than two pictures, or there are
            more pictures than memory is set aside for.
    """
    if size % 4 or size < 8:
        raise UserError(f"--size must be divisible by 4 and at least 8, {size} was asked for")
    if not path.is_dir():
        raise UserError(f"there is no data set '{path}'; known: mnist, fashion-mnist, or a folder of pictures")
    names = tuple(sorted(child.name for child in path.iterdir() if child.is_dir() and not child.name.startswith(".")))
    groups = [path / name for name in names] or [path]
    pictures: list[torch.Tensor] = []
    labels: list[int] = []
    skipped: list[str] = []
    most = MAX_BYTES // (size * size * channels)
    for label, group in enumerate(groups):
        before = len(pictures)
        for file in sorted(f for f in group.iterdir() if f.is_file() and not f.name.startswith(".")):
            try:
                pictures.append(_prepared(file, size, channels))
                labels.append(label)
            except UserError as error:
                skipped.append(str(error))
            if len(pictures) > most:
                raise UserError(f"{path} holds more than {most} pictures of {size}x{size}; take fewer, or a smaller --size")
        if names and len(pictures) - before < 2:
            raise UserError(f"the class folder {group} has {len(pictures) - before} readable pictures; it needs at least 2")
    if len(pictures) < 2:
        raise UserError(f"{path} has {len(pictures)} readable pictures ({len(skipped)} could not be read); it needs at least 2")
    return Labelled(torch.stack(pictures), torch.tensor(labels)), names, tuple(skipped)


def _prepared(file: Path, size: int, channels: int) -> torch.Tensor:
    image = open_image(file)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = ImageOps.fit(image.convert("L" if channels == 1 else "RGB"), (size, size), Image.Resampling.LANCZOS)
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.view(size, size, channels).permute(2, 0, 1).contiguous()
