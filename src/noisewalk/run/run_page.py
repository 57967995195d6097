"""The page of a training run: its loss, its samples by epoch, and the figures of the one-step denoiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..files import check_file, write_atomic
from ..models.zoo import Pretrained
from ..report.curves import curves
from ..report.figures import contact, gif, sheet
from ..report.page import Section, Shown, render
from ..techniques.denoise import psnr
from ..techniques.generate import Generate
from ..training.data import from_uint8, mnist
from ..training.records import LEVELS, METRICS, Levels, read_levels, read_metrics
from ..walk.noise import NoiseLevel, SeededNoise, add_noise
from .make import run
from .spec import read_spec

SIGMAS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
"""The noise, on pictures in [0, 1], on which the denoiser is tested; it is trained only on 0.5."""

SAMPLE_NOTE = " (the 5,000 digits that come with noisewalk; MNIST has 60,000)"


def write(folder: Path, spec: dict[str, Any], skipped: Sequence[str] = ()) -> Path:
    """Write report.html into the folder of a run, and return its path.

    Args:
        folder: the folder.
        spec: the request of the run.
        skipped: the pictures that were left out, and why.
    """
    asked = ", ".join(f"{k} {v}" for k, v in spec.items() if v is not None)
    asked += SAMPLE_NOTE if spec.get("data") == "mnist-sample" else ""
    page = folder / "report.html"
    write_atomic(page, render(f"Training run {folder.name}", asked, sections(folder, skipped), "noisewalk").encode())
    return page


def sections(folder: Path, skipped: Sequence[str] = ()) -> list[Section]:
    """Return the sections of a run's page: loss, loss by level, pictures left out, measures and samples."""
    made = [
        Section(
            "Loss",
            "Each point is the mean since the point before it; the points are closer together at the start.",
            [Shown("", [("loss curve", loss_curve({"": folder}))])],
        )
    ]
    if by_level := read_levels(folder / LEVELS):
        whose = "held-out" if by_level[-1]["held_out"] else "training"
        idea = f"The loss of the averaged weights, on the same {whose} pictures and noise: t = 0 is the picture, 1 is noise."
        made.append(Section("Loss by noise level", idea, [Shown("", [("loss by noise level", level_curve(by_level))])]))
    if skipped:
        listed = "; ".join(skipped[:5]) + ("; …" if len(skipped) > 5 else "")
        made.append(Section("Left out", f"{len(skipped)} pictures could not be used: {listed}", []))
    if (measured := folder / "evaluation.txt").exists():
        nearest = [("samples and their nearest training digits", file.read_bytes()) for file in folder.glob("evaluation-*.png")]
        idea = "Below each sample stands the training digit nearest to it. If the two are the same, the sample is a copy."
        made.append(Section("Measured", idea, [Shown(measured.read_text().strip(), nearest)]))
    drawn = sorted((folder / "samples").glob("*.png")) + sorted((folder / "samples").glob("*.gif"))
    if drawn:
        shown = [Shown("", [(file.stem, file.read_bytes())], file.stem.replace("-", " ")) for file in drawn]
        made.append(Section("Samples by epoch", "All start from the same noise, and use the averaged weights.", shown))
    return made


def compare(folders: Sequence[Path], page: Path) -> Path:
    """Write a page of several runs, with their losses in one figure and their samples, and return its path.

    Args:
        folders: the folders of the runs.
        page: the .html file to write.

    Raises:
        UserError: a folder is not a run, or the page cannot be written.
    """
    check_file(page, "a comparison", ".html")
    specs = {str(folder): asdict(read_spec(folder)) for folder in folders}
    first = next(iter(specs.values()))
    differ = sorted({k for spec in specs.values() for k in spec if spec.get(k) != first.get(k)})
    made = [Section("Loss", "", [Shown("", [("loss curves", loss_curve({str(folder): folder for folder in folders}))])])]
    for folder in folders:
        asked = ", ".join(f"{k} {specs[str(folder)].get(k)}" for k in differ) or "the same as the first"
        drawn = sorted((folder / "samples").glob("*.png"))
        shown = [Shown("", [(file.stem, file.read_bytes())], file.stem.replace("-", " ")) for file in drawn]
        made.append(Section(str(folder), f"{asked}.", shown))
    lead = f"{len(folders)} runs that differ in {', '.join(differ) or 'nothing'}."
    write_atomic(page, render("Training runs compared", lead, made, "noisewalk").encode())
    return page


