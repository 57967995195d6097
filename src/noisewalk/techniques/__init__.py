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
        example: a command line that shows it on a bundled model, for the gallery; a file is one of the bundled pictures.
    """

    spec: type[R]
    panels: Callable[[Prepared[R]], list[Panel]]
    example: str = ""


TECHNIQUES: dict[str, Technique[Any]] = {
    "generate": Technique(
        spec=generate.Generate,
        panels=generate.panels,
        example="generate 'a rocket ship' --num 4",
    ),
    "forward": Technique(
        spec=forward.Forward,
        panels=forward.panels,
        example="forward emoji-fox.png --t 250 500 750",
    ),
    "denoise": Technique(
        spec=denoise.Denoise,
        panels=denoise.panels,
        example="denoise emoji-fox.png --prompt 'a fox face' --guidance-scale 1 --t 500 690 840 --method all",
    ),
    "edit": Technique(
        spec=edit.Edit,
        panels=edit.panels,
        example="edit drawing-snowman.png --prompt 'a snowman' --start 1 3 5 7 10",
    ),
    "inpaint": Technique(
        spec=inpaint.Inpaint,
        panels=inpaint.panels,
        example="inpaint emoji-fox.png emoji-mask-right.png --prompt 'a dog face' --num 2 --num-resamples 1 10",
    ),
    "anagram": Technique(
        spec=anagram.Anagram,
        panels=anagram.panels,
        example="anagram 6 9 --views identity rotate180 --balance auto --seed 7",
    ),
    "hybrid": Technique(
        spec=hybrid.Hybrid,
        panels=hybrid.panels,
        example="hybrid 'a skull' 'a house' --sigma 2 --kernel-size 33 --seed 3",
    ),
    "factorize": Technique(
        spec=factorize.Factorize,
        panels=factorize.panels,
        example="factorize 'a rabbit' 'a sunflower' --split colour --num 2",
    ),
    "inverse": Technique(
        spec=inverse.Inverse,
        panels=inverse.panels,
        example="inverse emoji-fox.png 'a fox face' --keep grey --num 2",
    ),
}
"""Techniques by the name of their command and function. A row is of one type of request from end to end."""
