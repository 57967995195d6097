"""Several requests that differ in a few settings, side by side in one figure: step counts, guidance, prompts, pictures."""

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
class Variant:
    """One of the requests.

    Args:
        row, column: what tells it from the others: its prompt or picture, and its settings; "" if there is only one.
        result: what was made of it.
    """

    row: str
    column: str
    result: Result


@dataclass(frozen=True, eq=False)
class Compared:
    """What was made of all of them.

    Attributes:
        figure: rows and columns are named, and the seed stands on every row.
    """

    variants: Sequence[Variant]

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
        """Write the figure and, into a folder, every picture with its own metadata; say which files were written.

        Raises:
            UserError: it cannot be written there.
        """
        if path.suffix.lower() == ".png":
            write_atomic(path, encode_png(self.figure))
            return [path]
        files = [path / "figure.png"]
        write_atomic(files[0], encode_png(self.figure))
        for variant in self.variants:
            name = slug(f"{variant.row} {variant.column}")
            count = len(variant.result.images)
            chosen = seeds(variant.result.spec)
            for index in range(count):
                panel = f"-{index // len(chosen)}" if count > len(chosen) else ""
                file = path / f"{name}{panel}-seed{chosen[index % len(chosen)]}.png"
                if file in files:
                    raise UserError(f"two pictures would have the name {file}; compare fewer settings at once")
                write_atomic(file, variant.result.png(PictureRecord("picture", index)))
                files.append(file)
        return files


def by_seed(result: Result) -> list[tuple[int, CaptionedViews]]:
    """The ways to look at every picture of a result, seed by seed; what is only shown for comparison stands with the first."""
    made = []
    for i, seed in enumerate(seeds(result.spec)):
        looks = [
            (label, x[i : i + 1])
            for walked in result.shown
            if walked.is_output or i == 0
            for label, x in walked.captioned
            if len(x) > i
        ]
        made.append((seed, looks))
    return made
