"""The training set: drawn icons of the chosen concepts, and the tokens of their captions."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor

from noisewalk.errors import UserError
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.words import WordTable
from noisewalk.walk.prediction import Condition

from .captions import SILHOUETTES, captions, held_out

RENDERED = 64
Split = Literal["train", "held out"]
Row = dict[str, Any]
"""What a rendered picture is: a row of the index that `read_pictures` returns."""


@dataclass(frozen=True)
class World:
    """Which concepts are drawn.

    Args:
        min_styles: in at least so many of the seven coloured styles.
        silhouettes: which pictograms of what is drawn in fewer: "none", "named" (by one word, or by two of which the second is
            drawn in colour: "campfire", "pirate skull", but not "marrow drain") or "all".
        without: groups and subgroups of emojibase left out.
    """

    min_styles: int = 1
    silhouettes: Literal["none", "named", "all"] = "none"
    without: tuple[str, ...] = ("symbols", "time")

    def concepts(self, index: Sequence[Row]) -> frozenset[str]:
        """Keys of the concepts that are in it."""
        styles: dict[str, set[str]] = {}
        for row in index:
            if not {row["group"], row["subgroup"]} & set(self.without):
                styles.setdefault(row["key"], set()).update({row["style"]} - {SILHOUETTES})
        coloured = {key for key, drawn in styles.items() if len(drawn) >= self.min_styles}
        nouns = {name for row in index if row["key"] in coloured for name in row["names"]}
        pictograms = (row for row in index if row["key"] in styles and row["style"] == SILHOUETTES)
        return frozenset(coloured | {row["key"] for row in pictograms if self._silhouette(row["names"][0], nouns)})

    def _silhouette(self, name: str, nouns: set[str]) -> bool:
        words = name.split()
        named = len(words) == 1 or (len(words) == 2 and words[1] in nouns)
        return self.silhouettes == "all" or (self.silhouettes == "named" and named)


@dataclass(frozen=True, eq=False)
class Captioned:
    """Pictures, each with several captions, one of which is drawn each time.

    Args:
        pictures: (N, 3, S, S) uint8.
        tokens, masks: (N, V, L) rows of the word table, and where there are any.
        table: the words' vectors.
    """

    pictures: Tensor
    tokens: Tensor
    masks: Tensor
    table: WordTable

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Condition]:
        """Pictures, and as condition the word vectors (N, L, D) and mask (N, L) of one caption each."""
        which = torch.randint(self.tokens.shape[1], rows.shape, generator=generator, device=generator.device)
        return self.pictures[rows], (self.table.vectors(self.tokens[rows, which].long()), self.masks[rows, which])

    def to(self, device: torch.device) -> Captioned:
        """The same set on a device."""
        table = WordTable(self.table.pieces, self.table.codes.to(device), self.table.scales.to(device))
        return Captioned(self.pictures.to(device), self.tokens.to(device), self.masks.to(device), table)


def captioned(size: int, world: World, prompts: TextPrompts, split: Split = "train", variants: int = 16) -> Captioned:
    """The pictures of a world, or those held out of it, with `variants` captions each.

    Args:
        size: side of the pictures, pixels; the rendered ones are averaged down.

    Raises:
        UserError: the rendered pictures are missing or damaged.
    """
    return with_captions(*select(size, world, split), prompts, variants)


def select(size: int, world: World, split: Split = "train") -> tuple[Tensor, list[Row]]:
    """The pictures (N, 3, size, size) uint8 of a world that are trained on, or those held out, and what they are.

    Raises:
        UserError: the rendered pictures are missing or damaged, or none is in this world.
    """
    pictures, index = read_pictures(RENDERED if size <= RENDERED else size)
    concepts = world.concepts(index)
    kept = [
        i
        for i, row in enumerate(index)
        if row["key"] in concepts and held_out(row["key"], row["style"]) == (split == "held out")
    ]
    if not kept:
        raise UserError(f"there is no picture ({split}) in {world}; lower its min_styles (there are seven coloured styles)")
    return shrink(pictures[torch.tensor(kept)], size), [index[i] for i in kept]


def with_captions(pictures: Tensor, rows: Sequence[Row], prompts: TextPrompts, variants: int) -> Captioned:
    """Pictures with `variants` captions each."""
    texts = [c for row in rows for c in captions(row["names"], row["keywords"], row["style"], variants, _only(row))]
    tokens, masks = prompts.rows(texts)
    shape = (len(rows), variants, prompts.max_tokens)
    return Captioned(pictures, tokens.to(torch.int32).view(shape), masks.view(shape), prompts.table)


def _only(row: Row) -> bool:
    """Whether a silhouette is all there is of a name; a "pirate skull" is not, or "a skull" would be drawn in black."""
    return row["group"] == "pictograms" and " " not in row["names"][0]


def read_pictures(size: int) -> tuple[Tensor, list[Row]]:
    """The rendered pictures (N, 3, size, size) uint8 and what they are, from NOISEWALK_DATA/emoji or NOISEWALK_DATA.

    Raises:
        UserError: NOISEWALK_DATA is not set, or the files are missing or do not belong together.
    """
    name = f"pictures-{size}.safetensors"
    root = Path(os.environ.get("NOISEWALK_DATA", "."))
    path = next((p for p in (root / "emoji" / name, root / name) if p.is_file()), None)
    if path is None:
        raise UserError(
            f"{name} was not found in {root} (set NOISEWALK_DATA); make it with training/recipes/emoji/fetch.py and render.py"
        )
    try:
        index: list[Row] = json.loads(path.with_suffix(".json").read_text())
        with safe_open(path, framework="pt") as file:
            pictures: Tensor = file.get_tensor("pictures")
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); render again") from error
    if len(index) != len(pictures):
        raise UserError(f"{path} has {len(pictures)} pictures, but its index {len(index)}; render again")
    return pictures, index


def shrink(pictures: Tensor, size: int) -> Tensor:
    """uint8 pictures averaged over squares down to `size`."""
    if pictures.shape[-1] == size:
        return pictures
    parts = [F.avg_pool2d(part.float(), part.shape[-1] // size) for part in torch.split(pictures, 1024)]
    return torch.cat(parts).round().to(torch.uint8)
