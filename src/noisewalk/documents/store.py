"""What was made of a command, kept in a folder of its own: a figure is there whole, or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..errors import UserError
from ..files import read_bounded, write_atomic

FORMAT = 1
"""Of what is kept; figures of another one are made again."""
MOST_BYTES = 50_000_000
_FILE = re.compile(r"[\w-]{1,80}\.(png|webp|gif)")


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture of a figure: its caption, what a screen reader says of it, and its file."""

    caption: str
    alt: str
    file: str


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pictures side by side, and what they have in common ("" if nothing is to be said)."""

    label: str
    cells: tuple[Cell, ...]


class Strip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pictures that one goes through with a slider: one file, a column per place of the slider.

    Args:
        label: what it is of.
        file: all pictures, in columns and rows without gaps.
        width, height: of one picture, pixels.
        rows: what each row of the file shows.
        frames: what is said of each column.
        difference: whether the difference of the second row to its last picture is shown too.
    """

    label: str
    file: str
    width: int
    height: int
    rows: tuple[str, ...]
    frames: tuple[str, ...]
    difference: bool = False


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way of looking at an illusion, and how the picture moves there.

    Args:
        name, prompt: of the view, and what it shows.
        file: the picture with the colours of this view, every pixel where it was before; "" if colours stay.
        piece: base64 of the number (uint16, little-endian) of every pixel's piece; "" if the whole picture is one.
        pieces: of each piece, its middle (row, column), how far that moves, and the 2x2 matrix by which it turns.
    """

    name: str
    prompt: str
    file: str
    piece: str
    pieces: tuple[tuple[float, ...], ...]


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture that can be looked at in several ways: an anagram."""

    label: str
    file: str
    looks: tuple[Look, ...]


class Compare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture before, and what became of it: files, with a caption of each one after."""

    before: str
    after: tuple[Cell, ...]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers: the names of the columns, and the rows."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A seed that a search tried, and its scores."""

    seed: int
    alignment: float
    concealment: float


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was made of a command; files are in the same folder.

    Args:
        caption, note: below the figure.
        rows: the pictures.
        states: some states of the walks, for a filmstrip.
        strips: sliders over steps or over t.
        turns: anagrams.
        distances: hybrids: pictures, with their far and near prompts as caption ("far / near").
        compares: edits and inpaintings.
        films: animations, each with a still picture in front, for readers who want no motion.
        tables: numbers.
        losses: loss curves.
        tried: what a search tried, best first.
        verdict: what its scorer says of the best.
    """

    caption: str
    note: str = ""
    rows: tuple[Row, ...] = ()
    states: tuple[Row, ...] = ()
    strips: tuple[Strip, ...] = ()
    turns: tuple[Turn, ...] = ()
    distances: tuple[Cell, ...] = ()
    compares: tuple[Compare, ...] = ()
    films: tuple[tuple[Cell, Cell], ...] = ()
    tables: tuple[Table, ...] = ()
    losses: tuple[Cell, ...] = ()
    tried: tuple[Tried, ...] = ()
    verdict: str = ""
    format: int = FORMAT


def keep(folder: Path, figure: Figure, files: Mapping[str, bytes]) -> None:
    """Write a figure; the file that says what there is comes last."""
    for name, data in files.items():
        write_atomic(folder / name, data)
    write_atomic(folder / "figure.json", msgspec.json.encode(figure))


def find(folder: Path) -> Figure | None:
    """The figure in a folder; None if there is none, or one that is damaged or of another version."""
    try:
        figure = msgspec.json.decode(read_bounded(folder / "figure.json", MOST_BYTES), type=Figure)
    except (UserError, msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    names = _names(figure)
    whole = all(_FILE.fullmatch(name) and (folder / name).is_file() for name in names)
    return figure if figure.format == FORMAT and whole else None


def _names(figure: Figure) -> list[str]:
    cells = [cell for row in (*figure.rows, *figure.states) for cell in row.cells]
    cells += [*figure.distances, *figure.losses, *(cell for both in figure.films for cell in both)]
    cells += [cell for compare in figure.compares for cell in compare.after]
    looks = [look.file for turn in figure.turns for look in turn.looks if look.file]
    others = [*(strip.file for strip in figure.strips), *(turn.file for turn in figure.turns)]
    return [*(cell.file for cell in cells), *looks, *others, *(compare.before for compare in figure.compares)]
