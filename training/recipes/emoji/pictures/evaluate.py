"""Measures of generated emoji: whether they are named correctly among twenty captions, are like real ones, and no copies."""

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
    """Captions, of which the first is true.

    Args:
        row: the row of the picture or of the (concept, style) pair.
        captions: the true caption, then others.
    """

    row: Row
    captions: tuple[str, ...]


def questions(rows: Sequence[Row], others: Sequence[Row], among: int = 20, seed: int = 0) -> list[Question]:
    """Return a question for each row: its caption among captions of other concepts in the same style.

    Args:
        rows: the rows that the questions are about.
        others: the rows whose concepts give the wrong captions.
    """
    draw = random.Random(seed)
    names = {row["key"]: row["names"][0] for row in others if row["style"] in STYLES}
    made = []
    for row in rows:
        wrong = draw.sample([name for key, name in sorted(names.items()) if name != row["names"][0]], among - 1)
        made.append(Question(row, tuple(caption(name, row["style"]) for name in (row["names"][0], *wrong))))
    return made


def picked(scorer: ImageTextScorer, pictures: Tensor, asked: Sequence[Question]) -> Tensor:
    """Return (N,) bool: whether pictures (N, 3, S, S) have a higher score for the true caption than for the others."""
    texts = sorted({text for question in asked for text in question.captions})
    column = {text: i for i, text in enumerate(texts)}
    scores = scorer.score(pictures, texts)
    of = [scores[i, [column[c] for c in question.captions]] for i, question in enumerate(asked)]
    return torch.stack([each[0] > each[1:].max() for each in of])


def drawn(model: Pretrained, prompts: Sequence[str], guidance_scale: float, steps: int, batch: int = 32) -> Iterator[Tensor]:
    """Generate pictures of prompts, `batch` at a time, prompt i with seed i, with the model's own step rule and grid."""
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
    """How near generated pictures are to the training set.

    Args:
        rows: (N,) the row of the nearest training picture of each.
        near: the share that is nearer than 99 % of held-out real pictures are; about 0.01 if none is a copy.
    """

    rows: Tensor
    near: float


def copies(pictures: Tensor, train: Tensor, held_out: Tensor) -> Copies:
    """Find the nearest training pictures of generated ones, by root mean square over pixels; all (·, 3, S, S) in [-1, 1]."""
    distances, rows = nearest_neighbours(pictures, train)
    usual = nearest_neighbours(held_out, train)[0].quantile(0.01)
    return Copies(rows, float((distances < usual).float().mean()))


def distance(scorer: ImageTextScorer, pictures: Tensor, real: Tensor) -> float:
    """Return the Fréchet distance of two sets in the scorer's features; compare only sets of the same size."""
    return frechet(moments(scorer.features(pictures)), moments(scorer.features(real)))
