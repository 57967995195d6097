"""How often an anagram works, which means that it is read correctly in both views.

    python bench/illusions.py --out FOLDER [--model digits] [--seeds 32] [--steps 10] [--methods plain auto ...]

digits: all 45 pairs of different digits and the ten pairs of equal digits, under rotation by 180 degrees. For every method it
prints the share of pairs for which one seed, or one of the first 8 or 32, is read correctly in both views with probability at
least 0.8 each; the share of such seeds; and a 10x10 table of the smaller probability of the best seed.

emoji: 30 pairs of prompts, from the reports and our own, each with its own view.

For both it prints the mean and the 0.9 quantile over the pairs of A (the smaller score; for digits its exponential, a
probability) and of C, for the seed with the best A among the first 1, 8 and 32. The methods use the same seeds in one
process. `plain x2` is the plain mean with twice the guidance, to see how much of a method's gain is only that. Finished pairs
are kept in FOLDER.
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
from noisewalk.judge.scorer import get_scorer
from noisewalk.run.make import run
from noisewalk.search import suggest
from noisewalk.techniques.anagram import Anagram

SURE = 0.8
OILS = ("an old man", "a campfire"), ("an old man", "a snowy mountain village"), ("a rocket ship", "an old man")
EMOJI = (
    *((*pair, "flip-vertical") for pair in OILS),
    *(
        (a, b, "flip-vertical")
        for a, b in (
            ("a skull", "a mountain"), ("a man wearing a hat", "a rocket ship"), ("a mushroom", "a bell"),
            ("a tree", "a carrot"), ("an umbrella", "a cup"), ("a red heart", "a strawberry"), ("a ghost", "an ice cream"),
        )
    ),
    *(
        (a, b, "rotate180")
        for a, b in (
            ("a cat face", "a flower"), ("a dog face", "a house"), ("a strawberry", "a tree"), ("a penguin", "an owl"),
            ("a fish", "a bird"), ("a smiling face", "a crying face"), ("a lion", "a sunflower"), ("a pizza", "a watermelon"),
            ("a snowman", "a trophy"), ("a castle", "a crown"), ("a butterfly", "a bat"), ("a pig face", "an elephant"),
            ("a red apple", "a pear"), ("a pencil", "a rocket"),
        )
    ),
    *(
        (a, b, "rotate90")
        for a, b in (
            ("a duck", "a rabbit"), ("a rocket", "a fish"), ("a banana", "a crescent moon"), ("a guitar", "a key"),
            ("a bus", "a pencil"), ("a whale", "a tree"),
        )
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """The pairs that are drawn.

    Args:
        pairs: two prompts, and the view of the second.
        guidance_scale: the guidance scale of the plain mean.
    """

    model: str
    pairs: tuple[tuple[str, str, str], ...]
    guidance_scale: float


DIGITS = Subject("digits", tuple((str(a), str(b), "rotate180") for a in range(10) for b in range(a, 10)), 1.3)
SUBJECTS = {"digits": DIGITS, "emoji": Subject("emoji", EMOJI, 3.0)}


@dataclass(frozen=True)
class Method:
    """A way to make an anagram."""

    balance: str = "none"
    reduction: str = "mean"
    guidance: float = 1.0
    num_resamples: int = 1


METHODS = {
    "plain": Method(),
    "auto": Method("auto"),
    "vectors": Method("vectors"),
    "variance": Method("variance"),
    "plain x2": Method(guidance=2.0),
    "auto resampled": Method("auto", num_resamples=2),
    "alternate": Method(reduction="alternate"),
}


def scored(pair: tuple[str, str, str], method: Method, options: argparse.Namespace) -> Tensor:
    """Return A and C of each seed (seeds, 2)."""
    model = noisewalk.load(options.weights or options.model)
    *prompts, view = pair
    spec = Anagram(
        tuple(prompts),
        ("identity", view),
        balance=method.balance,
        reduction=method.reduction,
        num_resamples=method.num_resamples,
        guidance_scale=options.guidance_scale * method.guidance,
        guidance_interval=(),
        step_rule="ddim",
        steps=options.steps,
        num=options.seeds,
    )
    result = run("anagram", spec, model, keep_states=False)
    (panel,) = result.panels
    looks = [sight.look for sight in panel.panel.prompt_views]
    scores = score_illusions(get_scorer("auto", model), result.tensor, looks, spec.prompts)
    return torch.stack([scores.alignment, scores.concealment], dim=1)


def measured(name: str, pairs: tuple[tuple[str, str, str], ...], options: argparse.Namespace) -> Tensor:
    """Return A and C (pairs, seeds, 2); finished pairs are read from the folder."""
    label = f"{options.model}-{name.replace(' ', '-')}-g{options.guidance_scale:g}-s{options.steps}-n{options.seeds}.json"
    path = Path(options.out) / label
    known = json.loads(path.read_text()) if path.exists() else {}
    for pair in pairs:
        key = "|".join(pair)
        if key not in known:
            known[key] = scored(pair, METHODS[name], options).tolist()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".part").write_text(json.dumps(known))
            path.with_suffix(".part").rename(path)
    return torch.tensor([known["|".join(pair)] for pair in pairs])


def share(probabilities: Tensor, first: int) -> float:
    """Return for each pair whether one of the first seeds works."""
    return float((probabilities[:, :first] >= SURE).any(1).float().mean())


def report_shares(scores: Tensor) -> float:
    """Print the table of digits in per cent."""
    probabilities = scores[:, :, 0]
    most = probabilities.shape[1]
    shares = "  ".join(f"{k}: {100 * share(probabilities, k):.1f}" for k in (1, 8, most))
    every = 100 * float((probabilities >= SURE).float().mean())
    print(f"    % of pairs read both ways with probability >= {SURE}, by seeds: {shares}; of all seeds {every:.1f}")
    return share(probabilities, most)


def report(name: str, scores: Tensor) -> None:
    """Return A and C of the seed with the best A."""
    a, c = scores.unbind(2)
    for k in sorted({1, min(8, a.shape[1]), a.shape[1]}):
        best, which = a[:, :k].max(1)
        hidden = c.gather(1, which[:, None])[:, 0]
        print(
            f"{name:10} best of {k:2}: A {best.mean():7.3f} {best.quantile(0.9):7.3f}   "
            f"C {hidden.mean():.3f} {hidden.quantile(0.9):.3f}",
            flush=True,
        )


def table(pairs: tuple[tuple[str, str, str], ...], probabilities: Tensor) -> str:
    best = {pair[:2]: value for pair, value in zip(pairs, probabilities.amax(1).tolist(), strict=True)}
    lines = ["     " + "".join(f"{digit:6}" for digit in range(10))]
    for a in range(10):
        lines.append(f"{a:5}" + "".join(f"{best[str(a), str(b)]:6.2f}" if b >= a else " " * 6 for b in range(10)))
    return "\n".join(lines)


def suggested(pairs: tuple[tuple[str, str, str], ...], scores: Tensor) -> str:
    """Compare the fit that `suggest` gives each pair with the mean A of the pair."""
    model, fits = noisewalk.load("digits"), {}
    for a in range(10):
        for partner in suggest(model, get_scorer("auto", model), str(a)):
            fits[str(a), partner.prompt] = partner.fit
    fit, mean = torch.tensor([fits[a, b] for a, b, _ in pairs]), scores[:, :, 0].mean(1)
    rank = torch.stack([values.argsort().argsort().float() for values in (fit, mean)])
    order, third = fit.argsort(descending=True), len(pairs) // 3
    works = (scores[:, :, 0] >= SURE).any(1).float()
    return (
        f"suggest: rank correlation of its fit with the mean A of {scores.shape[1]} seeds {torch.corrcoef(rank)[0, 1]:.2f}; of "
        f"the third of pairs it likes best {100 * works[order[:third]].mean():.0f} % work, of the third it likes least "
        f"{100 * works[order[-third:]].mean():.0f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder for what is measured")
    parser.add_argument("--model", default="digits", choices=list(SUBJECTS))
    parser.add_argument("--weights", help="a run folder or file, instead of the bundled model of that name")
    parser.add_argument("--seeds", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--guidance-scale", type=float, help="by default 1.3 for digits, 3 for emoji")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--suggest", action="store_true", help="of digits, also hold `noisewalk suggest` against what succeeds")
    options = parser.parse_args()
    subject = SUBJECTS[options.model]
    options.guidance_scale = options.guidance_scale or subject.guidance_scale
    machine = f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads, torch {torch.__version__}, {platform.machine()}"
    print(
        f"{machine}; {options.model}, {len(subject.pairs)} pairs, ddim, {options.steps} steps, guidance "
        f"{options.guidance_scale:g}, seeds 0 to {options.seeds - 1}; A and C of the best by A: mean, 0.9 quantile"
    )
    reached = {}
    for name in options.methods:
        began = time.perf_counter()
        scores = measured(name, subject.pairs, options)
        if subject is DIGITS:
            scores = torch.stack([scores[:, :, 0].exp(), scores[:, :, 1]], 2)
        report(name, scores)
        if subject is DIGITS:
            reached[name] = report_shares(scores)
        print(f"    ({time.perf_counter() - began:.0f} s)", flush=True)
        if subject is DIGITS and options.suggest:
            print(suggested(subject.pairs, scores))
        if subject is DIGITS and name in ("plain", "auto"):
            print(f"{name}: lesser probability of the best of {options.seeds} seeds, upright digit down, turned digit across")
            print(table(subject.pairs, scores[:, :, 0]))
    if {"plain", "auto"} <= set(reached):
        gain = 100 * (reached["auto"] - reached["plain"])
        print(f"\nauto over plain: {gain:+.1f} points (target +15: {'reached' if gain >= 15 else 'missed'})")


if __name__ == "__main__":
    main()
