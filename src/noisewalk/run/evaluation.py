"""Generating digits with a model, and measuring them."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..files import write_atomic
from ..images import encode_png
from ..judge.evaluate import Evaluation, evaluate_digits
from ..lock import held
from ..models.text.prompts import LabelPrompts
from ..models.zoo import Pretrained, load
from ..report.figures import sheet
from ..techniques.generate import Generate
from ..techniques.requests import Walk
from ..training.data import from_uint8, mnist, mnist_sample
from . import run_page
from . import spec as spec_file
from .make import Progress, run
from .prepare import prepare


def evaluate_model(name: str, num: int, walk: dict[str, Any], watch: Progress | None = None, out: Path | None = None) -> str:
    """Generate digits, each as often as it is in the training set, and return their measures as a table.

    Args:
        name: the name of a digits model.
        num: the number of digits, at least 100.
        walk: fields of `Generate` to use instead of the model's defaults; None stands for the default.
        watch: a function that is called with (steps done, steps in all).
        out: a folder for the table and a picture of the samples nearest to training digits.

    Raises:
        UserError: it is not a digits model, or `num` is below 100.
    """
    if out is None:
        return _evaluated(name, num, walk, watch, out)
    with held(out, "noisewalk evaluate"):
        return _evaluated(name, num, walk, watch, out)


def _evaluated(name: str, num: int, walk: dict[str, Any], watch: Progress | None, out: Path | None) -> str:
    if num < 100:
        raise UserError(f"--num must be at least 100, but {num} was asked for")
    model = load(name)
    if model.shape != (1, 28, 28):
        shape = "x".join(map(str, model.shape))
        raise UserError(f"evaluate measures digits of 1x28x28, but '{name}' makes pictures of {shape}; choose a digits model")
    prepare(Generate("0" if conditional(model) else "", **walk), model)  # raises errors before the digits are read
    sampled = trained_on_sample(Path(name))
    digits, held_out = (mnist_sample("train"), mnist_sample("test")) if sampled else (mnist("train"), mnist("test"))
    train, test = from_uint8(digits.pictures), from_uint8(held_out.pictures)
    asked = as_often(digits.labels, num)
    drawn, request = draw_digits(model, asked, walk, watch)
    found = evaluate_digits(drawn, asked if conditional(model) else None, train, test)
    text = table(model, request, found) + "\n" + measured_on(sampled, len(train), len(test))
    if out:
        write_atomic(out / "evaluation.txt", (text + "\n").encode())
        write_atomic(out / "evaluation-nearest.png", encode_png(nearest_pairs(drawn, train, found)))
        if (out / spec_file.NAME).exists():
            run_page.write(out, asdict(spec_file.read_spec(out)))
    return text


def trained_on_sample(run: Path) -> bool:
    """Return whether a run saw only the digits that come with noisewalk; its samples can be copies of no other digits."""
    return (run / spec_file.NAME).is_file() and spec_file.read_spec(run).data == "mnist-sample"


def measured_on(sampled: bool, train: int, test: int) -> str:
    """Say how many real digits the measures compare with, and whether the run was trained on the same digits."""
    text = f"measured against {train:,} training and {test:,} test digits"
    text += "" if train == 60_000 else ", which is a part of MNIST: measures against all of it are different"
    return f"{text}; trained on the same {train:,} digits, which come with noisewalk" if sampled else text


def as_often(labels: Tensor, num: int) -> Tensor:
    """Return (num,) sorted labels, each with the share that it has among `labels` (by largest remainders).

    The same number of each digit would be another distribution than MNIST's, in which 11 % are ones and 9 % are fives: 10,000
    real training digits, 1,000 of each, have twice the Fréchet distance to the test set (.0107 to .0113) of 10,000 random ones
    (.0053 to .0063).

    Args:
        labels: (N,) the labels of real digits.
        num: the number of labels to return.

    >>> as_often(torch.tensor([0, 0, 0, 1, 2, 2]), 4)
    tensor([0, 0, 1, 2])
    """
    exact = torch.bincount(labels) * num / len(labels)
    counts = exact.floor().long()
    counts[(exact - counts).argsort(descending=True, stable=True)[: num - int(counts.sum())]] += 1
    return torch.arange(len(counts)).repeat_interleave(counts)


def draw_digits(
    model: Pretrained, asked: Tensor, walk: dict[str, Any], watch: Progress | None = None
) -> tuple[Tensor, Generate]:
    """Generate digits with the seeds 0 to N - 1.

    Args:
        model: the model; without classes it makes any digits.
        asked: (N,) the digits to generate, sorted.
        walk: fields of `Generate`.
        watch: a function that is called with (steps done, steps in all).

    Returns:
        (N, 1, 28, 28) in [-1, 1], and the request of the last ones.
    """
    drawn, done = [], 0
    for digit, num in enumerate(torch.bincount(asked).tolist()):
        prompt = str(digit) if conditional(model) else ""

        def part(step: int, steps: int, before: int = done, num: int = num) -> None:
            if watch:
                watch(before * steps + num * step, len(asked) * steps)

        if num:
            result = run("generate", Generate(prompt, num=num, seed=done, **walk), model, part, keep_states=False)
            drawn.append(result.tensor)
            done += num
    assert isinstance(result.request, Generate)
    return torch.cat(drawn), result.request


def conditional(model: Pretrained) -> bool:
    """Return whether the model can generate a given digit."""
    return not (isinstance(model.encode, LabelPrompts) and not model.encode.names)


def nearest_pairs(drawn: Tensor, train: Tensor, found: Evaluation, count: int = 16) -> Image.Image:
    """Draw the generated digits that are nearest to a training digit, above those digits, with the distance."""
    rows = found.nearest.argsort()[:count]
    pairs = [(f"rms {found.nearest[i]:.3f}", torch.stack([drawn[i], train[found.nearest_rows[i]]])) for i in rows]
    return sheet([pairs], 84, 8)


def network_calls(request: Walk) -> int:
    """Return the number of network calls of a walk; guidance is batched into them."""
    steps = request.steps or 0
    return 2 * steps - 1 if request.step_rule == "heun" else steps


def table(model: Pretrained, request: Walk, found: Evaluation) -> str:
    """Return an evaluation as lines of text, with the measures of real digits for comparison and the machine."""
    how = f"{request.step_rule}, {request.steps} steps ({network_calls(request)} network calls)"
    how += f", guidance {request.guidance_scale:g}"
    how += f" from {request.guidance_interval[0]} to {request.guidance_interval[1]}" if request.guidance_interval else ""
    machine = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"
    rows = {
        "read as asked": "-" if found.agreement is None else f"{found.agreement:.4f}",
        "Fréchet distance to the test set": f"{found.distance:.4f}",
        "  all training digits to it": f"{found.real_distance:.4f}   ratio {found.distance / found.real_distance:.2f}",
        "  as many training digits to it": f"{found.alike_distance:.4f}   ratio {found.distance / found.alike_distance:.2f}"
        " (the same bias of a small set)",
        "nearest training digit, median rms": f"{found.nearest.median():.4f}   (test digits {found.nearest_real.median():.4f})",
        "nearer than 99 % of test digits": f"{found.copies:.4f}   (0.01 if no sample is a copy)",
        "share of each digit read": " ".join(f"{share:.3f}" for share in found.per_digit),
    }
    lines = [f"{model}: {found.count} samples, {how}", machine, *(f"{name:36}{value}" for name, value in rows.items())]
    return "\n".join(lines)
