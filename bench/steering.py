"""Steered walks against the best of as many independent ones: anagrams of digits or emoji, at equal network rows per picture.

    python bench/steering.py --model digits [--walks 16] [--pictures 4] [--scales 1 2 4] [--second FOLDER] [--device cpu]

For each pair of prompts and each method, PICTURES pictures are made, each the best of WALKS walks by the model's own scorer:
`best of` takes independent walks, `steered` copies the promising ones on the way. The mean and the 0.9 quantile over pairs
and pictures of A (the score of the worst way of looking; of digits the probability) and C are printed, by the scorer that
chose and by a second one that did not: for emoji the recipe's second scorer, for digits a classifier that
`noisewalk train classifier --seed 1 --out FOLDER` trained. A gain that only the first one sees is no gain. For digits, also
the share of pictures that are read both ways with probability 0.8 at least. PROCESSES of one thread each share the pairs.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from illusions import EMOJI, SUBJECTS, SURE
from torch import Tensor

import noisewalk
from noisewalk.judge.digits import DigitReader
from noisewalk.judge.illusions import score_illusions
from noisewalk.judge.image_text import load_scorer
from noisewalk.judge.scorer import Scorer, get_scorer
from noisewalk.models.checkpoint import RUN_CHECKPOINT, load_tensors
from noisewalk.models.text.prompts import DigitPrompts
from noisewalk.run.make import run
from noisewalk.techniques.anagram import Anagram

SECOND_EMOJI = Path(__file__).parents[1] / "training/recipes/emoji/second-scorer.safetensors"


@dataclass(frozen=True)
class Method:
    """A way to make a picture from several walks; a scale of None takes the best of independent walks."""

    name: str
    balance: str
    step_rule: str
    scale: float | None = None


@dataclass(frozen=True)
class SecondReader:
    """A scorer by a digit reader with other weights than the bundled one."""

    reader: DigitReader

    @staticmethod
    def of(run_folder: Path) -> SecondReader:
        tensors = load_tensors(run_folder / RUN_CHECKPOINT)[0]
        reader = DigitReader()
        reader.load_state_dict(
            {name.removeprefix("averaged."): x for name, x in tensors.items() if name.startswith("averaged.")}
        )
        return SecondReader(reader.eval())

    @torch.no_grad()
    def score(self, pictures: Tensor, prompts: Sequence[str]) -> Tensor:
        labels = [DigitPrompts().label(prompt) for prompt in prompts]
        logits: Tensor = self.reader(pictures.cpu().clamp(-1, 1))
        return logits.log_softmax(1)[:, labels]


def second_of(model: str, folder: Path | None) -> Scorer | None:
    if model == "emoji":
        return load_scorer(SECOND_EMOJI)
    return None if folder is None else SecondReader.of(folder)


def measured(pair: tuple[str, str, str], method: Method, options: argparse.Namespace) -> Tensor:
    """Return A and C of the chosen pictures by both scorers, (pictures, 2 scorers, 2)."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    model = noisewalk.load(options.model, device=options.device)
    *prompts, view = pair
    asked = {
        "prompts": tuple(prompts),
        "views": ("identity", view),
        "balance": method.balance,
        "step_rule": method.step_rule,
        "guidance_scale": SUBJECTS[options.model].guidance_scale,
        "guidance_interval": (),
        "steps": options.steps,
    }
    if method.scale is None:
        spec = Anagram(**asked, num=options.walks * options.pictures)
    else:
        spec = Anagram(**asked, num=options.pictures, steer=options.walks, steer_scale=method.scale)
    result = run("anagram", spec, model, keep_states=False)
    looks = [view.look for view in result.panels[0].panel.prompt_views]
    first = score_illusions(get_scorer("auto", model), result.tensor, looks, spec.prompts)
    groups = first.alignment.view(options.pictures, -1)
    chosen = groups.argmax(1) + torch.arange(options.pictures) * groups.shape[1]
    rows = [torch.stack([first.alignment, first.concealment], 1)[chosen]]
    second = second_of(options.model, options.second)
    if second is not None:
        scores = score_illusions(second, result.tensor[chosen], looks, spec.prompts)
        rows.append(torch.stack([scores.alignment, scores.concealment], 1))
    return torch.stack(rows, 1)


def report(method: Method, scores: Tensor, options: argparse.Namespace, seconds: float) -> None:
    """Print a line for each scorer; `scores` is (pairs, pictures, scorers, 2)."""
    for number, who in enumerate(("scorer", "second")[: scores.shape[2]]):
        a, c = scores[:, :, number].flatten(0, 1).unbind(1)
        read = ""
        if options.model == "digits":
            a = a.exp()
            works = (scores[:, :, number, 0].exp() >= SURE).float()
            error = works.mean(1).std() / len(works) ** 0.5
            read = f"   read both ways {100 * works.mean():5.1f} +- {100 * error:.1f} %"
        print(
            f"{method.name:28} {who:7} A {a.mean():7.3f} {a.quantile(0.9):7.3f}   C {c.mean():.3f} {c.quantile(0.9):.3f}{read}"
            f"{f'   ({seconds:.0f} s)' if not number else ''}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="digits", choices=list(SUBJECTS))
    parser.add_argument("--walks", type=int, default=16, help="walks per picture")
    parser.add_argument("--pictures", type=int, default=4, help="per pair and method")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0, 2.0, 4.0])
    parser.add_argument("--balances", nargs="+", default=["none", "auto"])
    parser.add_argument("--rules", nargs="+", default=["ddim", "ddim-ancestral"], help="of independent walks")
    parser.add_argument("--second", type=Path, help="of digits: the run folder of another classifier")
    parser.add_argument("--pairs", type=int, default=len(EMOJI) + 25, help="how many of the pairs to try")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    pairs = SUBJECTS[options.model].pairs[: options.pairs]
    methods = [Method(f"best of {options.walks}, {b}, {r}", b, r) for b in options.balances for r in options.rules]
    methods += [Method(f"steered, {b}, scale {s:g}", b, "ddim-ancestral", s) for b in options.balances for s in options.scales]
    print(
        f"{os.cpu_count()} CPUs, torch {torch.__version__}, {platform.machine()}; {options.model}, {len(pairs)} pairs, "
        f"{options.steps} steps, {options.walks} walks per picture, {options.pictures} pictures per pair; mean, 0.9 quantile"
    )
    with ProcessPoolExecutor(options.processes) as pool:
        for method in methods:
            began = time.perf_counter()
            scores = torch.stack(list(pool.map(partial(measured, method=method, options=options), pairs)))
            report(method, scores, options, time.perf_counter() - began)


if __name__ == "__main__":
    main()
