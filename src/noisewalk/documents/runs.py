"""The figures of training runs: the loss, the samples by epoch, and the measures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files as package_files
from pathlib import Path

import msgspec

from ..errors import UserError, unknown
from ..run.evaluation import evaluate_model
from ..run.run_page import level_curve, loss_curve
from ..run.spec import read_spec, settled
from ..run.training import train_into
from ..training.records import LEVELS, METRICS, read_levels, read_metrics
from .making import FractionDone
from .reading import Training
from .store import Cell, Figure, Row, Table, keep

BUNDLED = Path(str(package_files("noisewalk") / "runs"))
"""The runs that come with the package: their specs, metrics and samples, without weights."""


WITHOUT_PICTURES = (
    "This copy of noisewalk, as a wheel installs it, holds the numbers of this run and not the pictures that it drew; "
    "they are in the source tree, in src/noisewalk/runs."
)


def place(training: Training, runs: Path) -> Path:
    """Return the folder of a run; every request has a folder of its own."""
    encoded = msgspec.json.encode(asdict(settled(training.spec)))
    return runs / f"{training.spec.objective}-{hashlib.sha256(encoded).hexdigest()[:12]}"


def bundled(name: str, training: Training) -> Path:
    """Return the folder of a run that comes with the package.

    Raises:
        UserError: there is no such run, or another command made it.
    """
    known = sorted(path.parent.name for path in BUNDLED.glob("*/spec.json"))
    if name not in known:
        raise unknown("bundled run", name, known)
    before, now = asdict(read_spec(BUNDLED / name)), asdict(training.spec)
    differ = [f"{key} was {before[key]}, is {value}" for key, value in now.items() if before[key] != value]
    if differ:
        raise UserError(f"the bundled run '{name}' was made by another command: {'; '.join(differ)}")
    return BUNDLED / name


def trained(training: Training, folder: Path, evaluate: int, watch: FractionDone) -> None:
    """Train a run to its end or for its minutes, and then measure it, if `evaluate` is not 0."""
    train_into(folder, training.spec, training.minutes, training.device, lambda done, total: watch(0.9 * done / total))
    if evaluate and not (folder / "evaluation.txt").exists():
        evaluate_model(str(folder), evaluate, {}, lambda done, total: watch(0.9 + 0.1 * done / total), folder)


def figure_of(run: Path, into: Path, compared: bool = False) -> Figure:
    """Return the figure of a run, and copy its files into a folder.

    Args:
        run: the folder of the run.
        into: the folder of the figure.
        compared: whether its losses and samples are left out, because they stand beside those of other runs.
    """
    names: dict[str, bytes] = {}

    def cell(caption: str, data: bytes, alt: str = "") -> Cell:
        name = f"run-{len(names)}.{'gif' if data[:3] == b'GIF' else 'png'}"
        names[name] = data
        return Cell(caption, alt or caption, name)

    rows = read_metrics(run / METRICS)  # none yet of a run that was stopped before its 50th step
    reached = f"{rows[-1]['step']} steps, loss {rows[-1]['loss']:.4f}. " if rows else ""
    note = (run / "note.txt").read_text().strip() if (run / "note.txt").exists() else ""
    if run.parent == BUNDLED and not list(run.glob("samples/*")):
        note = f"{note} {WITHOUT_PICTURES}".strip()
    losses = [
        cell("loss", loss_curve({"": run}), f"loss by step; at the end {rows[-1]['loss']:.4f}" if rows else "loss by step")
    ]
    if by_level := read_levels(run / LEVELS):
        losses.append(cell("loss by noise level", level_curve(by_level)))
    noising = [cell("noising", file.read_bytes()) for file in sorted(run.glob("samples/*-noising.png"))[:1]]
    sheets = [] if compared else _sheets(run)
    samples = [cell(_epoch(file.stem), file.read_bytes(), f"what it draws: {_epoch(file.stem)}") for file in sheets]
    films = [cell(_epoch(file.stem), file.read_bytes()) for file in sorted(run.glob("samples/*.gif"))[-1:]]
    nearest = [
        cell("samples, and below each the training digit nearest to it", f.read_bytes())
        for f in sorted(run.glob("evaluation*.png"))
    ]
    measured = run / "evaluation.txt"
    figure = Figure(
        "",
        f"{reached}{note}".strip(),
        rows=tuple(Row("", tuple(some)) for some in (noising, samples, films, nearest) if some),
        losses=() if compared else tuple(losses),
        tables=(_table(measured.read_text()),) if measured.exists() else (),
    )
    keep(into, figure, names)
    return figure


def compared(named: Mapping[str, Path], into: Path) -> Figure:
    """Return the losses of several runs as one figure, a curve for each, and their samples by epoch, a row for each.

    Args:
        named: the folders of the runs, by the names of their curves and rows.
        into: the folder of the figure.
    """
    ends = {name: read_metrics(run / METRICS)[-1:] for name, run in named.items()}
    said = "; ".join(f"{name}: {row['loss']:.4f} after {row['step']} steps" for name, rows in ends.items() for row in rows)
    files, rows = {"losses.png": loss_curve(named)}, list[Row]()
    for name, run in named.items():
        cells = []
        for sheet in _sheets(run):
            file = f"samples-{len(files)}.png"
            files[file] = sheet.read_bytes()
            cells.append(Cell(_epoch(sheet.stem), f"what it draws, {name}: {_epoch(sheet.stem)}", file))
        rows.append(Row(name, tuple(cells)))
    figure = Figure("The runs compared", rows=tuple(rows), losses=(Cell("", f"loss by step, {said}", "losses.png"),))
    keep(into, figure, files)
    return figure


def _sheets(run: Path) -> list[Path]:
    """Return the pictures that a run drew, by epoch."""
    return [file for file in sorted(run.glob("samples/*.png")) if not file.stem.endswith("-noising")]


def _epoch(stem: str) -> str:
    return stem.replace("-", " ").replace("epoch 0", "epoch ")


def _table(text: str) -> Table:
    """Return the output of `noisewalk evaluate` as a table."""
    lines = [line for line in text.splitlines() if line.strip()]
    cut = [(line[:36].strip(), line[36:].strip()) for line in lines if not line.startswith("<")]
    return Table(("measured", ""), tuple(row for row in cut if row[0]))
