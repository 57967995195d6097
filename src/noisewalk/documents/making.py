"""Making the figure of a command: its pictures, captions and numbers, and the data of its sliders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
from torch import Tensor

from ..commands import Job
from ..images import Picture, encode_png, to_image
from ..models.precision import dtype_name
from ..models.pretrained import Pretrained
from ..report.figures import spread
from ..run.film import film
from ..run.film import save as save_film
from ..run.make import Done, Stepped, make, run
from ..run.prepare import prepare
from ..run.result import Result
from ..techniques.as_json import to_json
from ..techniques.requests import Anagram, Hybrid, seeds
from ..techniques.stages import Clock, Prepared
from ..version import __version__
from .captions import caption
from .frames import LOSSLESS, MOST, Frames, animation, strip, webp
from .illusions import turn
from .store import FORMAT, Cell, Compare, Figure, Row, Strip, find, keep
from .tables import psnr_table, score_tables

FractionDone = Callable[[float], None]
"""A function that is called with the part of a command that is done, from 0 to 1."""
COSTLY = frozenset({"film", "filmstrip", "scores", "slider"})
"""What a figure contains only if the fence asks for it."""
MOST_PLAYED = 6
"""The most interactive illusions and comparisons of one command."""
OVER_T = tuple(range(60, 960, 90))
"""The timesteps of a slider over t."""


def key(job: Job, prepared: Prepared[Any], extras: frozenset[str]) -> str:
    """Return the name of a figure's folder, a digest of all that it depends on: request, pictures, weights and version."""
    kept: list[str] = []

    def digest(data: bytes) -> str:
        kept.append(hashlib.sha256(data).hexdigest())
        return kept[-1]

    weights = [(stage.model.name, stage.model.identity, dtype_name(stage.model.compute_dtype)) for stage in prepared.stages]
    marks = [bool(job.loading.get(name)) for name in ("watermark", "safety_checker")]
    dependencies = (
        FORMAT,
        __version__,
        job.technique,
        to_json(prepared.record, digest),
        weights,
        marks,
        sorted(extras & COSTLY),
        job.show_t,
    )
    return hashlib.sha256(msgspec.json.encode(dependencies, enc_hook=str)).hexdigest()[:24]


def figure_of(job: Job, model: Pretrained, extras: frozenset[str], figures: Path, watch: FractionDone) -> tuple[Figure, Path]:
    """Return the figure of a command and its folder; a figure that was made before is used again.

    Args:
        job: the command.
        model: its model.
        extras: what the fence asks for.
        figures: the folder of all figures.
        watch: a function that is called with the part that is done, from 0 to 1.
    """
    prepared = prepare(job.request, model)
    folder = figures / key(job, prepared, extras)
    found = find(folder)
    if found is None:
        found = _make(job, prepared, model, extras, folder, watch)
    return found, folder


def _make(
    job: Job, prepared: Prepared[Any], model: Pretrained, extras: frozenset[str], folder: Path, watch: FractionDone
) -> Figure:
    result, frames = _walked(job, prepared, model, watch)
    saved = result.save(folder)
    files: dict[str, bytes] = {}
    figure = Figure(caption(job), _notes(result), (*_rows(result, files), *_before_upsampling(result, frames, files)))
    figure = msgspec.structs.replace(figure, **_walks(frames, job.show_t, files, extras), **_played(result, figure, files))
    if "film" in extras and job.technique in ("anagram", "hybrid"):
        picture = next(file for file in saved if file.name != "figure.png")
        figure = msgspec.structs.replace(figure, films=(_illusion_film(picture, folder),))
    tables = [
        *([psnr_table(result)] if job.technique == "denoise" else []),
        *(score_tables(result) if "scores" in extras else []),
    ]
    figure = msgspec.structs.replace(figure, tables=tuple(tables))
    if "slider" in extras and job.technique in ("forward", "denoise"):
        figure = msgspec.structs.replace(figure, strips=(_over_t(job, model, files), *figure.strips))
    keep(folder, figure, files)
    return figure


