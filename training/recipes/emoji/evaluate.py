"""Measure the scorers on real pictures, and a model's drawings by them: python evaluate.py --model runs/emoji."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any, Literal

import torch
from pictures.captions import SILHOUETTES
from pictures.dataset import World, select
from pictures.evaluate import copies, distance, drawn, picked, questions
from rich.progress import track
from torch import Tensor

from noisewalk.files import write_atomic
from noisewalk.images import encode_png, to_image
from noisewalk.judge.image_text import BUNDLED, ImageTextScorer, load_scorer
from noisewalk.models.zoo import Pretrained, load
from noisewalk.training.data import from_uint8

SECOND = Path(__file__).parent / "second-scorer.safetensors"


def main(
    model: str = "",
    scorer: Path = BUNDLED,
    second: Path = SECOND,
    num: int = 500,
    held_out: int = 200,
    steps: int | None = None,
    guidance_scale: float | None = None,
    out: Path = Path("evaluation"),
    threads: int = 1,
    min_styles: int = World.min_styles,
    silhouettes: Literal["none", "named", "all"] = World.silhouettes,
) -> None:
    """Write OUT/evaluation.json and, for a model, OUT/nearest.png (16 samples above their nearest training pictures).

    Args:
        model: a run folder, a .safetensors file or a bundled model; without one, only the scorers are measured.
        scorer: the bundled scorer, or the folder of a run.
        second: a scorer with another seed and architecture.
        num: the number of prompts from trained (concept, style) pairs.
        held_out: the number of prompts from held-out pairs.
        steps: the steps of a walk; the default is the model's.
        guidance_scale: the guidance scale; the default is the model's.
        out: the folder to write.
        threads: the threads of PyTorch.
        min_styles: see `World`.
        silhouettes: see `World`.
    """
    torch.set_num_threads(threads)
    world = World(min_styles, silhouettes)
    found = load(model) if model else None
    size = found.shape[-1] if found else 32
    train, train_rows = select(size, world)
    rest, rest_rows = select(size, world, "held out")
    real, unseen = from_uint8(train), from_uint8(rest)
    chosen = random.Random(0).sample(range(len(train_rows)), min(num, len(train_rows)))
    asked = questions([train_rows[i] for i in chosen], train_rows, seed=1)
    asked_unseen = questions(rest_rows, train_rows, seed=2)
    scorers = {name: load_scorer(path) for name, path in (("scorer", scorer), ("second", second)) if path.exists()}
    report: dict[str, Any] = {"machine": f"{os.cpu_count()} cores, {threads} threads, torch {torch.__version__}"}
    for name, each in scorers.items():
        report[f"{name}: trained pictures, right among 20"] = share(each, real[chosen], asked)
        report[f"{name}: held-out pictures, right among 20"] = share(each, unseen, asked_unseen)
    if found:
        pictures = _measure(found, scorers, (real, unseen), (asked, asked_unseen[:held_out]), (steps, guidance_scale), report)
        nearest = copies(pictures, real, unseen)
        report["near-copies"] = nearest.near
        write_atomic(out / "nearest.png", encode_png(to_image(_pairs(pictures[:16], real[nearest.rows[:16]]))))
    write_atomic(out / "evaluation.json", (json.dumps(report, indent=2) + "\n").encode())
    for name, value in report.items():
        print(f"{name:56}{value if isinstance(value, str) else f'{value:.4f}'}")


def share(scorer: ImageTextScorer, pictures: Tensor, asked: Any) -> float:
    """Return the share of questions that are answered correctly."""
    return float(picked(scorer, pictures, asked).float().mean())


def _measure(
    model: Pretrained, scorers: dict[str, ImageTextScorer], real: Any, asked: Any, walk: Any, report: dict[str, Any]
) -> Tensor:
    """Fill the report of a model, and return its drawings of the trained pairs at its default guidance."""
    train, unseen = real
    steps = walk[0] or model.defaults.steps
    guidance = walk[1] or model.defaults.guidance_scale
    report["how"] = f"{model}, {model.defaults.step_rule}, {steps} steps, guidance {guidance:g}"

    def sheet(questions: Any, scale: float, what: str) -> Tensor:
        prompts = [q.captions[0] for q in questions]
        parts = drawn(model, prompts, scale, steps)
        return torch.cat(list(track(parts, f"{what}, guidance {scale:g}", -(-len(prompts) // 32))))

    known, new = sheet(asked[0], guidance, "trained pairs"), sheet(asked[1], guidance, "held-out pairs")
    plain = sheet(asked[0][: len(unseen)], 1.0, "trained pairs")
    for name, each in scorers.items():
        for what, pictures, about in (("trained", known, asked[0]), ("held-out", new, asked[1])):
            right = picked(each, pictures, about)
            dark = torch.tensor([question.row["style"] == SILHOUETTES for question in about])
            for which, kind in ((right, ""), (right[~dark], ", in colour"), (right[dark], ", silhouettes")):
                if len(which):
                    report[f"{name}: drawings of {what} pairs{kind}"] = float(which.float().mean())
    judge, count = scorers["scorer"], len(unseen)
    some = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:count]]
    report[f"Fréchet distance of {count}, guidance 1"] = distance(judge, plain, unseen)
    report[f"Fréchet distance of {count}, guidance {guidance:g}"] = distance(judge, known[:count], unseen)
    report[f"  of {count} training pictures"] = distance(judge, some, unseen)
    return known


def _pairs(drawn: Tensor, nearest: Tensor) -> Tensor:
    return torch.cat([torch.cat(list(drawn), 2), torch.cat(list(nearest), 2)], 1)


if __name__ == "__main__":
    from _edge import edge

    edge(main)
