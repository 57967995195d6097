"""The training data of stage I: single drawings, some with a neutral caption, and scenes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.walk.prediction import Condition

from .crops import crops
from .dataset import RENDERED, Captioned, Row, World, select, shrink, token_rows, with_captions
from .pairs import Pairs, paired
from .pool import Split, read_pool

NEUTRAL = (
    "",
    "a high quality photo",
    "a picture",
    "a photo",
    "an image",
    "a high quality image",
    "a high-quality picture",
    "an emoji",
)
"""Prompts that name nothing, and draw any single thing."""

_CLEAN = frozenset({"animals-nature", "food-drink", "smileys-emotion", "travel-places", "objects"})
"""Groups of emojibase whose drawings neutral prompts stand for."""


@dataclass(frozen=True, eq=False)
class Repeated:
    """Captioned pictures, of which an epoch shows some several times.

    Args:
        data: the pictures.
        rows: (M,) their rows, each as often as an epoch shows it.
    """

    data: Captioned
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Condition]:
        """See `Captioned.batch`."""
        return self.data.batch(self.rows[rows], generator)

    def to(self, device: torch.device) -> Repeated:
        """Return the same data on a device."""
        return Repeated(self.data.to(device), self.rows.to(device))


def mixture(size: int, world: World, prompts: TextPrompts, scenes: float = 0.5) -> Repeated:
    """Return single drawings of a world, and scenes of the pool in NOISEWALK_DATA.

    Args:
        size: the side of the pictures in pixels.
        scenes: the share of scenes in an epoch, in [0, 1); every scene is shown once per epoch.

    Raises:
        UserError: the drawings or scenes are not rendered.
    """
    pictures, rows = select(size, world)
    single = neutral(with_captions(pictures, rows, prompts, 16), rows, prompts)
    if scenes == 0:
        return Repeated(single, torch.arange(len(single)))
    several = scene_captions(size, prompts)
    times = len(several) * (1 - scenes) / scenes / len(single)
    order = torch.arange(round(times * len(single))) % len(single)
    both = joined(single, several)
    return Repeated(both, torch.cat([order, len(single) + torch.arange(len(several))]))


def neutral(data: Captioned, rows: Sequence[Row], prompts: TextPrompts) -> Captioned:
    """Replace the last caption of each picture of a clean group by one of `NEUTRAL`."""
    tokens, masks = prompts.rows(list(NEUTRAL))
    clean = torch.tensor([row["group"] in _CLEAN for row in rows]).nonzero()[:, 0]
    which = torch.arange(len(clean)) % len(NEUTRAL)
    changed = replace(data, tokens=data.tokens.clone(), masks=data.masks.clone())
    changed.tokens[clean, -1], changed.masks[clean, -1] = tokens[which].to(data.tokens.dtype), masks[which]
    return changed


def scene_captions(size: int, prompts: TextPrompts, split: Split = "train", variants: int = 16) -> Captioned:
    """Return the scenes of a pool with their captions, repeated up to `variants` each."""
    pictures, index = read_pool(Path(os.environ.get("NOISEWALK_DATA", ".")), max(size, RENDERED), split)
    num = len(index[0]["captions"])
    texts = [text for said in index for text in said["captions"]]
    tokens, masks = token_rows(prompts, texts)
    shape, repeat = (len(index), num, prompts.max_tokens), (1, -(-variants // num), 1)
    rows, seen = (each.view(shape).repeat(repeat)[:, :variants] for each in (tokens, masks))
    return Captioned(shrink(pictures, size), rows, seen, prompts.table)


def paired_with_scenes(size: int, world: World, prompts: TextPrompts) -> Pairs:
    """Return the training data of scorers: single drawings of a world, scenes, and the things of scenes one by one.

    Pictures of the same things are the same concept.

    Raises:
        UserError: the drawings or scenes are not rendered.
    """
    single, several = paired(size, world, prompts), scene_captions(size, prompts)
    pictures, index = read_pool(Path(os.environ.get("NOISEWALK_DATA", ".")), max(size, RENDERED))
    cut, captions = crops(pictures, index, size)
    tokens, masks = (each[:, None].expand(-1, 16, -1) for each in token_rows(prompts, captions))
    said = ["|".join([each["kind"], *each["things"]]) for each in index] + captions
    numbers = {key: i for i, key in enumerate(dict.fromkeys(said), int(single.concepts.max()) + 1)}
    concepts = torch.cat([single.concepts, torch.tensor([numbers[key] for key in said])])
    both = joined(single.captioned, several)
    return Pairs(joined(both, Captioned(cut, tokens, masks, prompts.table)), concepts)


def joined(first: Captioned, second: Captioned) -> Captioned:
    """Join two sets of captioned pictures that have the same size and the same number of captions."""
    return Captioned(
        torch.cat([first.pictures, second.pictures]),
        torch.cat([first.tokens, second.tokens]),
        torch.cat([first.masks, second.masks]),
        first.table,
    )
