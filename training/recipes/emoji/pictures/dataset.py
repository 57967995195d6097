"""The training set: rendered icons of the chosen concepts, and the tokens of their captions."""

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
    """The concepts that are drawn.

    Args:
        min_styles: the fewest of the seven coloured styles that must have a concept.
        silhouettes: the pictograms of other concepts: "none", "named" (with one word, or with two words of which the second is
            drawn in colour: "campfire", "pirate skull", but not "marrow drain") or "all".
        without: the groups and subgroups of emojibase that are left out.
    """

    min_styles: int = 1
    silhouettes: Literal["none", "named", "all"] = "none"
    without: tuple[str, ...] = ("symbols", "time")

    def concepts(self, index: Sequence[Row]) -> frozenset[str]:
        """Return the keys of its concepts."""
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
    """Pictures with several captions each, of which one is drawn at random for every batch.

    Args:
        pictures: (N, 3, S, S) uint8.
        tokens: (N, V, L) the rows of the word table for V captions of at most L tokens.
        masks: (N, V, L) bool, true where there is a token.
        table: the word vectors.
    """

    pictures: Tensor
    tokens: Tensor
    masks: Tensor
    table: WordTable

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Condition]:
        """Return pictures, with the word vectors (N, L, D) and the mask (N, L) of one caption each as their condition."""
        which = torch.randint(self.tokens.shape[1], rows.shape, generator=generator, device=generator.device)
        return self.pictures[rows], (self.table.vectors(self.tokens[rows, which].long()), self.masks[rows, which])

    def to(self, device: torch.device) -> Captioned:
        """Return the same set on a device."""
        table = WordTable(self.table.pieces, self.table.codes.to(device), self.table.scales.to(device))
        return Captioned(self.pictures.to(device), self.tokens.to(device), self.masks.to(device), table)


def captioned(size: int, world: World, prompts: TextPrompts, split: Split = "train", variants: int = 16) -> Captioned:
    """Return the pictures of a world, or its held-out pictures, with `variants` captions each.

    Args:
        size: the side of the pictures in pixels; rendered pictures are averaged down to it.

    Raises:
        UserError: the rendered pictures are missing or damaged.
    """
    return with_captions(*select(size, world, split), prompts, variants)


def select(size: int, world: World, split: Split = "train") -> tuple[Tensor, list[Row]]:
    """Return the training pictures (N, 3, size, size) uint8 of a world, or its held-out pictures, with their icons.

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
    """Add `variants` captions to each picture."""
    texts = [c for row in rows for c in captions(row["names"], row["keywords"], row["style"], variants, _only(row))]
    tokens, masks = token_rows(prompts, texts)
    shape = (len(rows), variants, prompts.max_tokens)
    return Captioned(pictures, tokens.view(shape), masks.view(shape), prompts.table)


def token_rows(prompts: TextPrompts, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return what `prompts.rows` returns, with int32 rows; a caption that is there several times is read once."""
    numbers = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    tokens, masks = prompts.rows(list(numbers))
    which = torch.tensor([numbers[text] for text in texts])
    return tokens.int()[which], masks[which]


def _only(row: Row) -> bool:
    """Return whether a name has only silhouettes; "pirate skull" has not, or else "a skull" would be drawn in black."""
    return row["group"] == "pictograms" and " " not in row["names"][0]


def read_pictures(size: int) -> tuple[Tensor, list[Row]]:
    """Return the rendered pictures (N, 3, size, size) uint8 and their icons, from NOISEWALK_DATA/emoji or NOISEWALK_DATA.

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
    """Average uint8 pictures over squares, down to `size`."""
    if pictures.shape[-1] == size:
        return pictures
    parts = [F.avg_pool2d(part.float(), part.shape[-1] // size) for part in torch.split(pictures, 1024)]
    return torch.cat(parts).round().to(torch.uint8)
