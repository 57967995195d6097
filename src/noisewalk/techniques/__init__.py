"""Techniques: each a request, and the walks it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from . import anagram, denoise, edit, factorize, forward, generate, hybrid, inpaint, inverse
from .panels import Panel
from .stages import Prepared, R


@dataclass(frozen=True, kw_only=True)
class Technique(Generic[R]):
    """A technique: all that the command line, the Python functions, the metadata and the search need to know of it.

    Args:
        name: the command, and the function.
        spec: its request; the fields are its flags and keyword arguments, the docstring its help.
        panels: a prepared request -> what is to be walked. Everything is checked here, and no network is called.
    """

    name: str
    spec: type[R]
    panels: Callable[[Prepared[R]], list[Panel]]


ROWS: tuple[Technique[Any], ...] = (
    Technique(name="generate", spec=generate.Generate, panels=generate.panels),
    Technique(name="forward", spec=forward.Forward, panels=forward.panels),
    Technique(name="denoise", spec=denoise.Denoise, panels=denoise.panels),
    Technique(name="edit", spec=edit.Edit, panels=edit.panels),
    Technique(name="inpaint", spec=inpaint.Inpaint, panels=inpaint.panels),
    Technique(name="anagram", spec=anagram.Anagram, panels=anagram.panels),
    Technique(name="hybrid", spec=hybrid.Hybrid, panels=hybrid.panels),
    Technique(name="factorize", spec=factorize.Factorize, panels=factorize.panels),
    Technique(name="inverse", spec=inverse.Inverse, panels=inverse.panels),
)
"""Each row is made of one type of request from end to end; only the table holds several types."""

TECHNIQUES: dict[str, Technique[Any]] = {row.name: row for row in ROWS}
"""Techniques by name."""
