"""Merging the figures of requests that differ in a few settings, with named rows and columns and the seed of every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from .store import Cell, Figure, Row, Strip


@dataclass(frozen=True)
class ComparedFigure:
    """A figure of one of the requests.

    Args:
        row: the prompt or picture that tells it from the others.
        column: the settings that tell it from the others.
        figure: the figure.
        folder: the name of its folder in the folder of all figures.
    """

    row: str
    column: str
    figure: Figure
    folder: str

    @property
    def name(self) -> str:
        """The row and the column in one text."""
        return ", ".join(filter(None, (self.row, self.column)))

    def cell(self, cell: Cell, caption: str) -> Cell:
        """Return a picture of the figure with another caption, and with its file relative to the folder of all figures."""
        return Cell(caption, f"{self.name}: {cell.alt}", f"{self.folder}/{cell.file}")

    def strip(self, strip: Strip) -> Strip:
        """Return a slider of the figure, with its file relative to the folder of all figures."""
        return msgspec.structs.replace(strip, label=f"{self.name}: {strip.label}", file=f"{self.folder}/{strip.file}")


def together(made: Sequence[ComparedFigure]) -> Figure:
    """Return one figure of several, without their interactive illusions and comparisons."""
    rows: dict[str, list[Cell]] = {}
    one_each = all(len(row.cells) == 1 for each in made for row in each.figure.rows)
    for each in made:
        for row in each.figure.rows:
            alone = len(row.cells) == 1
            for cell in row.cells:
                seed = row.label if alone else cell.caption if cell.caption.startswith("seed ") else ""
                if seed:  # one picture per seed, so the settings stand side by side
                    name = seed if not each.column and one_each else f"{each.row}, {seed}".removeprefix(", ")
                    caption = each.column or each.row
                else:
                    name, caption = f"{each.name}, {row.label}".removesuffix(", "), cell.caption
                rows.setdefault(name, []).append(each.cell(cell, caption))
    states = [
        Row(f"{e.name}: {row.label}", tuple(e.cell(c, c.caption) for c in row.cells)) for e in made for row in e.figure.states
    ]
    films = [
        (e.cell(moving, ", ".join(filter(None, (e.name, moving.caption)))), e.cell(end, end.caption))
        for e in made
        for moving, end in e.figure.films
    ]
    listed = [", ".join(dict.fromkeys(names)) for names in ([e.row for e in made], [e.column for e in made]) if any(names)]
    return Figure(
        f"{made[0].figure.caption.split(' ', 1)[0]}: {'; '.join(listed)}",
        " ".join(dict.fromkeys(each.figure.note for each in made if each.figure.note)),
        rows=tuple(Row(name, tuple(cells)) for name, cells in rows.items()),
        states=tuple(states),
        films=tuple(films),
        strips=tuple(each.strip(strip) for each in made for strip in each.figure.strips),
        tables=tuple(table for each in made for table in each.figure.tables),
    )
