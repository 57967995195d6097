"""How well two, three and four prompts go together under each view: a table of anagrams by view.

    python bench/views.py --model digits [--groups 20] [--seeds 8] [--steps 10] [--processes 2] [--device cpu]

For each view, and each set of three or four views, GROUPS groups of prompts are drawn in 10 steps, with the model's other
defaults and the seeds 0 to SEEDS - 1. Two prompts are GROUPS of the pairs of `illusions.py`, drawn at random, of digits only
pairs of different ones. Three and four prompts are drawn at random from the prompts of these pairs. The table has the mean
over groups of A (the score of the worst way of looking; of digits the probability) and C of the seed with the best A, and for
digits the share of groups of which that seed is read in all views with probability 0.8 at least. PROCESSES of one thread share
the groups.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import torch
from illusions import SUBJECTS, SURE
from torch import Tensor

import noisewalk
from noisewalk.guidance.views import VIEWS
from noisewalk.judge.illusions import score_illusions
from noisewalk.judge.scorer import get_scorer
from noisewalk.run.make import run
from noisewalk.techniques.anagram import Anagram

FLIPS = ("identity", "flip-horizontal", "flip-vertical")
QUARTERS = ("identity", "rotate90", "rotate180", "rotate270")
SEVERAL = (QUARTERS[:3], FLIPS, ("identity", "rotate180", "negate"), QUARTERS, (*FLIPS, "rotate180"))
Group = tuple[tuple[str, ...], tuple[str, ...]]
"""Prompts, and the view of each."""


def view_sets(model: str) -> list[tuple[str, ...]]:
    """Return all views of pictures of the model, each beside the picture itself, and the sets of several."""
    grey = model == "digits"
    single = [name for name in VIEWS if name != "identity" and not (grey and name.startswith("colour"))]
    return [*(("identity", name) for name in single), *SEVERAL]


def groups(model: str, views: tuple[str, ...], count: int) -> list[Group]:
    """Return `count` groups of prompts for the views; the same for every set of as many views."""
    chance = random.Random(len(views))
    pairs = [tuple(prompts) for *prompts, _ in SUBJECTS[model].pairs if len(set(prompts)) == 2]
    if len(views) == 2:
        return [(prompts, views) for prompts in chance.sample(pairs, min(count, len(pairs)))]
    prompts = sorted({prompt for pair in pairs for prompt in pair})
    return [(tuple(chance.sample(prompts, len(views))), views) for _ in range(count)]


def best(group: Group, options: argparse.Namespace) -> Tensor:
    """Return A and C of the seed with the best A, (2,)."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    model = noisewalk.load(options.model, device=options.device)
    prompts, views = group
    result = run("anagram", Anagram(prompts, views, num=options.seeds, steps=options.steps), model, keep_states=False)
    looks = [view.look for view in result.panels[0].panel.prompt_views]
    scores = score_illusions(get_scorer("auto", model), result.tensor, looks, prompts)
    return torch.stack([scores.alignment, scores.concealment], 1)[scores.alignment.argmax()]


def row(views: Sequence[str], found: Tensor, model: str) -> str:
    """Return a row of the table; `found` is (groups, 2)."""
    a, c = found.unbind(1)
    name = ", ".join(views[1:])
    if model == "digits":
        a = a.exp()
        works = (a >= SURE).float()
        error = works.std() / len(works) ** 0.5
        return f"| {name} | {a.mean():.2f} | {c.mean():.2f} | {100 * works.mean():.0f} ± {100 * error:.0f} % |"
    return f"| {name} | {a.mean():.1f} | {c.mean():.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="digits", choices=list(SUBJECTS))
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} CPUs, {options.device}, torch {torch.__version__}, {platform.machine()}; {options.model}, "
        f"{options.steps} steps, {options.groups} groups of prompts, best of {options.seeds} seeds"
    )
    read = " read in all views |" if options.model == "digits" else ""
    print(f"| views, beside the picture itself | A | C |{read}\n|---|---|---|{'---|' if read else ''}")
    with ProcessPoolExecutor(options.processes) as pool:
        for views in view_sets(options.model):
            each = pool.map(partial(best, options=options), groups(options.model, views, options.groups))
            print(row(views, torch.stack(list(each)), options.model), flush=True)


if __name__ == "__main__":
    main()
