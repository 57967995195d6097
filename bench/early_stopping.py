"""How much is lost if hopeless seeds stop half-way: the best of all seeds, and the best of the seeds that continue.

    python bench/early_stopping.py [--seeds 32] [--steps 10] [--pairs 69 47 ...]

For anagrams of digits under rotation by 180 degrees (balance auto), every seed is scored half-way by x0, and at the end. For
each share of seeds that continue, it prints how many pairs keep their best seed, the mean loss of the best smaller
probability, and the network calls.
"""

from __future__ import annotations

import argparse
import os
import platform

import torch

import noisewalk
from noisewalk.judge.scorer import DigitScorer
from noisewalk.search.plan import make_plan
from noisewalk.search.task import run_task
from noisewalk.techniques.anagram import Anagram

PAIRS = ("69", "47", "25", "38", "01", "29", "56", "77", "08", "14", "35", "78")
SHARES = (0.5, 0.25, 0.125)


def scores(pair: str, options: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logarithm of the smaller probability of each seed (seeds,), half-way and at the end."""
    model = noisewalk.load("digits")
    spec = Anagram(tuple(pair), steps=options.steps, balance="auto")
    plan = make_plan("anagram", spec, model, range(options.seeds), batch=options.seeds)
    both = []
    for stage in ("half", "full"):
        (task,) = plan.tasks(stage)
        both.append(torch.tensor([each["alignment"] for each in run_task(plan, task, model, DigitScorer()).scores]))
    return both[0], both[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--pairs", nargs="+", default=list(PAIRS))
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} CPUs, torch {torch.__version__}, {platform.machine()}; {options.seeds} seeds, {options.steps} steps"
    )
    measured = {pair: scores(pair, options) for pair in options.pairs}
    every = torch.stack([full.exp().amax() for _, full in measured.values()])
    print(f"best of all: mean lesser probability {every.mean():.3f}, over {len(measured)} pairs")
    for share in SHARES:
        count = max(1, round(share * options.seeds))
        kept = [full[half.topk(count).indices].exp().amax() for half, full in measured.values()]
        loss = every - torch.stack(kept)
        same = int((loss < 1e-6).sum())
        calls = 0.5 + share
        print(
            f"{100 * share:5.1f} % walked on: {same} of {len(measured)} pairs keep their best; mean loss {loss.mean():.3f}, "
            f"worst {loss.max():.3f}; {100 * calls:.0f} % of the network calls"
        )


if __name__ == "__main__":
    main()
