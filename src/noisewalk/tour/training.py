"""The second part of the tour: the trainings of part B, from runs that come with the package, and a small one made live."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch

from ..files import write_atomic
from ..report.page import Section, Shown, render
from ..run.evaluation import evaluate_model
from ..run.make import Watch
from ..run.run_page import level_curve, loss_curve
from ..run.training import RunSpec, train_into
from ..training.data import has_official_mnist
from ..training.records import LEVELS, METRICS, read_levels, read_metrics
from ..version import __version__
from .equations import DDPM, FLOW

RUNS = Path(str(files("noisewalk") / "runs"))
"""What is shown of the runs that come with the package: their specs, metrics and samples, without weights."""


PICTURES_SEEN = 30_000
"""In the training that is made live: after so many, digits show."""


@dataclass(frozen=True)
class Training:
    """A training of part B.

    Args:
        name: its folder in `RUNS`.
        title, idea, equation: see `Section`.
        command: what makes the run.
    """

    name: str
    title: str
    idea: str
    equation: str
    command: str


TRAININGS = (
    Training(
        "denoiser",
        "A one-step denoiser",
        "One network, one level of noise (σ = 0.5 on pictures in [0, 1]): the best guess of the clean digit. "
        "Shown other levels than it was trained on, it does worse the farther away they are.",
        "L = E || D(x + σ ε) − x ||²",
        "train denoiser --dtype bfloat16 --out runs/denoiser",
    ),
    Training(
        "pure-noise",
        "A denoiser of pure noise",
        "Trained on noise that hides everything, the best guess is the same whatever the noise: the mean digit.",
        "D(ε) → E[x<sub>0</sub>]",
        "train pure-noise --dtype bfloat16 --out runs/pure-noise",
    ),
    Training(
        "flow",
        "Flow matching",
        "Told the time, one network answers for every level, and can be walked.",
        FLOW,
        "train flow --recipe course --dtype bfloat16 --out runs/flow",
    ),
    Training(
        "flow-classes",
        "Flow matching, told the digit",
        "The label is dropped for one picture in ten, so that the same network knows digits with and without it: guidance.",
        FLOW,
        "train flow --classes --recipe course --out runs/flow-classes",
    ),
    Training(
        "ddpm",
        "DDPM",
        "The same with 300 levels of the variance-preserving path, and the noise as target.",
        DDPM,
        "train ddpm --recipe course --dtype bfloat16 --out runs/ddpm",
    ),
    Training(
        "ddpm-classes",
        "DDPM, told the digit",
        "And with labels.",
        DDPM,
        "train ddpm --classes --recipe course --dtype bfloat16 --out runs/ddpm-classes",
    ),
    Training(
        "fast",
        "The fast recipe",
        "A network that works at half the resolution, noise levels where they matter, averaged weights, a cosine decay: after "
        "three passes over the digits it draws about as well as the course's recipe after ten, and each pass is far quicker.",
        FLOW,
        "train flow --classes --epochs 3 --batch-size 64 --out runs/fast",
    ),
)


def tour_training(folder: Path, minutes: float, watch: Watch) -> Path:
    """Write the page into `folder` and return it.

    Args:
        minutes: to train the small run for.
        watch: told (parts done, parts in all).
    """
    parts: list[Callable[[], Section]] = [lambda t=t: _shown(t) for t in TRAININGS]  # type: ignore[misc]
    parts.append(lambda: _live(folder / "run", minutes))
    sections = []
    for done, part in enumerate(parts):
        watch(done, len(parts))
        sections.append(part())
    lead = (
        "Every training of part B. The long ones are shown as they went, from runs that come with noisewalk; the command under "
        "each makes it again. The last was trained just now."
    )
    footer = f"noisewalk {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads."
    page = folder / "index.html"
    write_atomic(page, render("A tour of noisewalk: training", lead, sections, footer).encode())
    watch(len(parts), len(parts))
    return page


def _shown(training: Training) -> Section:
    made = shown(RUNS / training.name, f"noisewalk {training.command}")
    return Section(training.title, training.idea, training.equation, made)


def images(run: Path) -> Iterator[tuple[str, bytes]]:
    """The pictures of a run by title: its loss, its loss by noise level, and what it drew."""
    yield "loss curve", loss_curve({"": run})
    if by_level := read_levels(run / LEVELS):
        yield "loss by noise level", level_curve(by_level)
    for noising in sorted(run.glob("samples/*-noising.png"))[:1]:  # the same at every epoch
        yield "noising", noising.read_bytes()
    drawn = [file for file in sorted(run.glob("samples/*.png")) if not file.stem.endswith("-noising")]
    for file in drawn + sorted(run.glob("samples/*.gif")) + sorted(run.glob("evaluation*.png")):
        yield file.stem.replace("-", " "), file.read_bytes()


def shown(run: Path, command: str) -> list[Shown]:
    """A run's command and pictures, how far it went, and what was measured of it."""
    rows = read_metrics(run / METRICS)  # none yet of a run stopped before its 50th step
    reached = f"{rows[-1]['step']} steps, loss {rows[-1]['loss']:.4f}; " if rows else ""
    how = f"{reached}samples by epoch, always from the same noise."
    note = run / "note.txt"
    made = [Shown("", [image], image[0]) for image in images(run)]
    made.append(Shown(command, [], f"{how} {note.read_text().strip() if note.exists() else ''}".strip()))
    if (measured := run / "evaluation.txt").exists():
        made.append(Shown(measured.read_text().strip(), []))
    return made


def _live(run: Path, minutes: float) -> Section:
    small = not has_official_mnist()
    passes = PICTURES_SEEN / (5_000 if small else 60_000)
    spec = RunSpec("flow", data="mnist-sample" if small else "mnist", classes=True, epochs=passes, batch_size=64)
    said = train_into(run, spec, minutes, "auto")
    evaluate_model(str(run), 100, {}, out=run)
    asked = f"noisewalk train flow --classes --data {spec.data} --epochs {passes:g} --batch-size 64 --out"
    command = shlex.join([*asked.split(), str(run)])
    which = "the 5,000 digits that come with noisewalk" if small else "the 60,000 digits of MNIST"
    idea = f"{passes:g} passes over {which} ({minutes:g} minutes at most). {said.split(': ')[-1].split(';')[0]}."
    return Section("Trained just now", idea, FLOW, shown(run, command))
