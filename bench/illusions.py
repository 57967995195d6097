"""How often a digit anagram works: read correctly both ways, with probability at least 0.8 each, by the digit reader.

    python bench/illusions.py --out FOLDER [--seeds 32] [--steps 10] [--guidance-scale 1.3] [--methods plain auto ...]

All 45 unordered pairs of different digits and the ten doubles, under rotation by 180. For every method: the share of pairs of
which one seed, or one of the first 8 or 32, works; the share of all seeds that do; the mean and the 0.9 quantile over pairs of
the best seed's A (exp of it: the lesser probability) and of C; and for the best of all seeds a 10x10 table of the lesser
probability. The methods see the same seeds in one process. `plain x2` is the plain mean under twice the guidance: how much of
a method is only that. Finished pairs are kept in FOLDER and not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

import noisewalk
from noisewalk.judge.illusions import score_illusions
from noisewalk.judge.scorer import DigitScorer
from noisewalk.report.result import make
from noisewalk.techniques.anagram import Anagram

PAIRS = [(a, b) for a in range(10) for b in range(a, 10)]
SURE = 0.8


@dataclass(frozen=True)
class Method:
    """A way to make an anagram."""

    balance: str = "none"
    reduction: str = "mean"
    guidance: float = 1.0


METHODS = {
    "plain": Method(),
    "auto": Method("auto"),
    "vectors": Method("vectors"),
    "variance": Method("variance"),
    "plain x2": Method(guidance=2.0),
    "alternate": Method(reduction="alternate"),
}


def scored(pair: tuple[int, int], method: Method, options: argparse.Namespace) -> Tensor:
    """(seeds, 2): lesser probability and C."""
    spec = Anagram(
        tuple(str(digit) for digit in pair),
        balance=method.balance,
        reduction=method.reduction,
        guidance_scale=options.guidance_scale * method.guidance,
        steps=options.steps,
        num=options.seeds,
    )
    result = make("anagram", spec, noisewalk.load("digits"), keep_states=False)
    (panel,) = result.panels
    looks = [sight.look for sight in panel.panel.sights]
    scores = score_illusions(DigitScorer(), result.tensor, looks, spec.prompts)
    return torch.stack([scores.alignment.exp(), scores.concealment], dim=1)


def measured(name: str, options: argparse.Namespace) -> Tensor:
    """(pairs, seeds, 2), read from the folder where it is there."""
    label = f"{name.replace(' ', '-')}-g{options.guidance_scale:g}-s{options.steps}-n{options.seeds}.json"
    path = Path(options.out) / label
    known = json.loads(path.read_text()) if path.exists() else {}
    for pair in PAIRS:
        key = f"{pair[0]}{pair[1]}"
        if key not in known:
            known[key] = scored(pair, METHODS[name], options).tolist()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".part").write_text(json.dumps(known))
            path.with_suffix(".part").rename(path)
    return torch.tensor([known[f"{a}{b}"] for a, b in PAIRS])


def share(probabilities: Tensor, first: int) -> float:
    """Of the pairs, those of which one of the first seeds works."""
    return float((probabilities[:, :first] >= SURE).any(1).float().mean())


def report(name: str, scores: Tensor) -> float:
    probabilities, concealment = scores.unbind(2)
    most = probabilities.shape[1]
    best, which = probabilities.max(1)
    c = concealment.gather(1, which[:, None])[:, 0]
    shares = "  ".join(f"{100 * share(probabilities, k):5.1f}" for k in (1, 8, most))
    every = 100 * float((probabilities >= SURE).float().mean())
    a = f"{best.mean():.3f} {best.quantile(0.9):.3f}"
    print(f"{name:10} {shares}  {every:5.1f}   {a}   {c.mean():.3f} {c.quantile(0.9):.3f}", flush=True)
    return share(probabilities, most)


def table(scores: Tensor) -> str:
    best = dict(zip(PAIRS, scores[:, :, 0].amax(1).tolist(), strict=True))
    lines = ["     " + "".join(f"{digit:6}" for digit in range(10))]
    for a in range(10):
        lines.append(f"{a:5}" + "".join(f"{best[a, b]:6.2f}" if b >= a else " " * 6 for b in range(10)))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder for what is measured")
    parser.add_argument("--seeds", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--guidance-scale", type=float, default=1.3, help="the digits model's default is 1.3")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options = parser.parse_args()
    machine = f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads, torch {torch.__version__}, {platform.machine()}"
    print(
        f"{machine}; digits, ddim, {options.steps} steps, guidance {options.guidance_scale:g}, seeds 0 to {options.seeds - 1}"
    )
    print(
        f"% of 55 pairs read both ways with probability >= {SURE}: by 1, 8, {options.seeds} seeds; % of all seeds; "
        "mean and 0.9 quantile of the best seed's A, and of its C"
    )
    found = {}
    reached = {}
    for name in options.methods:
        began = time.perf_counter()
        found[name] = measured(name, options)
        reached[name] = report(name, found[name])
        print(f"           ({time.perf_counter() - began:.0f} s)", flush=True)
    for name in ("plain", "auto"):
        if name in found:
            print(f"\n{name}: lesser probability of the best of {options.seeds} seeds, upright digit down, turned digit across")
            print(table(found[name]))
    if {"plain", "auto"} <= set(reached):
        gain = 100 * (reached["auto"] - reached["plain"])
        print(f"\nauto over plain: {gain:+.1f} points (target +15: {'reached' if gain >= 15 else 'missed'})")


if __name__ == "__main__":
    main()
