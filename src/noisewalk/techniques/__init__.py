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
        spec: its request; the fields are its flags and keyword arguments, the docstring its help.
        panels: a prepared request -> what is to be walked. Everything is checked here, and no network is called.
    """

    spec: type[R]
    panels: Callable[[Prepared[R]], list[Panel]]


TECHNIQUES: dict[str, Technique[Any]] = {
    "generate": Technique(spec=generate.Generate, panels=generate.panels),
    "forward": Technique(spec=forward.Forward, panels=forward.panels),
    "denoise": Technique(spec=denoise.Denoise, panels=denoise.panels),
    "edit": Technique(spec=edit.Edit, panels=edit.panels),
    "inpaint": Technique(spec=inpaint.Inpaint, panels=inpaint.panels),
    "anagram": Technique(spec=anagram.Anagram, panels=anagram.panels),
    "hybrid": Technique(spec=hybrid.Hybrid, panels=hybrid.panels),
    "factorize": Technique(spec=factorize.Factorize, panels=factorize.panels),
    "inverse": Technique(spec=inverse.Inverse, panels=inverse.panels),
}
"""Techniques by the name of their command and function. A row is of one type of request from end to end."""