def level_curve(rows: Sequence[Levels]) -> bytes:
    """Return a PNG of the loss by noise level, with a curve for each line of levels.jsonl."""
    named = {row["at"].replace("-", " "): (row["t"], row["loss"]) for row in rows}
    return curves(named, "t", "loss", marker="o")


def loss_curve(runs: Mapping[str, Path]) -> bytes:
    """Return a PNG of the losses of runs over their steps."""
    rows = {name: read_metrics(folder / METRICS) for name, folder in runs.items()}
    marker = "o" if max((len(of) for of in rows.values()), default=0) < 40 else ""  # a line of one point is invisible
    points = {name: ([r["step"] for r in of], [r["loss"] for r in of]) for name, of in rows.items()}
    return curves(points, "step", "loss", marker=marker)


def samples(model: Pretrained, labels: Sequence[str], each: int = 4) -> dict[str, Image.Image]:
    """Return a sheet of samples with the model's own defaults: `each` of every label, or 40 if there are no labels."""
    if not labels:
        return {"samples": contact(run("generate", Generate("", num=40), model, keep_states=False).tensor, 10)}
    drawn = [run("generate", Generate(label, num=each), model, keep_states=False).tensor for label in labels]
    return {"samples": contact(torch.stack(drawn, 1).flatten(0, 1), len(labels))}


def generation(model: Pretrained, label: str) -> bytes:
    """Return a GIF of a walk, with x_t beside x0."""
    return gif(run("generate", Generate(label), model).states)


def denoising(model: Pretrained) -> dict[str, Image.Image]:
    """Return the figures of the one-step denoiser on the first test digits.

    They show the noising process, and the output of the denoiser at every level of noise (it is trained only on sigma 0.5).
    """
    digits = from_uint8(mnist("test").pictures[:4])
    noisy, clean = [], []
    for sigma in SIGMAS:
        level, x_t = noised(digits, sigma)
        noisy.append((f"sigma {sigma:g}", x_t))
        x0 = one_step(model, x_t, level)
        clean.append((f"sigma {sigma:g}, {psnr(x0, digits):.1f} dB", x0))
    return {"noising": sheet([noisy], 112), "denoised": sheet([clean], 112)}


def means(model: Pretrained) -> dict[str, Image.Image]:
    """Return a figure of the output of a network that is trained on pure noise, beside the mean of the training set."""
    pure, mean, apart = pure_noise(model, from_uint8(mnist("train").pictures))
    return {"pure-noise": sheet([[("of pure noise", pure), (f"mean digit, {apart:.4f} rms apart", mean[:1])]], 112)}


def noised(digits: Tensor, sigma: float, seed: int = 0) -> tuple[NoiseLevel, Tensor]:
    """Add noise to digits: its standard deviation is sigma on pictures in [0, 1], which is 2 sigma on [-1, 1]."""
    level = NoiseLevel(torch.ones((), dtype=torch.float64), torch.full((), 2 * sigma, dtype=torch.float64))
    return level, add_noise(digits, level, SeededNoise(range(seed, seed + len(digits))))


def one_step(model: Pretrained, x_t: Tensor, level: NoiseLevel) -> Tensor:
    """Return the output of the one-step denoiser; the network has no input for the level, so sigma may be 0."""
    tiny = NoiseLevel(level.alpha, level.sigma.clamp(min=0.01))
    with torch.no_grad():
        return model.bind("")(x_t, tiny).x0


def pure_noise(model: Pretrained, train: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return the output for pure noise, the mean of the training set, and their root mean square difference in [0, 1]."""
    level = NoiseLevel(torch.zeros((), dtype=torch.float64), torch.full((), 2.0, dtype=torch.float64))
    x = level.sigma * SeededNoise(range(4))(torch.empty(4, *model.shape))
    with torch.no_grad():
        answer = model.bind("")(x, level).x0
    mean = train.mean(0, keepdim=True).expand_as(answer)
    return answer, mean, float((answer - mean).square().mean().sqrt() / 2)
