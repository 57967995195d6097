"""Pools of scenes, which are rendered once with their captions, for training and for evaluation."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from noisewalk.errors import UserError
from noisewalk.files import write_atomic

from .icons import icons
from .render import draw
from .scenes import compose, sentences
from .things import Box, boxes
from .vector import measured
from .worlds import TEMPLATES

Split = Literal["train", "held out"]
Pixels = NDArray[np.uint8]


@cache
def drawings(data: Path) -> dict[str, Box]:
    """Return all coloured drawings of the packages in a folder, by style."""
    return boxes(measured(icons(data / "packages"), data / "drawings.json"))


def render_scene(number: int, data: Path, size: int, held_out: bool, captions: int = 8) -> tuple[Pixels, dict[str, Any]] | None:
    """Return the picture (3, size, size) uint8 of a scene's number and its description; None if it does not render."""
    torch.set_num_threads(1)
    scene = compose(drawings(data), TEMPLATES, number, held_out)
    try:
        picture = draw(scene.svg, size)
    except (ValueError, OSError):
        return None
    said = asdict(scene) | {"captions": sentences(scene, captions), "number": number}
    said.pop("svg")
    return picture.numpy(), said  # between processes, a tensor would be an open file


def render_pool(data: Path, size: int, num: int, held_out: bool, first: int, processes: int) -> Iterator[Any]:
    """Yield the scenes `first`, `first` + 1, ... in order, as `render_scene` returns them."""
    drawings(data)  # measured before the processes start
    work = partial(render_scene, data=data, size=size, held_out=held_out)
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        yield from pool.imap(work, range(first, first + num), chunksize=32)


def pool_path(data: Path, size: int, split: Split) -> Path:
    """Return the file of a pool of scenes."""
    return data / f"scenes-{size}{'' if split == 'train' else '-held-out'}.safetensors"


def save_pool(path: Path, done: list[tuple[Pixels, dict[str, Any]]], add: bool = False) -> None:
    """Write pictures (N, 3, S, S) uint8 and their descriptions as JSON; with `add`, after the existing ones."""
    pictures = torch.from_numpy(np.stack([picture for picture, _ in done]))
    index = [said for _, said in done]
    if add:
        pictures = torch.cat([load_file(path)["pictures"], pictures])
        index = json.loads(path.with_suffix(".json").read_text()) + index
    write_atomic(path.with_suffix(".json"), json.dumps(index).encode())
    write_atomic(path, save({"pictures": pictures}))


def read_pool(data: Path, size: int, split: Split = "train") -> tuple[Tensor, list[dict[str, Any]]]:
    """Read a pool that `compose.py` wrote.

    Raises:
        UserError: there is no pool.
    """
    path = pool_path(data, size, split)
    if not path.is_file():
        raise UserError(f"{path} is missing; make it with training/recipes/emoji/compose.py {data} --size {size}")
    return load_file(path)["pictures"], json.loads(path.with_suffix(".json").read_text())
