"""Figures on disk: each has a folder of its own, and is there completely or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..errors import UserError
from ..files import read_bounded, write_atomic

FORMAT = 2
"""The version of the file format; figures of another version are made again."""
MOST_BYTES = 50_000_000
_FILE = re.compile(r"[\w-]{1,80}\.(png|webp|gif)")


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture of a figure.

    Args:
        caption: its caption.
        alt: its text for screen readers.
        file: its file.
    """

    caption: str
    alt: str
    file: str


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pictures side by side.

    Args:
        label: what they have in common, or "".
        cells: the pictures.
    """

    label: str
    cells: tuple[Cell, ...]


class Strip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pictures behind a slider, in one file with a column for each position of the slider.

    Args:
        label: the label of the slider.
        file: the file with all pictures in rows and columns without gaps.
        width: the width of one picture in pixels.
        height: the height of one picture in pixels.
        rows: what each row of the file shows.
        frames: the caption of each column.
        difference: whether the difference between the second row and its last picture is shown too.
    """

    label: str
    file: str
    width: int
    height: int
    rows: tuple[str, ...]
    frames: tuple[str, ...]
    difference: bool = False


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A view of an illusion, and how the picture moves to it.

    Args:
        name: the name of the view.
        prompt: what the view shows.
        file: the picture with the colours of this view and every pixel at its old place; "" if the colours stay.
        piece: base64 of the number (uint16, little-endian) of every pixel's piece; "" if the whole picture is one piece.
        pieces: for each piece its middle (row, column), how far the middle moves, and the 2x2 matrix by which it turns.
    """

    name: str
    prompt: str
    file: str
    piece: str
    pieces: tuple[tuple[float, ...], ...]


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An anagram: a picture with several views.

    Args:
        label: its label.
        file: the picture.
        looks: its views.
    """

    label: str
    file: str
    looks: tuple[Look, ...]


class Compare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture before and after a change.

    Args:
        before: the file of the picture before.
        after: the pictures after.
    """

    before: str
    after: tuple[Cell, ...]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of numbers.

    Args:
        heads: the names of the columns.
        rows: the rows.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A seed that a search tried.

    Args:
        seed: the seed.
        alignment: the alignment of its picture.
        concealment: the concealment of its picture.
    """

    seed: int
    alignment: float
    concealment: float


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figure of a command; its files are in the same folder.

    Args:
        caption: the caption below the figure.
        note: a further sentence below it.
        rows: the pictures.
        states: some states of the walks, for a filmstrip.
        strips: the sliders over steps or over t.
        turns: the anagrams.
        distances: the hybrids, with their near and far prompts as caption ("near / far").
        compares: the edits and inpaintings.
        films: the animations, each with a picture without motion for readers who prefer that.
        tables: the tables of numbers.
        losses: the loss curves.
        tried: the seeds that a search tried, best first.
        rule: how reliable the scorer of a search is, in a sentence.
        least: the score from which on the scorer of a search is trusted; None if that was not measured.
        format: the version of the file format.
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
    rule: str = ""
    least: float | None = None
    format: int = FORMAT


def keep(folder: Path, figure: Figure, files: Mapping[str, bytes]) -> None:
    """Write a figure into a folder; figure.json, which lists its files, is written last."""
    for name, data in files.items():
        write_atomic(folder / name, data)
    write_atomic(folder / "figure.json", msgspec.json.encode(figure))


def find(folder: Path) -> Figure | None:
    """Return the figure in a folder; None if there is none, or if it is damaged or of another version."""
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
