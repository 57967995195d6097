"""Quality against cost: which settings of a walk give the best pictures for their network rows.

    python bench/frontier.py --model digits [--technique generate] [--num 1000] [--rules ddim dpmpp-2m vab] [--steps 10 20]
        [--grids linspace] [--scales 1.3 1.8] [--intervals all 200:800] [--balances auto] [--device cpu] [--processes 1]

For every combination of step rule, number of steps, grid, guidance scale and interval of guidance, NUM pictures are made.
Digits are asked for as often as they are in MNIST, and their quality is the Fréchet distance of the reader's features to the
MNIST test set, beside the share that is read as asked. Emoji are names that the model knows in turn, and their quality is the
share whose own name is the best of 20 by the bundled scorer. Anagrams (also by balance) and hybrids are of the pairs of
`illusions.py`, and their quality is the mean of A; of digits, also the share that is read in both ways with probability 0.8.
Cost is counted: the rows that the network is given per picture. A step under guidance takes two, and others take one. Settings
that no other one beats in both are marked with *: they are the frontier.

Distances of few samples are too large, so compare those of one NUM.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch
from illusions import SUBJECTS, SURE
from torch import Tensor

from noisewalk.judge.digits import digit_features, digit_probabilities
from noisewalk.judge.frechet import Moments, frechet, moments
from noisewalk.judge.illusions import score_illusions
from noisewalk.judge.image_text import load_scorer
from noisewalk.judge.scorer import get_scorer
from noisewalk.models.zoo import Pretrained, load
from noisewalk.run.evaluation import as_often, draw_digits
from noisewalk.run.make import run
from noisewalk.techniques.anagram import Anagram
from noisewalk.techniques.generate import Generate
from noisewalk.techniques.hybrid import Hybrid
from noisewalk.training.data import from_uint8, mnist
from noisewalk.walk import NoiseLevel, Prediction

NAMES, AMONG = 100, 20


@dataclass(eq=False)
class Counted:
    """A model that counts the rows that it is given."""

    model: Callable[..., Prediction]
    rows: int = 0

    def __call__(self, x_t: Tensor, level: NoiseLevel, *cond: Tensor) -> Prediction:
        self.rows += len(x_t)
        return self.model(x_t, level, *cond)


@dataclass(frozen=True)
class Measured:
    """A setting with its cost and quality.

    Args:
        name: the setting.
        rows: network rows per picture.
        loss: what should be small: the Fréchet distance, the share that is not named rightly, or minus A.
        said: its quality in words.
        seconds: how long it took.
    """

    name: str
    rows: float
    loss: float
    said: str
    seconds: float

    def beats(self, other: Measured) -> bool:
        """Whether it is no worse in both, and better in one."""
        return self.rows <= other.rows and self.loss <= other.loss and (self.rows, self.loss) != (other.rows, other.loss)


@cache
def of_test_digits() -> Moments:
    return moments(digit_features(from_uint8(mnist("test").pictures)))


def of_digits(model: Pretrained, walk: dict[str, Any], num: int) -> tuple[float, str, int]:
    """Return the Fréchet distance of digits, what it says, and their number."""
    asked = as_often(mnist("train").labels, num)
    drawn = draw_digits(model, asked, walk)[0].cpu()
    distance = frechet(moments(digit_features(drawn)), of_test_digits())
    read = float((digit_probabilities(drawn).argmax(1) == asked).float().mean())
    return distance, f"Fréchet {distance:.4f}, read as asked {read:.4f}", num


def of_emoji(model: Pretrained, walk: dict[str, Any], num: int) -> tuple[float, str, int]:
    """Return the share of emoji that are not named rightly, what it says, and their number."""
    order = torch.randperm(len(model.card["known"]), generator=torch.Generator().manual_seed(0))
    names = [model.card["known"][i] for i in order[:NAMES].tolist()]
    right = 0
    for i in range(num):
        name = names[i % NAMES]
        others = [names[(i + 1 + k) % NAMES] for k in range(AMONG - 1)]
        result = run("generate", Generate(name, seed=i, **walk), model, keep_states=False)
        right += int(load_scorer().score(result.tensor, [name, *others])[0].argmax()) == 0
    return 1 - right / num, f"named rightly {right / num:.3f}", num


def of_illusions(technique: str, model: Pretrained, walk: dict[str, Any], num: int) -> tuple[float, str, int]:
    """Return minus the mean of A of anagrams or hybrids, what it says, and their number: as many of each pair, at least one."""
    found = []
    for *prompts, view in SUBJECTS[model.name].pairs:
        own = {"seeds": tuple(range(max(1, num // len(SUBJECTS[model.name].pairs)))), **walk}
        spec = Anagram(tuple(prompts), ("identity", view), **own) if technique == "anagram" else Hybrid(*prompts, **own)
        result = run(technique, spec, model, keep_states=False)
        shown = result.panels[0].panel.prompt_views
        scores = score_illusions(
            get_scorer("auto", model), result.tensor, [view.look for view in shown], [view.prompt for view in shown]
        )
        found.append(torch.stack([scores.alignment, scores.concealment], 1))
    a, c = torch.cat(found).unbind(1)
    if model.name == "digits":
        a = a.exp()
        return -float(a.mean()), f"read both ways {(a >= SURE).float().mean():.3f}, A {a.mean():.3f}, C {c.mean():.3f}", len(a)
    return -float(a.mean()), f"A {a.mean():.2f}, C {c.mean():.3f}", len(a)


Quality = Callable[[Pretrained, dict[str, Any], int], tuple[float, str, int]]
QUALITIES: dict[tuple[str, str], Quality] = {
    ("generate", "digits"): of_digits,
    ("generate", "emoji"): of_emoji,
    **{(kind, name): partial(of_illusions, kind) for kind in ("anagram", "hybrid") for name in SUBJECTS},
}


def measure(setting: tuple[str, dict[str, Any]], asked: argparse.Namespace) -> Measured:
    """Measure a setting."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(asked.threads or torch.get_num_threads())
    name, walk = setting
    model, began = load(asked.model, device=asked.device), time.perf_counter()
    counted = Counted(model.model)
    loss, said, num = QUALITIES[asked.technique, asked.model](replace(model, model=counted), walk, asked.num)
    return Measured(name, counted.rows / num, loss, said, time.perf_counter() - began)