def _walked(job: Job, prepared: Prepared[Any], model: Pretrained, watch: FractionDone) -> tuple[Result, list[Frames]]:
    """Run a job, and return its result and some states of the first picture of every walk."""
    clocks = [Clock(stage.model) for stage in prepared.stages]
    frames: dict[str, Frames] = {}
    with closing(make(job.technique, job.request, model, keep_states=False)) as events:
        for event in events:
            if isinstance(event, Stepped):
                watch(event.done / event.total)
                if event.panel.is_output and event.panel.steps > 1:
                    name = f"{event.panel.row} {event.panel.label}"
                    kept = frames.get(name) or frames.setdefault(name, Frames(event.panel, clocks[0], bool(job.show_t)))
                    if kept.steps < event.panel.steps:
                        kept.add(event, clocks[event.stage - 1])
            elif isinstance(event, Done):
                return event.result, list(frames.values())
    raise AssertionError("the stream of events ended without a result")


def _notes(result: Result) -> str:
    """Return a sentence that says what was done to the input pictures."""
    values = vars(result.request).values()
    notes = [f"{value.name}: {'; '.join(value.notes)}" for value in values if isinstance(value, Picture) and value.notes]
    return ". ".join(notes) + ("." if notes else "")


def _rows(result: Result, files: dict[str, bytes]) -> tuple[Row, ...]:
    """Return the rows of the figure, each with its seed; the pictures of a single panel stand in one row."""
    chosen, rows = seeds(result.request), list[Row]()
    for number in sorted({walked.panel.row for walked in result.panels}):
        panels = [walked for walked in result.shown if walked.panel.row == number]
        given = [look for walked in panels if not walked.is_output for look in walked.captioned]
        whole = [("the whole picture", walked.x) for walked in panels if walked.is_output and result.technique == "factorize"]
        made = whole + [look for walked in panels if walked.is_output for look in walked.captioned]
        if len(made) == 1 and not given and len(chosen) > 1:
            label, x = made[0]
            cells = [_cell(f"seed {seed}", x[i], f"{result.technique} {label}", files) for i, seed in enumerate(chosen)]
            rows.append(Row("", tuple(cells)))
            continue
        first = [_cell(label, x[0], result.technique, files) for label, x in given]
        if len(chosen) > 1 and first:
            rows.append(Row("given", tuple(first)))
            first = []
        for i, seed in enumerate(chosen):
            cells = [_cell(label, x[i], f"{result.technique}, seed {seed}", files) for label, x in made]
            rows.append(Row(f"seed {seed}", (*first, *cells)))
    return tuple(rows)


def _before_upsampling(result: Result, frames: Sequence[Frames], files: dict[str, bytes]) -> list[Row]:
    """Return rows with the pictures of a cascade before its last upsampling stage."""
    rows, chosen = [], seeds(result.request)
    for kept in frames:
        if kept.low is not None:
            size = f"{kept.low.shape[-1]}x{kept.low.shape[-2]}"
            cells = [
                _cell(f"seed {seed}", x, f"{kept.panel.label} at {size}", files)
                for seed, x in zip(chosen, kept.low, strict=False)
            ]
            rows.append(Row(f"{kept.panel.label}, as it was before the upsampling, {size}", tuple(cells)))
    return rows


def _cell(label: str, x: Tensor, what: str, files: dict[str, bytes]) -> Cell:
    image = to_image(x)
    small = max(image.size) <= 2 * LOSSLESS
    name = f"picture-{len(files)}.{'png' if small else 'webp'}"
    files[name] = encode_png(image) if small else webp(image, False)
    return Cell(label, f"{what}: {label}", name)


