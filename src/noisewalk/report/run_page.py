"""The page of a training run: its loss, what it drew by epoch, and the figures of the one-step denoiser."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..files import write_atomic
from ..models.zoo import Pretrained
from ..techniques.denoise import psnr
from ..techniques.generate import Generate
from ..training.data import mnist, to_unit
from ..walk.noise import NoiseLevel, SeededNoise, add_noise
from .figures import contact, gif, sheet
from .page import Section, Shown, render
from .result import make

SIGMAS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Noise on pictures in [0, 1] that the denoiser is tried on; it is trained on 0.5 alone."""


def write(folder: Path, spec: dict[str, Any], skipped: Sequence[str] = ()) -> Path:
    """Write `folder`/report.html from what is in the folder."""
    rows = read_metrics(folder / "metrics.jsonl")
    asked = ", ".join(f"{k} {v}" for k, v in spec.items() if v is not None)
    sections = [
        Section("Loss", f"Mean of every 50 steps. The run: {asked}.", "", [Shown("", [("loss curve", loss_curve(rows))])])
    ]
    if skipped:
        listed = "; ".join(skipped[:5]) + ("; …" if len(skipped) > 5 else "")
        sections.append(Section("Left out", f"{len(skipped)} pictures could not be used: {listed}", "", []))
    drawn = sorted((folder / "samples").glob("*.png")) + sorted((folder / "samples").glob("*.gif"))
    if drawn:
        shown = [Shown("", [(file.stem, file.read_bytes())], file.stem.replace("-", " ")) for file in drawn]
        sections.append(Section("What it draws, by epoch", "Always from the same noise, by the averaged weights.", "", shown))
    page = folder / "report.html"
    write_atomic(page, render(f"Training run {folder.name}", asked, sections, "noisewalk").encode())
    return page


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of metrics.jsonl; a last line cut short by a killed process is left out, and steps done twice count once."""
    rows: dict[float, dict[str, float]] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                row = json.loads(line)
                rows[row["step"]] = row
            except (json.JSONDecodeError, KeyError, TypeError):
                continue
    return [rows[step] for step in sorted(rows)]


def loss_curve(rows: Sequence[dict[str, float]]) -> bytes:
    """A PNG of the loss over the steps, the loss on a logarithmic scale."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UserError("the report of a run needs matplotlib: pip install 'noisewalk[train]'") from error
    figure = Figure(figsize=(8, 3.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.plot([row["step"] for row in rows], [row["loss"] for row in rows], linewidth=1)
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def samples(model: Pretrained, labels: Sequence[str], each: int = 4) -> dict[str, Image.Image]:
    """Samples under the model's own defaults: `each` of every label, or 40 of any."""
    if not labels:
        return {"samples": contact(make("generate", Generate("", num=40), model, keep_states=False).tensor, 10)}
    drawn = [make("generate", Generate(label, num=each), model, keep_states=False).tensor for label in labels]
    return {"samples": contact(torch.stack(drawn, 1).flatten(0, 1), len(labels))}


def generation(model: Pretrained, label: str) -> bytes:
    """A GIF of a walk, x_t beside x0."""
    return gif(make("generate", Generate(label), model).states)


def denoising(model: Pretrained) -> dict[str, Image.Image]:
    """The figures of the one-step denoiser on the first test digits: the noising process, and what it makes of every level
    of noise (it is trained on sigma 0.5 alone)."""
    digits = to_unit(mnist("test").pictures[:4])
    noisy, clean = [], []
    for sigma in SIGMAS:
        level, x_t = noised(digits, sigma)
        noisy.append((f"sigma {sigma:g}", x_t))
        x0 = one_step(model, x_t, level)
        clean.append((f"sigma {sigma:g}, {psnr(x0, digits):.1f} dB", x0))
    return {"noising": sheet([noisy], 112), "denoised": sheet([clean], 112)}


def means(model: Pretrained) -> dict[str, Image.Image]:
    """What a network trained on pure noise makes of it, beside the mean of the training set."""
    pure, mean, apart = pure_noise(model, to_unit(mnist("train").pictures))
    return {"pure-noise": sheet([[("of pure noise", pure), (f"mean digit, {apart:.4f} rms apart", mean[:1])]], 112)}


def noised(digits: Tensor, sigma: float, seed: int = 0) -> tuple[NoiseLevel, Tensor]:
    """Digits with noise of deviation sigma on pictures in [0, 1], which is 2 sigma on [-1, 1]."""
    level = NoiseLevel(torch.ones((), dtype=torch.float64), torch.full((), 2 * sigma, dtype=torch.float64))
    return level, add_noise(digits, level, SeededNoise(range(seed, seed + len(digits))))


def one_step(model: Pretrained, x_t: Tensor, level: NoiseLevel) -> Tensor:
    """The network's answer; it has no input for the level, so noise of none at all is no special case."""
    tiny = NoiseLevel(level.alpha, level.sigma.clamp(min=0.01))
    with torch.no_grad():
        return model.bind("")(x_t, tiny).x0


def pure_noise(model: Pretrained, train: Tensor) -> tuple[Tensor, Tensor, float]:
    """What the network makes of pure noise, the mean of the training set, and their root mean square difference in [0, 1]."""
    level = NoiseLevel(torch.zeros((), dtype=torch.float64), torch.full((), 2.0, dtype=torch.float64))
    x = level.sigma * SeededNoise(range(4))(torch.empty(4, *model.shape))
    with torch.no_grad():
        answer = model.bind("")(x, level).x0
    mean = train.mean(0, keepdim=True).expand_as(answer)
    return answer, mean, float((answer - mean).square().mean().sqrt() / 2)
