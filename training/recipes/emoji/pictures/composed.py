"""Measures of generated scenes: whether both things are found, and whether the relation and the colour are correct."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from noisewalk.judge.image_text import ImageTextScorer

from .captions import with_article
from .colours import PAINTS
from .crops import crop

RELATIONS = {"left of": " to the left of ", "above": " above ", "wearing": " wearing "}
"""Relations that are measured, and how the sentence says them that is drawn."""

Square = tuple[int, int, int]
"""A part of a picture: its top row, its left column and its side, in percent."""

_OFFSETS = (0, 12, 25, 38, 50)
_REGIONS: dict[str, tuple[tuple[Square, ...], tuple[Square, ...]]] = {
    "left of": (tuple((y, 0, 50) for y in _OFFSETS), tuple((y, 50, 50) for y in _OFFSETS)),
    "above": (tuple((0, x, 50) for x in _OFFSETS), tuple((50, x, 50) for x in _OFFSETS)),
    "wearing": (((0, 0, 100), (25, 12, 75)), ((0, 25, 50), (0, 15, 70), (25, 25, 50), (40, 20, 60))),
}
"""Where the first and the second thing should be: squares, in the best of which each of them is looked for."""


@dataclass(frozen=True)
class Pair:
    """Two things in a relation, and the words from which the scorer chooses.

    Args:
        prompt: the sentence that is drawn.
        things: the nouns.
        relation: a key of `RELATIONS`.
        row: the row of the scene in its pool, which has the real picture.
        wrong: the wrong nouns.
    """

    prompt: str
    things: tuple[str, str]
    relation: str
    row: int
    wrong: tuple[str, ...]


def pairs(index: Sequence[dict[str, Any]], num: int, among: int = 20, seed: int = 0) -> list[Pair]:
    """Return the first `num` scenes of a pool with a measured relation, each with `among` - 1 wrong nouns."""
    draw = random.Random(seed)
    nouns = sorted({thing for said in index if said["relation"] in RELATIONS for thing in said["things"]})
    made: list[Pair] = []
    for row, said in enumerate(index):
        relation = said["relation"]
        prompt = next((text for text in said["sentences"] if RELATIONS.get(relation, "\n") in text), None)
        if prompt is None or len(made) == num:
            continue
        wrong = draw.sample([noun for noun in nouns if noun not in said["things"]], among - 1)
        made.append(Pair(prompt, tuple(said["things"]), relation, row, tuple(wrong)))
    return made


SEEN = ("first", "second", "both", "relation")
"""What `seen` answers: whether each thing is found in its region among the nouns, whether both are, and whether the relation is
right: each thing fits its own region better than the other's (for "wearing", that the item is found)."""


def seen(scorer: ImageTextScorer, pictures: Tensor, asked: Sequence[Pair]) -> Tensor:
    """Return what a scorer sees in pictures (N, 3, S, S) in [-1, 1] of pairs, as (N, 4) bool; see `SEEN`."""
    found = []
    for picture, pair in zip(pictures, asked, strict=True):
        captions = [with_article(noun) for noun in (*pair.things, *pair.wrong)]
        regions = _REGIONS[pair.relation]
        parts = torch.stack([crop(picture, square, picture.shape[-1]) for region in regions for square in region])
        each = scorer.score(parts, captions)
        scores = torch.stack([part.max(0).values for part in torch.split(each, [len(region) for region in regions])])
        wrong = scores[:, 2:].max(1).values
        first, second = bool(scores[0, 0] > wrong[0]), bool(scores[1, 1] > wrong[1])
        placed = second if pair.relation == "wearing" else bool(scores[0, 0] - scores[0, 1] > scores[1, 0] - scores[1, 1])
        found.append([first, second, first and second, placed])
    return torch.tensor(found)


def main_colour(picture: Tensor) -> str:
    """Return the colour word of the largest part of a picture (3, S, S) in [-1, 1] that is not background."""
    rgb = ((picture + 1) / 2).clamp(0, 1).flatten(1).T
    counted = dict.fromkeys(PAINTS, 0)
    for each in rgb.tolist():
        if min(each) < 0.93:
            counted[_word(each[0], each[1], each[2])] += 1
    shown = {word: number for word, number in counted.items() if not PAINTS[word].neutral}
    most = max(shown, key=lambda word: shown[word])
    return most if shown[most] > 0.1 * sum(counted.values()) else max(counted, key=lambda word: counted[word])


def _word(red: float, green: float, blue: float) -> str:
    hue, light, _ = colorsys.rgb_to_hls(red, green, blue)
    if max(red, green, blue) - min(red, green, blue) < 0.13:
        return "black" if light < 0.3 else "grey" if light < 0.8 else "white"
    degrees = 360 * hue
    if 10 <= degrees < 42:
        return "brown" if light < 0.42 else "orange"
    limits = ((70, "yellow"), (170, "green"), (250, "blue"), (305, "purple"), (345, "pink"))
    word = "red" if degrees < 10 else next((name for limit, name in limits if degrees < limit), "red")
    return "pink" if word == "red" and light > 0.68 else word
