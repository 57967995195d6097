"""How good drawn emoji are: named rightly among twenty captions, distributed like real ones, and no copies of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from noisewalk.guidance.prompts import cfg
from noisewalk.judge.evaluate import nearest_neighbours
from noisewalk.judge.frechet import frechet, moments
from noisewalk.judge.image_text import ImageTextScorer
from noisewalk.models.zoo import Pretrained
from noisewalk.walk import STEP_RULES
from noisewalk.walk.grids import levels, walk_times
from noisewalk.walk.noise import SeededNoise
from noisewalk.walk.prediction import Bound
from noisewalk.walk.sampling import sample

from .captions import STYLES, caption
from .dataset import Row


@dataclass(frozen=True)
class Question:
    """Captions of which the first one is true.

    Args:
        row: the picture, or the (concept, style) to draw.
        captions: the true caption, then others.
    """

    row: Row
    captions: tuple[str, ...]


def questions(rows: Sequence[Row], others: Sequence[Row], among: int = 20, seed: int = 0) -> list[Question]:
    """One question for each row: its caption among those of other concepts in the same style, so that style is no help.

    Args:
        rows: what is asked about.
        others: rows whose concepts (with other names) wrong captions are made of.
    """
    draw = random.Random(seed)
    names = {row["key"]: row["names"][0] for row in others if row["style"] in STYLES}
    made = []
    for row in rows:
        wrong = draw.sample([name for key, name in sorted(names.items()) if name != row["names"][0]], among - 1)
        made.append(Question(row, tuple(caption(name, row["style"]) for name in (row["names"][0], *wrong))))
    return made


def picked(scorer: ImageTextScorer, pictures: Tensor, asked: Sequence[Question]) -> Tensor:
    """(N,) bool: whether pictures (N, 3, S, S) score higher for the true caption of their question than for others."""
    texts = sorted({text for question in asked for text in question.captions})
    column = {text: i for i, text in enumerate(texts)}
    scores = scorer.score(pictures, texts)
    of = [scores[i, [column[c] for c in question.captions]] for i, question in enumerate(asked)]
    return torch.stack([each[0] > each[1:].max() for each in of])


def drawn(model: Pretrained, prompts: Sequence[str], guidance_scale: float, steps: int, batch: int = 32) -> Iterator[Tensor]:
    """Pictures of prompts, `batch` at a time, prompt i with seed i, by the model's own step rule and grid."""
    path = levels(model.schedule, walk_times(model.defaults.grid, model.schedule, steps))
    step = STEP_RULES[model.defaults.step_rule]()
    for i in range(0, len(prompts), batch):
        part = prompts[i : i + batch]
        cond = tuple(torch.cat(each) for each in zip(*(model.encode(prompt) for prompt in part), strict=True))
        noise = SeededNoise(range(i, i + len(part)))
        denoiser = cfg(Bound(model.model, cond), model.bind(""), guidance_scale)
        x = path[0].sigma * noise(torch.empty(len(part), *model.shape))
        *_, last = sample(denoiser, x, path, step, noise.stream("step"))
        yield last.x_t.clamp(-1, 1)


@dataclass(frozen=True, eq=False)
class Copies:
    """How near drawn pictures are to the training set.

    Args:
        rows: (N,) the nearest training picture of each.
        near: share nearer than 99 % of held-out real pictures are to theirs: about 0.01 if none is a copy.
    """

    rows: Tensor
    near: float


def copies(pictures: Tensor, train: Tensor, held_out: Tensor) -> Copies:
    """Nearest training pictures of drawn ones, by root mean square over pixels; all (·, 3, S, S) in [-1, 1]."""
    distances, rows = nearest_neighbours(pictures, train)
    usual = nearest_neighbours(held_out, train)[0].quantile(0.01)
    return Copies(rows, float((distances < usual).float().mean()))


def distance(scorer: ImageTextScorer, pictures: Tensor, real: Tensor) -> float:
    """Fréchet distance of two sets in the scorer's features; compare equal counts only."""
    return frechet(moments(scorer.features(pictures)), moments(scorer.features(real)))
