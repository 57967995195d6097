"""Several requests that differ in a few settings, compared in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from ..errors import UserError
from ..files import slug, write_atomic
from ..images import encode_png
from ..report.figures import labelled
from ..techniques.panels import CaptionedViews
from ..techniques.requests import seeds
from .record import PictureRecord
from .result import Result


@dataclass(frozen=True, eq=False)
class ComparedResult:
    """One of the requests, with its result.

    Args:
        row: the prompt or picture that tells it from the others; "" if they all have the same.
        column: the settings that tell it from the others; "" if they all have the same.
        result: its result.
    """

    row: str
    column: str
    result: Result


@dataclass(frozen=True, eq=False)
class Comparison:
    """The results of all requests.

    Attributes:
        figure: a sheet with named rows and columns, and the seed of every row.
    """

    variants: Sequence[ComparedResult]

    @cached_property
    def figure(self) -> Image.Image:
        """A captioned sheet of all variants."""
        rows: dict[str, CaptionedViews] = {}
        for variant in self.variants:
            for seed, looks in by_seed(variant.result):
                several = len(looks) > 1
                name = ", ".join(filter(None, (variant.row, variant.column if several else "", f"seed {seed}")))
                captions = [label if several else variant.column or label for label, _ in looks]
                rows.setdefault(name, []).extend(zip(captions, (x for _, x in looks), strict=True))
        return labelled(list(rows.items()))

    def save(self, path: Path) -> list[Path]:
        """Write the figure and, into a folder, every picture with its own metadata.

        Args:
            path: a .png file for the figure alone, or a folder.

        Returns:
            The files that were written.

        Raises:
            UserError: a file cannot be written.
        """
        if path.suffix.lower() == ".png":
            write_atomic(path, encode_png(self.figure))
            return [path]
        files = [path / "figure.png"]
        write_atomic(files[0], encode_png(self.figure))
        for variant in self.variants:
            name = slug(f"{variant.row} {variant.column}")
            count = len(variant.result.images)
            chosen = seeds(variant.result.request)
            for index in range(count):
                panel = f"-{index // len(chosen)}" if count > len(chosen) else ""
                file = path / f"{name}{panel}-seed{chosen[index % len(chosen)]}.png"
                if file in files:
                    raise UserError(f"two pictures would have the name {file}; compare fewer settings at once")
                write_atomic(file, variant.result.png(PictureRecord("picture", index)))
                files.append(file)
        return files


def by_seed(result: Result) -> list[tuple[int, CaptionedViews]]:
    """Return the captioned views of a result by seed; the inputs, which are shown for comparison, stand with the first seed."""
    made = []
    for i, seed in enumerate(seeds(result.request)):
        looks = [
            (label, x[i : i + 1])
            for walked in result.shown
            if walked.is_output or i == 0
            for label, x in walked.captioned
            if len(x) > i
        ]
        made.append((seed, looks))
    return made
