"""The figures of requests that differ in a few settings, put together: rows and columns are named, with seeds on every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from .store import Cell, Figure, Row, Strip


@dataclass(frozen=True)
class Compared:
    """One of the figures.

    Args:
        row, column: what tells it from the others.
        figure: what was made.
        folder: name of its folder, in that of all figures.
    """

    row: str
    column: str
    figure: Figure
    folder: str

    @property
    def name(self) -> str:
        """Both, in one."""
        return ", ".join(filter(None, (self.row, self.column)))

    def cell(self, cell: Cell, caption: str) -> Cell:
        """A picture of the figure under another caption, its file named from the folder of all figures."""
        return Cell(caption, f"{self.name}: {cell.alt}", f"{self.folder}/{cell.file}")

    def strip(self, strip: Strip) -> Strip:
        """A slider of the figure."""
        return msgspec.structs.replace(strip, label=f"{self.name}: {strip.label}", file=f"{self.folder}/{strip.file}")


def together(made: Sequence[Compared]) -> Figure:
    """One figure of several, which leaves out what only one of them can be played with."""
    rows: dict[str, list[Cell]] = {}
    one_each = all(len(row.cells) == 1 for each in made for row in each.figure.rows)
    for each in made:
        for row in each.figure.rows:
            alone = len(row.cells) == 1
            for cell in row.cells:
                seed = row.label if alone else cell.caption if cell.caption.startswith("seed ") else ""
                if seed:  # one picture per seed: settings side by side
                    name = seed if not each.column and one_each else f"{each.row}, {seed}".removeprefix(", ")
                    caption = each.column or each.row
                else:
                    name, caption = f"{each.name}, {row.label}".removesuffix(", "), cell.caption
                rows.setdefault(name, []).append(each.cell(cell, caption))
    states = [
        Row(f"{e.name}: {row.label}", tuple(e.cell(c, c.caption) for c in row.cells)) for e in made for row in e.figure.states
    ]
    listed = [", ".join(dict.fromkeys(names)) for names in ([e.row for e in made], [e.column for e in made]) if any(names)]
    return Figure(
        f"{made[0].figure.caption.split(' ', 1)[0]}: {'; '.join(listed)}",
        " ".join(dict.fromkeys(each.figure.note for each in made if each.figure.note)),
        rows=tuple(Row(name, tuple(cells)) for name, cells in rows.items()),
        states=tuple(states),
        strips=tuple(each.strip(strip) for each in made for strip in each.figure.strips),
        tables=tuple(table for each in made for table in each.figure.tables),
    )
