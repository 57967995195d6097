"""LoRA adapters as one names them: a file, and how strongly it is applied. Importing this file does not load torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError

MOST_SCALE = 100.0


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter that a pipeline is loaded with.

    Args:
        path: its .safetensors file.
        scale: by what its change of the weights is multiplied; 0 is no change, and 1 is what it was trained to do.
        fingerprint: the first 16 hexadecimal digits of the file's SHA-256.
    """

    path: Path
    scale: float
    fingerprint: str


def read_adapters(given: Sequence[str]) -> tuple[Adapter, ...]:
    """Return the adapters of a command line.

    Args:
        given: FILE or FILE:SCALE, each.

    Raises:
        UserError: a file is missing or of another kind, or a scale is out of bounds.
    """
    from .checkpoint import fingerprint

    adapters = []
    for path, scale in map(split_scale, given):
        if path.suffix != ".safetensors":
            raise UserError(f"--lora {path}: adapters are read from .safetensors files only, because others can hold code")
        if not path.is_file():
            raise UserError(f"there is no adapter {path}; give --lora a .safetensors file on this machine")
        adapters.append(Adapter(path.resolve(), scale, fingerprint(path)))
    return tuple(adapters)


def split_scale(text: str) -> tuple[Path, float]:
    r"""Return the file and the scale of FILE or FILE:SCALE.

    Raises:
        UserError: the scale is out of bounds.

    >>> split_scale("a.safetensors:0.8")[1], split_scale("a.safetensors")[1], split_scale(r"C:\a.safetensors")[1]
    (0.8, 1.0, 1.0)
    """
    file, _, end = text.rpartition(":")
    try:
        scale = float(end)
    except ValueError:
        file, scale = text, 1.0
    if not file:
        file, scale = text, 1.0
    if not (math.isfinite(scale) and abs(scale) <= MOST_SCALE):
        raise UserError(f"the scale of an adapter must be at most {MOST_SCALE:g}, but --lora {text} was given")
    return Path(file).expanduser(), scale
