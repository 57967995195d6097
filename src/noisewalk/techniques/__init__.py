"""Techniques: each a spec and the walks it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..models.zoo import Pretrained
from . import anagram, denoise, edit, factorize, forward, generate, hybrid, inpaint, inverse
from .panels import Panel


@dataclass(frozen=True)
class Technique:
    """A spec class, and the function that turns a spec and a model into panels."""

    spec: type[Any]
    panels: Callable[[Any, Pretrained], list[Panel]]


TECHNIQUES: dict[str, Technique] = {
    "generate": Technique(generate.Generate, generate.panels),
    "forward": Technique(forward.Forward, forward.panels),
    "denoise": Technique(denoise.Denoise, denoise.panels),
    "edit": Technique(edit.Edit, edit.panels),
    "inpaint": Technique(inpaint.Inpaint, inpaint.panels),
    "anagram": Technique(anagram.Anagram, anagram.panels),
    "hybrid": Technique(hybrid.Hybrid, hybrid.panels),
    "factorize": Technique(factorize.Factorize, factorize.panels),
    "inverse": Technique(inverse.Inverse, inverse.panels),
}
"""Techniques by verb."""
