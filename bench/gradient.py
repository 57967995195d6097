"""Guidance by the digit reader's gradient against the best of independent walks, at equal network rows: anagrams of digits.

    python bench/gradient.py --second FOLDER [--pairs 20] [--walks 6] [--strengths 0 1 3] [--scales 1.3]

For each of the first PAIRS pairs of `illusions.py`, WALKS seeds are walked in 10 steps, and the one with the best A by the
bundled reader is kept. A strength of 0 is the plain walk. The share of pairs that are read both ways with probability 0.8 at
least, the mean A of the best and of all walks, and the gain of the best over the first line's, pair by pair, are printed. They
are measured by the bundled reader, whose gradient guides, and by a second one that neither guided nor chose, which
`noisewalk train classifier --seed 1 --epochs 1 --out FOLDER` trained.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from illusions import DIGITS, SURE
from steering import SecondReader
from torch import Tensor

import noisewalk
from noisewalk.guidance import Balanced, View, get_view, universal
from noisewalk.judge.digits import DigitReader, load_reader
from noisewalk.walk import SeededNoise, ddim, levels, linspace, sample

STEPS = 10


def log_probabilities(reader: DigitReader, x: Tensor, views: Sequence[View], labels: Sequence[int]) -> Tensor:
    """(views, N) the log-probability of each digit through its view."""
    logits = [reader(view.forward(x).clamp(-1, 1)) for view in views]
    return torch.stack([each.log_softmax(1)[:, label] for each, label in zip(logits, labels, strict=True)])


def measured(pair: tuple[str, str, str], strength: float, scale: float, walks: int, second: DigitReader) -> Tensor:
    """Return A by both readers (2, walks)."""
    *prompts, view = pair
    model, views, labels = noisewalk.load("digits"), (get_view("identity"), get_view(view)), [int(each) for each in prompts]
    denoiser = universal(
        Balanced(tuple(model.bind(each) for each in prompts), model.bind(""), scale, views),
        lambda x: log_probabilities(load_reader(), x, views, labels).sum(0),
        strength,
    )
    noise, path = SeededNoise(range(walks)), levels(model.schedule, linspace(model.schedule, STEPS))
    *_, last = sample(denoiser, model.start(path[0], walks, noise), path, ddim(), noise.stream("step"))
    with torch.no_grad():
        return torch.stack([log_probabilities(r, last.x_t, views, labels).amin(0).exp() for r in (load_reader(), second)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--second", type=Path, required=True, help="the run folder of another classifier")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--walks", type=int, default=6)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.0, 1.0, 3.0])
    parser.add_argument("--scales", type=float, nargs="+", default=[1.3], help="of classifier-free guidance")
    asked = parser.parse_args()
    second = SecondReader.of(asked.second).reader
    print(
        f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads, torch {torch.__version__}, {platform.machine()}; ", end=""
    )
    print(f"{asked.pairs} pairs, best of {asked.walks}, {STEPS} steps; by the bundled and by the second reader", flush=True)
    first: Tensor | None = None
    for scale, strength in itertools.product(asked.scales, asked.strengths):
        began = time.perf_counter()
        found = torch.stack([measured(p, strength, scale, asked.walks, second) for p in DIGITS.pairs[: asked.pairs]])
        best = found.gather(2, found[:, :1].argmax(2, keepdim=True).expand(-1, 2, 1))[..., 0]  # (pairs, 2)
        first = best if first is None else first
        gain, works = best - first, (best >= SURE).float().mean(0)
        error = gain.std(0) / len(gain) ** 0.5
        print(f"guidance {scale:g}, strength {strength:g} ({time.perf_counter() - began:.0f} s)")
        for i, who in enumerate(("bundled", "second")):
            print(f"  {who:8} read both ways {100 * works[i]:.0f} %, A {best[:, i].mean():.3f}", end="")
            print(f" (gain {gain[:, i].mean():.3f} +- {error[i]:.3f}); of all walks A {found[:, i].mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
