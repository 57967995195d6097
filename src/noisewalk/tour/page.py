"""The page of a tour: every part is made on its own, and one that fails shows why in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import UserError
from ..files import write_atomic
from ..report.page import Section, Shown, render
from ..run.make import Watch
from ..version import __version__


@dataclass(frozen=True)
class Part:
    """A section that is still to be made.

    Args:
        title, idea, equation: see `Section`.
        makers: what makes its pictures, one after the other, each with the command to show if it fails ("" for none).
    """

    title: str
    idea: str
    equation: str
    makers: Sequence[tuple[str, Callable[[], Sequence[Shown]]]]


def write_page(page: Path, title: str, lead: str, parts: Sequence[Part], watch: Watch) -> Path:
    """Make every part, write the page, and return it.

    Args:
        watch: told (parts done, parts in all).

    Raises:
        UserError: parts failed; their errors stand on the page, in their places, and here their titles.
    """
    sections, failed = [], []
    for done, part in enumerate(parts):
        watch(done, len(parts))
        shown: list[Shown] = []
        for command, maker in part.makers:
            try:
                shown += maker()
            except Exception as error:  # whatever it is, the other experiments are not lost
                shown.append(Shown(command, [], f"This failed: {_one_line(error)}"))
                failed.append(part.title)
        sections.append(Section(part.title, part.idea, part.equation, shown))
    footer = f"noisewalk {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads."
    write_atomic(page, render(title, lead, sections, footer).encode())
    watch(len(parts), len(parts))
    if failed:
        names = ", ".join(f"“{name}”" for name in dict.fromkeys(failed))
        raise UserError(f"{page} was written, but parts of it failed and say there why: {names}")
    return page


def _one_line(error: Exception) -> str:
    said = next(iter(str(error).splitlines()), "")
    return said if isinstance(error, UserError) else f"{type(error).__name__}: {said}"
