"""Rendering SVG as uint8 pictures on white, in one safetensors file with a JSON index."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save
from torch import Tensor

from noisewalk.errors import UserError, install
from noisewalk.files import write_atomic
from noisewalk.images import open_bytes

from .icons import Icon


@dataclass(frozen=True)
class Rendered:
    """The progress of rendering.

    Args:
        icon: the icon that was rendered.
        picture: (3, size, size) uint8; None if it does not render.
        problem: why it does not render.
    """

    icon: Icon
    picture: Tensor | None
    problem: str = ""


def draw(svg: str, size: int) -> Tensor:
    """Render an SVG on a white square as (3, size, size) uint8, centred and with its proportions.

    Raises:
        ValueError: it does not render, or is empty.
        UserError: resvg is not installed.
    """
    try:
        from resvg_py import svg_to_bytes
    except ModuleNotFoundError as error:
        raise UserError(f"rendering SVG needs resvg: {install('train')}") from error
    png = bytes(svg_to_bytes(svg_string=svg, width=size, background="#ffffff", skip_system_fonts=True))
    picture = open_bytes(png, "the rendered icon", ("PNG",)).image.convert("RGB")
    if picture.size != (size, size):
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        square = Image.new("RGB", (size, size), "white")
        square.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
        picture = square
    pixels = np.asarray(picture)
    if int(pixels.min()) > 250:
        raise ValueError("the picture is empty")
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)


def render(icons: Iterable[Icon], size: int, processes: int = 1) -> Iterator[Rendered]:
    """Render icons in their order; an icon that does not render is reported and does not stop the rest.

    Args:
        icons: the icons.
        size: the side of the pictures in pixels.
        processes: the number of processes that render.
    """
    work = partial(_rendered, size=size)
    if processes == 1:
        yield from map(work, icons)
        return
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for icon, pixels, problem in pool.imap(partial(_pixels, size=size), icons, chunksize=32):
            yield Rendered(icon, None if pixels is None else torch.from_numpy(pixels), problem)


def _rendered(icon: Icon, size: int) -> Rendered:
    try:
        return Rendered(icon, draw(icon.svg, size))
    except UserError:
        raise
    except (ValueError, OSError) as error:
        return Rendered(icon, None, str(error).splitlines()[0] if str(error) else type(error).__name__)


def _pixels(icon: Icon, size: int) -> tuple[Icon, NDArray[np.uint8] | None, str]:
    """Return what `_rendered` does with the picture as an array: between processes, a tensor would be an open file."""
    torch.set_num_threads(1)
    done = _rendered(icon, size)
    return icon, None if done.picture is None else done.picture.numpy(), done.problem


def save_pictures(folder: Path, size: int, done: list[Rendered]) -> Path:
    """Write rendered pictures as `pictures-SIZE.safetensors` (uint8, N x 3 x size x size), and their index as JSON."""
    kept = [(r.icon, r.picture) for r in done if r.picture is not None]
    index = [{"style": icon.style, "name": icon.name, **asdict(icon.concept)} for icon, _ in kept]
    path = folder / f"pictures-{size}.safetensors"
    write_atomic(path.with_suffix(".json"), json.dumps(index).encode())
    write_atomic(path, save({"pictures": torch.stack([p for _, p in kept])}))
    return path
