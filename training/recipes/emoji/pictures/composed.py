"""How well scenes are drawn: both things found, the relation right, the colour the one that was asked for."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from noisewalk.judge.image_text import ImageTextScorer

from .captions import with_article
from .colours import PAINTS

RELATIONS = {"left of": " to the left of ", "above": " above ", "wearing": " wearing "}
"""Relations that are measured, and how the sentence says them that is drawn."""

_REGIONS = {
    "left of": ((slice(0, 100), slice(0, 50)), (slice(0, 100), slice(50, 100))),
    "above": ((slice(0, 50), slice(0, 100)), (slice(50, 100), slice(0, 100))),
    "wearing": ((slice(0, 100), slice(0, 100)), (slice(0, 62), slice(0, 100))),
}
"""Where the first and the second thing should be: rows and columns in percent."""


@dataclass(frozen=True)
class Pair:
    """Two things in a relation, and the words the scorer may choose from for either.

    Args:
        prompt: the sentence that is drawn.
        things: the nouns.
        relation: a key of `RELATIONS`.
        row: of the scene in its pool, which is the real picture.
        wrong: other nouns.
    """

    prompt: str
    things: tuple[str, str]
    relation: str
    row: int
    wrong: tuple[str, ...]


def pairs(index: Sequence[dict[str, Any]], num: int, among: int = 20, seed: int = 0) -> list[Pair]:
    """The first `num` scenes of a pool in one of the measured relations, each with `among` - 1 wrong nouns."""
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


def crop(picture: Tensor, rows: slice, columns: slice) -> Tensor:
    """A part of a picture (3, S, S) in [-1, 1], rows and columns in percent, in the middle of a white square (3, S, S)."""
    size = picture.shape[-1]
    cut = picture[
        :, rows.start * size // 100 : rows.stop * size // 100, columns.start * size // 100 : columns.stop * size // 100
    ]
    top, left = (size - cut.shape[1]) // 2, (size - cut.shape[2]) // 2
    return F.pad(cut, (left, size - cut.shape[2] - left, top, size - cut.shape[1] - top), value=1.0)


@dataclass(frozen=True)
class Seen:
    """Of pictures of pairs, the shares where: each thing is found in its region among `among` nouns, both are, the things are
    not exchanged (each fits its own region better than the other's)."""

    first: float
    second: float
    both: float
    relation: float


def seen(scorer: ImageTextScorer, pictures: Tensor, asked: Sequence[Pair]) -> Seen:
    """What a scorer sees in pictures (N, 3, S, S) in [-1, 1] of pairs."""
    found = []
    for picture, pair in zip(pictures, asked, strict=True):
        parts = torch.stack([crop(picture, *region) for region in _REGIONS[pair.relation]])
        scores = scorer.score(parts, [with_article(noun) for noun in (*pair.things, *pair.wrong)])
        wrong = scores[:, 2:].max(1).values
        first, second = bool(scores[0, 0] > wrong[0]), bool(scores[1, 1] > wrong[1])
        placed = second if pair.relation == "wearing" else bool(scores[0, 0] - scores[0, 1] > scores[1, 0] - scores[1, 1])
        found.append([first, second, first and second, placed])
    return Seen(*(float(share) for share in torch.tensor(found, dtype=torch.float).mean(0)))


def main_colour(picture: Tensor) -> str:
    """The colour word of most of what is no background in a picture (3, S, S) in [-1, 1]."""
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