def settings(asked: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The walks to compare, by name."""
    made = {}
    axes = (asked.rules, asked.steps, asked.grids, asked.scales, asked.intervals, asked.balances or [""])
    for rule, steps, grid, scale, interval, balance in itertools.product(*axes):
        within = () if interval == "all" else tuple(int(t) for t in interval.split(":"))
        walk = {"step_rule": rule, "steps": steps, "grid": grid, "guidance_scale": scale, "guidance_interval": within}
        name = f"{rule}, {steps} steps, {grid}, guidance {scale:g}, {interval}"
        made[f"{name}, balance {balance}" if balance else name] = walk | ({"balance": balance} if balance else {})
    return made


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", choices=list(SUBJECTS), default="digits")
    parser.add_argument("--technique", choices=("generate", "anagram", "hybrid"), default="generate")
    parser.add_argument("--num", type=int, default=1000)
    parser.add_argument("--rules", nargs="+", default=["ddim", "dpmpp-2m", "vab"])
    parser.add_argument("--steps", nargs="+", type=int, default=[10, 20])
    parser.add_argument("--grids", nargs="+", default=["linspace"])
    parser.add_argument("--scales", nargs="+", type=float, default=[1.3, 1.8])
    parser.add_argument("--intervals", nargs="+", default=["all", "200:800"], help="all, or LOW:HIGH in timesteps")
    parser.add_argument("--balances", nargs="+", help="of anagrams; by default the model's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--processes", type=int, default=1, help="settings that are measured at a time")
    parser.add_argument("--threads", type=int, help="of each process")
    return parser.parse_args()


def main() -> None:
    asked = options()
    print(
        f"{asked.model}, {asked.technique}: {asked.num} pictures per setting, {os.cpu_count()} cores, {asked.device}, ", end=""
    )
    print(f"{asked.processes} processes, torch {torch.__version__}, {platform.processor() or platform.machine()}", flush=True)
    found = []
    with ProcessPoolExecutor(asked.processes) as pool:
        for each in pool.map(partial(measure, asked=asked), settings(asked).items()):
            found.append(each)
            print(f"  {each.name}: {each.rows:.1f} rows, {each.said} ({each.seconds:.0f} s)", flush=True)
    print("by rows per picture; * is on the frontier")
    for each in sorted(found, key=lambda each: (each.rows, each.loss)):
        mark = " " if any(other.beats(each) for other in found) else "*"
        print(f"{mark} {each.rows:5.1f} rows  {each.said}  {each.name}")


if __name__ == "__main__":
    main()
