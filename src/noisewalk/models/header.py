"""The header of a .safetensors file: the names, shapes and dtypes of its tensors, of which none is read."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..errors import UserError

LARGEST_HEADER = 32 * 2**20
"""Most bytes of a header; those of the largest models have about one MiB, and the library allows 100 MB."""
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Header:
    """What a .safetensors file holds.

    Args:
        shapes: the shapes of its tensors by their names.
        dtypes: their dtypes, as "F16".
        metadata: the texts in its header.
    """

    shapes: Mapping[str, Shape]
    dtypes: Mapping[str, str]
    metadata: Mapping[str, str]

    def numel(self) -> int:
        """Return how many numbers the tensors hold."""
        return sum(map(math.prod, self.shapes.values()))


def read_header(file: Path) -> Header:
    """Read the header of a .safetensors file.

    Args:
        file: the file.

    Raises:
        UserError: it is not such a file, it is cut short, or its header is too large.
    """
    try:
        with file.open("rb") as opened:
            (size,) = struct.unpack("<Q", opened.read(8).ljust(8, b"\xff"))
        if LARGEST_HEADER < size < file.stat().st_size:
            raise UserError(f"the header of {file} has {size:,} bytes, but the limit is {LARGEST_HEADER:,}; it is no model")
        with safe_open(file, framework="pt") as whole:
            parts = {name: whole.get_slice(name) for name in whole.keys()}  # noqa: SIM118
            shapes = {name: tuple(part.get_shape()) for name, part in parts.items()}
            return Header(shapes, {name: part.get_dtype() for name, part in parts.items()}, whole.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise UserError(f"{file} is cut short or damaged; delete it and download the model again") from error
