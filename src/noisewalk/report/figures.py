"""Figures: captioned sheets of pictures, filmstrips and GIFs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..images import enlarge, to_image
from ..techniques.panels import CaptionedViews
from ..walk.sampling import State
from .frames import Frame, write_gif

INK, PAPER = "#202124", "#ffffff"
_GAP = 10
LINES = 8
"""The most lines of a caption."""


def sheet(bands: Sequence[CaptionedViews], cell: int = 168, max_columns: int = 7) -> Image.Image:
    """Return bands of captioned columns of pictures, with a row for each picture of the batches.

    Args:
        bands: captions and batches (N, C, H, W).
        cell: the smallest side of a picture, in pixels.
        max_columns: the most columns, after which a band goes on below.
    """
    images = [_band(band[i : i + max_columns], cell) for band in bands for i in range(0, len(band), max_columns)]
    width = max(image.width for image in images)
    out = Image.new("RGB", (width, sum(image.height for image in images)), PAPER)
    top = 0
    for image in images:
        out.paste(image, (0, top))
        top += image.height
    return out


def labelled(rows: Sequence[tuple[str, CaptionedViews]], cell: int = 168) -> Image.Image:
    """Return rows of captioned pictures, each with its name above it.

    Args:
        rows: the name of each row, and its captions with one picture (1, C, H, W) each.
        cell: the smallest side of a picture, in pixels.
    """
    font = ImageFont.load_default(15)
    bands = [(name, _band(columns, cell)) for name, columns in rows]
    width = max(band.width for _, band in bands)
    out = Image.new("RGB", (width, sum(band.height + 26 for _, band in bands)), PAPER)
    draw, top = ImageDraw.Draw(out), 0
    for name, band in bands:
        draw.text((_GAP, top + 8), shortened(name, font, width - 2 * _GAP), INK, font=font)
        out.paste(band, (0, top + 26))
        top += band.height + 26
    return out


def contact(pictures: Tensor, columns: int, cell: int = 84) -> Image.Image:
    """Return pictures (N, C, H, W) in [-1, 1] as a grid without captions."""
    tiles = [enlarge(to_image(x), cell) for x in pictures]
    width, height = tiles[0].size
    rows = -(-len(tiles) // columns)
    out = Image.new("RGB", (columns * (width + 2) + 2, rows * (height + 2) + 2), PAPER)
    for i, tile in enumerate(tiles):
        out.paste(tile.convert("RGB"), (2 + i % columns * (width + 2), 2 + i // columns * (height + 2)))
    return out


Decode = Callable[[Tensor], Tensor]
"""A function from what is walked to pictures, see `Panel.decode`."""


def filmstrip(
    states: Sequence[State], decode: Decode | None = None, frames: int = 8, row: int = 0, named: Sequence[str] = ()
) -> Image.Image:
    """Return the filmstrip of a walk: x_t above, and the predicted x0 below, at evenly spaced steps of all stages.

    Args:
        states: the states of the walk.
        decode: maps states to pictures; None for states that are pictures.
        frames: the most states that are shown.
        row: the number of the picture in the batch.
        named: captions of the states; all of them are then shown.
    """
    chosen = range(len(states)) if named else spread(len(states), frames)
    captions = named or [f"step {i + 1}: x_t, x0" for i in chosen]
    pairs = _seen([states[i] for i in chosen], decode, row)
    return sheet([list(zip(captions, pairs, strict=True))], cell=112, max_columns=max(frames, len(captions)))


def gif(states: Sequence[State], decode: Decode | None = None, row: int = 0, cell: int = 168, frames: int = 60) -> bytes:
    """Return an animated GIF of a walk with x_t beside x0, which rests on the last frame.

    Args:
        states: the states of the walk.
        decode: maps states to pictures; None for states that are pictures.
        row: the number of the picture in the batch.
        cell: the smallest side of a picture, in pixels.
        frames: the most states that are shown.
    """
    chosen = [states[i] for i in spread(len(states), frames)]
    buffer = io.BytesIO()
    write_gif(buffer, _pairs(chosen, decode, row, cell))
    return buffer.getvalue()


def _pairs(states: Sequence[State], decode: Decode | None, row: int, cell: int) -> Iterator[Frame]:
    for number, both in enumerate(_seen(states, decode, row), 1):
        left, right = (enlarge(to_image(x), cell).convert("RGB") for x in both)
        pair = Image.new("RGB", (left.width * 2 + 6, left.height), PAPER)
        pair.paste(left, (0, 0))
        pair.paste(right, (left.width + 6, 0))
        yield Frame(pair, 1.6 if number == len(states) else 0.09)


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` evenly spaced indices below `count`, with the first and the last.

    >>> spread(10, 4)
    [0, 3, 6, 9]
    """
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _seen(states: Sequence[State], decode: Decode | None, row: int) -> Iterator[Tensor]:
    """Yield x_t and x0 (2, C, H, W) of one picture at each state, decoded and enlarged to the size of the last stage."""

    def decoded(state: State) -> Tensor:
        both = torch.cat([state.x_t[row : row + 1], state.x0[row : row + 1]])
        return decode(both) if decode else both

    last = decoded(states[-1])
    for state in states[:-1]:
        x = decoded(state)
        yield x if x.shape[2:] == last.shape[2:] else F.interpolate(x, last.shape[2:], mode="nearest")
    yield last


def _band(columns: CaptionedViews, cell: int) -> Image.Image:
    tiles = [[enlarge(to_image(x), cell) for x in batch] for _, batch in columns]
    side, height = tiles[0][0].size
    font = ImageFont.load_default(14)
    captions = [_wrap(caption, font, side) for caption, _ in columns]
    head = 8 + 18 * max(len(lines) for lines in captions)
    rows = max(len(column) for column in tiles)
    out = Image.new("RGB", (len(columns) * (side + _GAP) + _GAP, head + rows * (height + _GAP)), PAPER)
    draw = ImageDraw.Draw(out)
    for c, (lines, column) in enumerate(zip(captions, tiles, strict=True)):
        left = _GAP + c * (side + _GAP)
        for i, line in enumerate(lines):
            draw.text((left, 6 + 18 * i), line, INK, font=font)
        for r, tile in enumerate(column):
            out.paste(tile.convert("RGB"), (left, head + r * (height + _GAP)))
    return out


def _wrap(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split()[:200]:
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"{lines[LINES - 1]} …"]
    return [shortened(line, font, width) for line in lines] or [""]


def shortened(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """Return a text on one line that is not wider than `width` pixels; the end is left out if it does not fit."""
    line = " ".join(text.split())[:width]
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line}…"
