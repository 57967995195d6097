"""A model's digits, drawn and measured."""

from __future__ import annotations

import os
from typing import Any

import torch

from ..errors import UserError
from ..judge.evaluate import Evaluation, evaluate
from ..models.zoo import Pretrained, load
from ..techniques.generate import Generate
from ..training.data import mnist, to_unit
from .result import Watch, make, ready


def evaluate_model(name: str, num: int, walk: dict[str, Any], watch: Watch | None = None) -> str:
    """Draw `num` digits, a tenth of each, and say how good they are, as a table.

    Args:
        name: of a digits model.
        walk: fields of `Generate` to use instead of the model's defaults; None for the default.
    """
    if num < 100 or num % 10:
        raise UserError(f"--num must be a multiple of 10 and at least 100, {num} was asked for")
    model = load(name)
    ready("generate", Generate("0", **walk), model)  # what cannot be drawn is said before the digits are read
    train, test = to_unit(mnist("train").pictures), to_unit(mnist("test").pictures)
    each = num // 10
    drawn = []
    for digit in range(10):
        spec = Generate(str(digit), num=each, seed=digit * each, **walk)

        def part(step: int, steps: int, before: int = digit) -> None:
            if watch:
                watch(before * steps + step, 10 * steps)

        result = make("generate", spec, model, part, keep_states=False)
        drawn.append(result.tensor)
    found = evaluate(torch.cat(drawn), torch.arange(10).repeat_interleave(each), train, test)
    return table(model, result.spec, found)


def network_calls(spec: Any) -> int:
    """Calls of the denoiser a walk makes; guidance is batched into them."""
    return 2 * spec.steps - 1 if spec.step_rule == "heun" else int(spec.steps)


def table(model: Pretrained, spec: Any, found: Evaluation) -> str:
    """An evaluation in lines of text, with what it should be read against and the machine it was made on."""
    how = f"{spec.step_rule}, {spec.steps} steps ({network_calls(spec)} network calls), guidance {spec.guidance_scale:g}"
    machine = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"
    rows = {
        "read as asked": f"{found.agreement:.4f}",
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
