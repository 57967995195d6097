"""Measure from which score on a scorer is right about real pictures that it never saw.

    NOISEWALK_DATA=... python scorer_reliability.py digits    (the 10,000 test digits, each asked about all ten digits)
    NOISEWALK_DATA=... python scorer_reliability.py emoji     (the recipe's held-out drawings, each asked about 20 names)

For several scores it prints the share of true prompts among the pairs (picture, prompt) with at least that score, and the share
of the true pairs that have that score. The constants `RELIABLE` of the scorers come from these tables.
"""

from __future__ import annotations

import sys

import torch
from pictures.dataset import World, select
from pictures.evaluate import questions
from torch import Tensor

from noisewalk.judge.image_text import load_scorer
from noisewalk.judge.scorer import DigitScorer
from noisewalk.training.data import from_uint8, mnist


def digits() -> tuple[Tensor, Tensor]:
    """Return the scores (N, 10) of the test digits for the ten prompts, and which are true."""
    test = mnist("test")
    scores = DigitScorer().score(from_uint8(test.pictures), [str(digit) for digit in range(10)])
    return scores, test.labels[:, None] == torch.arange(10)


def emoji() -> tuple[Tensor, Tensor]:
    """Return the scores (N, 20) of held-out drawings in colour for their own name and nineteen others without a style."""
    _, train = select(32, World())
    pictures, rows = select(32, World(), "held out")
    scorer = load_scorer()
    asked = questions(rows, train, seed=2)
    names = [[caption.removesuffix(caption[caption.rfind(",") :]) for caption in question.captions] for question in asked]
    texts = sorted({name for each in names for name in each})
    column = {text: i for i, text in enumerate(texts)}
    every = scorer.score(from_uint8(pictures), texts)
    scores = torch.stack([every[i, [column[name] for name in each]] for i, each in enumerate(names)])
    return scores, (torch.arange(20) == 0).expand_as(scores)


def main(which: str) -> None:
    torch.set_num_threads(1)
    scores, true = {"digits": digits, "emoji": emoji}[which]()
    for least in scores[true].quantile(torch.linspace(0, 0.9, 19)).tolist():
        believed = scores >= least
        right, found = true[believed].float().mean(), believed[true].float().mean()
        print(f"score {least:8.3f}: {right:.3f} of what is believed is true, {found:.3f} of what is true is believed")


if __name__ == "__main__":
    main(sys.argv[1])
