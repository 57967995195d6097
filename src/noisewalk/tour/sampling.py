"""The tour: every experiment of part A, run once from the very command lines it shows."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ..commands import parse_technique
from ..errors import UserError
from ..files import slug, write_atomic
from ..images import encode_png, to_image
from ..judge.illusions import score_illusions
from ..judge.scorer import DigitScorer, Scorer, get_scorer
from ..models.precision import type_name
from ..models.zoo import Pretrained, load
from ..report.page import Section, Shown, render
from ..run.make import Watch, run
from ..run.result import Result
from ..version import __version__
from . import course, digits, emoji
from .experiments import PICTURES, Hunt, Stop


def tour(
    folder: Path,
    model_name: str,
    watch: Watch,
    seed: int = 180,
    upsample: int | None = None,
    loading: Mapping[str, Any] | None = None,
) -> Path:
    """Run everything, write the page and the pictures into `folder`, and return the page.

    Args:
        watch: told (parts done, parts in all).
        seed: of the course's experiments, which a diffusers model is shown with; emoji and digits have their own.
        upsample: upsampling stages after those; None is one, if the model has an upscaler.
        loading: options of `load`.

    Raises:
        UserError: `upsample` is negative, or given for a model that is not shown with the course's experiments.
    """
    model = load(model_name, **(loading or {}))
    stops, hunts = _experiments(model, seed, upsample)
    inputs = folder / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    for picture in sorted(PICTURES.glob("*.png")):
        shutil.copyfile(picture, inputs / picture.name)
    course.write_mask(inputs)
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


def _experiments(model: Pretrained, seed: int, upsample: int | None) -> tuple[Sequence[Stop], Sequence[Hunt]]:
    """Those for the kind of model."""
    if model.parts is not None:
        stages = int(model.upscaler is not None) if upsample is None else upsample
        if stages < 0:
            raise UserError(f"--upsample must not be negative, {stages} was asked for")
        return course.course_stops(seed, stages), ()
    if upsample is not None:
        raise UserError(f"the tour of '{model.name}' chooses what it upsamples; leave out --upsample")
    if model.shape[0] == 1:
        return digits.STOPS, digits.HUNTS
    return (*emoji.STOPS, *([emoji.UPSAMPLED] if model.upscaler else ())), emoji.HUNTS


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
    return run(job.verb, job.spec, model), " ".join([f"noisewalk {command}", *map(shlex.quote, named)])


def surest(hunt: Hunt, model: Pretrained) -> list[tuple[str, str]]:
    """The best seed of each pair of prompts, surest first: its command, and what the model's scorer says of it."""
    scorer = get_scorer("auto", model)
    best: dict[tuple[str, ...], tuple[str, str]] = {}
    for _, prompts, command, said in sorted((_surest(c, hunt.seeds, model, scorer) for c in hunt.commands), reverse=True):
        best.setdefault(prompts, (command, said))
    return list(best.values())


def _hunt(hunt: Hunt, folder: Path, model: Pretrained) -> Section:
    found = surest(hunt, model)
    shown = []
    for i, (command, said) in enumerate(found[: hunt.keep]):
        result, line = _run(command, model)
        result.save(folder / slug(hunt.title) / str(i + 1), trajectory=i == 0)
        images = [("figure", encode_png(result.figure))]
        if result.verb == "hybrid":
            said = f"Large, and small as from far away. {said}"
            small = to_image(result.tensor[0])
            images.append(("far away", encode_png(small.resize((28, 28), Image.Resampling.LANCZOS))))
        shown.append(Shown(line, images, said))
    idea = f"{hunt.idea} Of {hunt.seeds} seeds each, the surest is shown, for the surest {hunt.keep} of {len(found)} pairs."
    return Section(hunt.title, idea, hunt.equation, shown)


def _surest(command: str, seeds: int, model: Pretrained, scorer: Scorer) -> tuple[float, tuple[str, ...], str, str]:
    """Of the best seed: its alignment, the prompts, the command, and what the scorer says of it."""
    result, _ = _run(f"{command} --num {seeds}", model)
    views = next(walked.panel.prompt_views for walked in result.panels if walked.outcome)
    prompts = tuple(sight.prompt for sight in views)
    scores = score_illusions(scorer, result.tensor, [sight.look for sight in views], prompts)
    sure, seed = scores.alignment.max(0)
    if isinstance(scorer, DigitScorer):
        said = f"Read as {' and '.join(prompts)} by the digit reader, with probability at least {float(sure.exp()):.2f} each."
    else:
        hidden = float(scores.concealment[seed])
        said = f"Of {' and '.join(prompts)}, the scorer finds each in its own place with concealment C = {hidden:.2f}."
    return float(sure), prompts, f"{command} --seed {int(seed)}", said
