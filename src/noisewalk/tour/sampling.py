"""The tour: every experiment of part A, run once from the very command lines it shows."""

from __future__ import annotations

import html
import shlex
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from ..commands import Job, parse_technique
from ..errors import UserError
from ..files import slug
from ..images import encode_png, to_image
from ..judge.illusions import score_illusions
from ..judge.reliability import verdict
from ..judge.scorer import Scorer, get_scorer
from ..lock import held
from ..models.precision import dtype_name
from ..models.zoo import Pretrained, load
from ..report.page import Shown
from ..requests import CascadeLoading
from ..run.make import Watch, run
from ..run.result import Result
from . import course, digits, emoji
from .experiments import PICTURES, Hunt, Stop
from .page import Part, write_page


def tour(
    folder: Path,
    model_name: str,
    watch: Watch,
    seed: int | None = None,
    upsample: int | None = None,
    loading: Mapping[str, Any] | None = None,
) -> Path:
    """Run everything, write the page and the pictures into `folder`, and return the page.

    Args:
        watch: told (parts done, parts in all).
        seed: of the course's experiments, which a diffusers model is shown with (180 if None); emoji and digits have their own.
        upsample: upsampling stages after those; None is one, if the model has an upscaler.
        loading: options of `load`.

    Raises:
        UserError: `upsample` is negative; `seed` or `upsample` is given for a model that is not shown with the course's
            experiments; or experiments failed, which are named (the page with all others is written then).
    """
    model = load(model_name, **(loading or {}))
    stops, hunts = _experiments(model, seed, upsample)
    with held(folder, "noisewalk tour"):
        inputs = folder / "inputs"
        inputs.mkdir(parents=True, exist_ok=True)
        for picture in sorted(PICTURES.glob("*.png")):
            shutil.copyfile(picture, inputs / picture.name)
        course.write_mask(inputs)
        flags = _flags(loading or {})
        parts = [_part(stop, folder, model, flags) for stop in stops] + [_hunt(hunt, folder, model, flags) for hunt in hunts]
        lead = (
            f"Every experiment below was run just now by the command under it, on the model “{html.escape(model_name)}” "
            f"({'×'.join(map(str, model.shape))} pixels, weights {model.fingerprint}, {dtype_name(model.compute_dtype)})."
        )
        return write_page(folder / "index.html", "A tour of noisewalk", lead, parts, watch)


def _flags(loading: Mapping[str, Any]) -> list[str]:
    """How the model is loaded, as one types it; the upscalers are named where they are used."""
    words: list[str] = []
    for name, value in CascadeLoading(**loading).changed().items():
        if name != "upscaler":
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return words


def _experiments(model: Pretrained, seed: int | None, upsample: int | None) -> tuple[Sequence[Stop], Sequence[Hunt]]:
    """Those for the kind of model."""
    if model.parts is not None:
        stages = int(model.upscaler is not None) if upsample is None else upsample
        if stages < 0:
            raise UserError(f"--upsample must not be negative, {stages} was asked for")
        return course.course_stops(180 if seed is None else seed, stages), ()
    if seed is not None:
        raise UserError(f"the tour of '{model.name}' has seeds of its own; leave out --seed, {seed} was asked for")
    if upsample is not None:
        raise UserError(f"the tour of '{model.name}' chooses what it upsamples; leave out --upsample")
    if model.shape[0] == 1:
        return digits.STOPS, digits.HUNTS
    return (*emoji.STOPS, *([emoji.UPSAMPLED] if model.upscaler else ())), emoji.HUNTS


def _part(stop: Stop, folder: Path, model: Pretrained, flags: Sequence[str]) -> Part:
    def shown(number: int, command: str) -> list[Shown]:
        job, result, line = _run(command.format(inputs=folder / "inputs"), model, flags)
        images = [("figure", encode_png(result.figure))]
        saved = result.save(folder / slug(stop.title) / str(number), trajectory=job.trajectory)
        images += [(f.name, f.read_bytes()) for f in saved if f.name.startswith("trajectory")]
        return [Shown(line, images)]

    makers = [(f"noisewalk {command}", partial(shown, i, command)) for i, command in enumerate(stop.commands, 1)]
    return Part(stop.title, stop.idea, stop.equation, makers)


def _run(command: str, model: Pretrained, flags: Sequence[str] = ()) -> tuple[Job, Result, str]:
    """What a command makes, and the command line that makes exactly that again."""
    job = parse_technique(command)
    named = [] if job.model == model.name else ["--model", model.name]  # where the prompts alone would choose another
    if model.upscalers and getattr(job.spec, "upsample", None):
        named += ["--upscaler", *model.upscalers]
    line = " ".join([f"noisewalk {command}", *map(shlex.quote, [*named, *flags])])
    return job, run(job.verb, job.spec, model, keep_states=job.trajectory), line


def surest(hunt: Hunt, model: Pretrained) -> list[tuple[str, str]]:
    """The best seed of each pair of prompts, surest first: its command, and what the model's scorer says of it."""
    scorer = get_scorer("auto", model)
    best: dict[tuple[str, ...], tuple[str, str]] = {}
    for _, prompts, command, said in sorted((_surest(c, hunt.seeds, model, scorer) for c in hunt.commands), reverse=True):
        best.setdefault(prompts, (command, said))
    return list(best.values())


def _hunt(hunt: Hunt, folder: Path, model: Pretrained, flags: Sequence[str]) -> Part:
    def shown() -> list[Shown]:
        made = []
        for i, (command, said) in enumerate(surest(hunt, model)[: hunt.keep], 1):
            _, result, line = _run(command, model, flags)
            result.save(folder / slug(hunt.title) / str(i))
            images = [("figure", encode_png(result.figure))]
            if result.verb == "hybrid":
                said = f"Large, and small as from far away. {said}"
                small = to_image(result.tensor[0])
                images.append(("far away", encode_png(small.resize((28, 28), Image.Resampling.LANCZOS))))
            made.append(Shown(line, images, said))
        return made

    pairs = f"the surest {hunt.keep} of {len(hunt.commands)} attempts"
    idea = f"{hunt.idea} Of {hunt.seeds} seeds each, the surest is shown, for {pairs} at most, one of each pair of prompts."
    return Part(hunt.title, idea, hunt.equation, [("", shown)])


def _surest(command: str, seeds: int, model: Pretrained, scorer: Scorer) -> tuple[float, tuple[str, ...], str, str]:
    """Of the best seed: its alignment, the prompts, the command, and what the scorer says of it."""
    _, result, _ = _run(f"{command} --num {seeds}", model)
    views = next(walked.panel.prompt_views for walked in result.panels if walked.outcome)
    prompts = tuple(view.prompt for view in views)
    scores = score_illusions(scorer, result.tensor, [view.look for view in views], prompts)
    sure, seed = scores.alignment.max(0)
    said = f"Asked for {' and '.join(prompts)}. {verdict(scorer, float(sure))}"
    return float(sure), prompts, f"{command} --seed {int(seed)}", said
