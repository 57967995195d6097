"""How a model is loaded: the options of `models.zoo.load`, under the same names in every command."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Loading:
    """How the model is loaded."""

    memory: str = "auto"
    """auto, full, offload or sequential: what of a large model is on the GPU at once."""
    device: str = "auto"
    """Where the model computes: auto, cpu, cuda or mps."""
    dtype: str = "auto"
    """Number type of the network: auto (what the hardware is fast at), float32, bfloat16, float16."""
    offline: bool = False
    """Use what is on this machine only."""

    def changed(self) -> dict[str, Any]:
        """As keywords of `load`, without those that are at their defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


@dataclass(frozen=True)
class CascadeLoading(Loading):
    """How the model is loaded, and the stages after it."""

    upscaler: tuple[str, ...] = ()
    """Hub ids or folders of the upsampling stages, if not the model's own."""
    safety_checker: bool = False
    """Have the model's own safety checker report on the pictures, which it does not change."""
    watermark: bool = False
    """Stamp the model's own watermark on the pictures."""
