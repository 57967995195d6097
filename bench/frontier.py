"""Quality against cost: which settings of a walk give the best pictures for their network rows.

    python bench/frontier.py --model digits [--num 1000] [--rules ddim dpmpp-2m vab] [--steps 10 20]
        [--scales 1.3 1.8] [--intervals all 200:800]

For every combination of step rule, number of steps, guidance scale and interval of guidance, NUM pictures are made. Digits are
asked for as often as they are in MNIST, and their quality is the Fréchet distance of the reader's features to the MNIST test
set, beside the share that is read as asked. Emoji are names that the model knows in turn, and their quality is the share whose
own name is the best of 20 by the bundled scorer. Cost is counted: the rows that the network is given per picture. A step under
guidance takes two, and others take one. Settings that no other one beats in both are marked with *: they are the frontier.

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
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from noisewalk.judge.digits import digit_features, digit_probabilities
from noisewalk.judge.frechet import Moments, frechet, moments
from noisewalk.judge.image_text import load_scorer
from noisewalk.models.zoo import Pretrained, load
from noisewalk.run.evaluation import as_often, draw_digits
from noisewalk.run.make import run
from noisewalk.techniques.generate import Generate
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
        loss: what should be small: the Fréchet distance, or the share that is not named rightly.
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


def measure(
    name: str, model: Pretrained, walk: dict[str, Any], quality: Callable[[Pretrained, dict[str, Any]], Any]
) -> Measured:
    counted, began = Counted(model.model), time.perf_counter()
    loss, said, num = quality(replace(model, model=counted), walk)
    return Measured(name, counted.rows / num, loss, said, time.perf_counter() - began)


def of_digits(num: int) -> Callable[[Pretrained, dict[str, Any]], tuple[float, str, int]]:
    asked = as_often(mnist("train").labels, num)
    test: Moments = moments(digit_features(from_uint8(mnist("test").pictures)))

    def quality(model: Pretrained, walk: dict[str, Any]) -> tuple[float, str, int]:
        drawn, _ = draw_digits(model, asked, walk)
        distance = frechet(moments(digit_features(drawn)), test)
        read = float((digit_probabilities(drawn).argmax(1) == asked).float().mean())
        return distance, f"Fréchet {distance:.4f}, read as asked {read:.4f}", num

    return quality


def of_emoji(num: int) -> Callable[[Pretrained, dict[str, Any]], tuple[float, str, int]]:
    scorer = load_scorer()

    def quality(model: Pretrained, walk: dict[str, Any]) -> tuple[float, str, int]:
        order = torch.randperm(len(model.card["known"]), generator=torch.Generator().manual_seed(0))
        names = [model.card["known"][i] for i in order[:NAMES].tolist()]
        right = 0
        for i in range(num):
            name = names[i % NAMES]
            others = [names[(i + 1 + k) % NAMES] for k in range(AMONG - 1)]
            result = run("generate", Generate(name, seed=i, **walk), model, keep_states=False)
            right += int(scorer.score(result.tensor, [name, *others])[0].argmax()) == 0
        return 1 - right / num, f"named rightly {right / num:.3f}", num

    return quality


def settings(asked: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The walks to compare, by name."""
    made = {}
    for rule, steps, scale, interval in itertools.product(asked.rules, asked.steps, asked.scales, asked.intervals):
        within = () if interval == "all" else tuple(int(t) for t in interval.split(":"))
        walk = {"step_rule": rule, "steps": steps, "guidance_scale": scale, "guidance_interval": within}
        made[f"{rule}, {steps} steps, guidance {scale:g}, {interval}"] = walk
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=("digits", "emoji"), default="digits")
    parser.add_argument("--num", type=int, default=1000)
    parser.add_argument("--rules", nargs="+", default=["ddim", "dpmpp-2m", "vab"])
    parser.add_argument("--steps", nargs="+", type=int, default=[10, 20])
    parser.add_argument("--scales", nargs="+", type=float, default=[1.3, 1.8])
    parser.add_argument("--intervals", nargs="+", default=["all", "200:800"], help="all, or LOW:HIGH in timesteps")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load(asked.model)
    quality = (of_digits if asked.model == "digits" else of_emoji)(asked.num)
    print(f"{asked.model}: {asked.num} pictures per setting, {os.cpu_count()} cores, {torch.get_num_threads()} threads,")
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}", flush=True)
    found = []
    for name, walk in settings(asked).items():
        found.append(measure(name, model, walk, quality))
        print(f"  {name}: {found[-1].rows:.1f} rows, {found[-1].said} ({found[-1].seconds:.0f} s)", flush=True)
    print("by rows per picture; * is on the frontier")
    for each in sorted(found, key=lambda each: (each.rows, each.loss)):
        mark = " " if any(other.beats(each) for other in found) else "*"
        print(f"{mark} {each.rows:5.1f} rows  {each.said}  {each.name}")


if __name__ == "__main__":
    main()
