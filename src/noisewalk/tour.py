"""The tour: every experiment of part A, run once from the very command lines it shows."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from .commands import parse_technique
from .files import slug, write_atomic
from .images import encode_png, to_image
from .judge.illusions import score_illusions
from .judge.scorer import DigitScorer, Scorer, get_scorer
from .models.precision import type_name
from .models.zoo import Pretrained, load
from .report.page import Section, Shown, render
from .report.result import Result, Watch, make
from .version import __version__

PICTURES = Path(str(files("noisewalk") / "pictures"))
Run = Callable[[str], Result]


@dataclass(frozen=True)
class Stop:
    """An experiment of the tour.

    Args:
        title, idea, equation: see `Section`.
        commands: technique command lines; `{inputs}` stands for the folder of the tour's input pictures.
        trajectory: also show the walk of the first command.
    """

    title: str
    idea: str
    equation: str
    commands: Sequence[str]
    trajectory: bool = False


@dataclass(frozen=True)
class Hunt:
    """Illusions, of each of which the best of some seeds is looked for by the model's scorer.

    Args:
        title, idea, equation: see `Section`.
        commands: technique command lines without a seed.
        keep: how many of them to show, of different prompts: those that succeeded best.
        seeds: how many to try of each.
    """

    title: str
    idea: str
    equation: str
    commands: Sequence[str]
    keep: int
    seeds: int


def tour(
    folder: Path, model_name: str, watch: Watch, seed: int = 180, upsample: int = 0, loading: Mapping[str, Any] | None = None
) -> Path:
    """Run everything, write the page and the pictures into `folder`, and return the page.

    Args:
        watch: told (parts done, parts in all).
        seed, upsample: of the course's experiments, which a text model is shown with; the digits have their own.
        loading: options of `load`.
    """
    model = load(model_name, **(loading or {}))
    inputs = folder / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    for picture in sorted(PICTURES.glob("*.png")):
        shutil.copyfile(picture, inputs / picture.name)
    stops, hunts = _experiments(model, inputs, seed, upsample)
    parts: list[Callable[[], Section]] = [partial(_section, stop, folder, model) for stop in stops]
    parts += [partial(_hunt, hunt, folder, model) for hunt in hunts]
    sections = []
    for done, part in enumerate(parts):
        watch(done, len(parts))
        sections.append(part())
    page = folder / "index.html"
    lead = (
        f"Every experiment below was run just now by the command under it, on the model “{model_name}” "
        f"({'×'.join(map(str, model.shape))} pixels, weights {model.fingerprint}, {type_name(model.computes)})."
    )
    footer = f"noisewalk {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads."
    write_atomic(page, render("A tour of noisewalk", lead, sections, footer).encode())
    watch(len(parts), len(parts))
    return page


def _experiments(model: Pretrained, inputs: Path, seed: int, upsample: int) -> tuple[Sequence[Stop], Sequence[Hunt]]:
    """Those for the kind of model."""
    from . import tour_course, tour_digits, tour_emoji

    if model.parts is not None:
        tour_course.write_mask(inputs)
        return tour_course.course_stops(seed, upsample if model.upscaler else 0), ()
    if model.shape[0] == 1:
        return tour_digits.STOPS, tour_digits.HUNTS
    return (*tour_emoji.STOPS, *([tour_emoji.UPSAMPLED] if model.upscaler else ())), tour_emoji.HUNTS


def _section(stop: Stop, folder: Path, model: Pretrained) -> Section:
    shown = []
    for i, command in enumerate(stop.commands):
        result, line = _run(command.format(inputs=folder / "inputs"), model)
        images = [("figure", encode_png(result.figure))]
        saved = result.save(folder / slug(stop.title) / str(i + 1), trajectory=stop.trajectory and i == 0)
        images += [(f.name, f.read_bytes()) for f in saved if f.name.startswith("trajectory")]
        shown.append(Shown(line, images))
    return Section(stop.title, stop.idea, stop.equation, shown)


def _run(command: str, model: Pretrained) -> tuple[Result, str]:
    job = parse_technique(command)
    named = [] if job.model == model.name else ["--model", model.name]  # where the prompts alone would choose another
    if model.upscalers and getattr(job.spec, "upsample", None):
        named += ["--upscaler", *model.upscalers]
    return make(job.verb, job.spec, model), " ".join([f"noisewalk {command}", *map(shlex.quote, named)])


def _hunt(hunt: Hunt, folder: Path, model: Pretrained) -> Section:
    """Try the seeds, and show the surest of each illusion, surest first."""
    scorer = get_scorer("auto", model)
    best: dict[tuple[str, ...], tuple[str, str]] = {}
    for _, prompts, command, said in sorted((_surest(c, hunt.seeds, model, scorer) for c in hunt.commands), reverse=True):
        best.setdefault(prompts, (command, said))
    shown = []
    for i, (command, said) in enumerate(list(best.values())[: hunt.keep]):
        result, line = _run(command, model)
        result.save(folder / slug(hunt.title) / str(i + 1), trajectory=i == 0)
        images = [("figure", encode_png(result.figure))]
        if result.verb == "hybrid":
            said = f"Large, and small as from far away. {said}"
            small = to_image(result.tensor[0])
            images.append(("far away", encode_png(small.resize((28, 28), Image.Resampling.LANCZOS))))
        shown.append(Shown(line, images, said))
    idea = f"{hunt.idea} Of {hunt.seeds} seeds each, the surest is shown, for the surest {hunt.keep} of {len(best)} pairs."
    return Section(hunt.title, idea, hunt.equation, shown)


def _surest(command: str, seeds: int, model: Pretrained, scorer: Scorer) -> tuple[float, tuple[str, ...], str, str]:
    """Of the best seed: its alignment, the prompts, the command, and what the scorer says of it."""
    result, _ = _run(f"{command} --num {seeds}", model)
    sights = next(walked.panel.sights for walked in result.panels if walked.outcome)
    prompts = tuple(sight.prompt for sight in sights)
    scores = score_illusions(scorer, result.tensor, [sight.look for sight in sights], prompts)
    sure, seed = scores.alignment.max(0)
    if isinstance(scorer, DigitScorer):
        said = f"Read as {' and '.join(prompts)} by the digit reader, with probability at least {float(sure.exp()):.2f} each."
    else:
        hidden = float(scores.concealment[seed])
        said = f"Of {' and '.join(prompts)}, the scorer finds each in its own place with concealment C = {hidden:.2f}."
    return float(sure), prompts, f"{command} --seed {int(seed)}", said