def _walks(frames: Sequence[Frames], times: Sequence[int], files: dict[str, bytes], extras: frozenset[str]) -> dict[str, Any]:
    """Return sliders over the steps and, if the fence asks for them, filmstrips and animations."""
    strips, states, films = [], [], []
    for number, kept in enumerate(frames):
        made, data = kept.strip(f"walk-{number}.webp", kept.panel.label)
        strips.append(made)
        files[made.file] = data
        for which in ("x_t", "x0") if "filmstrip" in extras else ():
            cells = []
            for i, shown in enumerate(kept.at(times)):
                name = f"state-{number}-{which}-{i}.png"
                files[name] = encode_png(shown.x_t if which == "x_t" else shown.x0)
                cells.append(Cell(f"t = {shown.t}", f"{which} after step {shown.step} of {kept.panel.label}", name))
            states.append(Row(which if len(frames) == 1 else f"{kept.panel.label}: {which}", tuple(cells)))
        if "film" in extras:
            names = (f"film-{number}.webp", f"film-{number}-end.png")
            files[names[0]] = animation([kept.shown[i].x0 for i in spread(len(kept.shown), MOST)])
            files[names[1]] = encode_png(kept.shown[-1].x0)
            films.append(tuple(Cell(kept.panel.label, f"the walk to {kept.panel.label}, as x0", name) for name in names))
    return {"strips": tuple(strips), "states": tuple(states), "films": tuple(films)}


def _played(result: Result, figure: Figure, files: dict[str, bytes]) -> dict[str, Any]:
    """Return the interactive parts of the figure: anagrams, hybrids and comparisons."""
    chosen = seeds(result.request)[:MOST_PLAYED]
    outputs = [walked for walked in result.shown if walked.is_output]
    if isinstance(result.request, Anagram):
        turns, asked = [], result.request
        for i, seed in enumerate(chosen):
            made, data = turn(f"turn-{i}", f"seed {seed}", outputs[0].x[i], list(asked.views), list(asked.prompts))
            turns.append(made)
            files |= data
        return {"turns": tuple(turns)}
    if isinstance(result.request, Hybrid):
        prompts = f"{result.request.near} / {result.request.far}"
        return {"distances": tuple(_cell(prompts, outputs[0].x[i], f"seed {seed}", files) for i, seed in enumerate(chosen))}
    if result.technique in ("edit", "inpaint", "inverse"):
        before = result.panels[0].panel.captioned(result.panels[0].x)[0][1][0]
        after = [
            _cell(f"{w.label}, seed {seed}", w.x[i], result.technique, files) for w in outputs for i, seed in enumerate(chosen)
        ]
        return {"compares": (Compare(_cell("before", before, result.technique, files).file, tuple(after)),)}
    return {}


def _illusion_film(picture: Path, folder: Path) -> tuple[Cell, Cell]:
    """Save the film of an illusion, and return it with its first picture."""
    save_film(film(picture), folder / "film.webp")
    return Cell("", "the illusion as it is looked at", "film.webp"), Cell("", "the illusion", picture.name)


def _over_t(job: Job, model: Pretrained, files: dict[str, bytes]) -> Strip:
    """Return a slider over t: the same request at more noise levels."""
    result = run(job.technique, replace(cast(Any, job.request), t=OVER_T, num=1, seeds=()), model, keep_states=False)
    if job.technique == "forward":
        columns = [[walked.x] for walked in result.panels if walked.is_output]
        names = ["x_t"]
    else:
        rows = [[w for w in result.panels if w.panel.row == row][1:] for row in range(len(OVER_T))]
        columns = [[walked.x for walked in row] for row in rows]
        names = [walked.label.split(", ")[0 if i == 0 else 1] for i, walked in enumerate(rows[0])]
        names[0] = "x_t"
    images = [[to_image(x[0]) for x in column] for column in columns]
    made, files["over-t.webp"] = strip("over-t.webp", "over t", names, [f"t = {t}" for t in OVER_T], images)
    return made
