"""The commands of the techniques, and replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..commands import Job, Variant, digest, job, parse, place, read, technique_command, variants
from ..errors import UserError
from ..requests import Replay
from .edge import say
from .terminal import file_to_write, pictures_to_write, progress

if TYPE_CHECKING:
    from ..run.result import Result


def run_technique(technique: str, rest: list[str]) -> int:
    """Run a technique: generate, forward, denoise, edit, inpaint, anagram, hybrid, factorize or inverse."""
    several = variants(technique, rest)
    jobs = [job(technique, parse(technique_command(technique), each.arguments, f"noisewalk {technique}")) for each in several]
    if len(jobs) > 1:
        return _compare(several, jobs)
    (wanted,) = jobs
    from ..models.zoo import load
    from ..run.make import Interrupted, run

    if wanted.out:
        pictures_to_write(wanted.out)
    model = load(wanted.model, **wanted.loading)
    out = pictures_to_write(wanted.out or place(wanted, model.identity))
    try:
        with progress(technique) as watch:
            result = run(technique, wanted.request, model, watch, keep_states=wanted.trajectory)
    except Interrupted as stop:
        if stop.result is not None:
            _tell(stop.result, stop.result.save(out), out)
        raise
    _tell(result, result.save(out, wanted.trajectory, wanted.show_t), out)
    if model.parts is not None:
        from ..models.diffusers.memory import log_peak_memory

        log_peak_memory(model.device)
    return 0


def _compare(several: list[Variant], jobs: list[Job]) -> int:
    """Run requests that differ in a few settings, and put them into one figure."""
    from ..models.zoo import load
    from ..run import compared
    from ..run.make import run
    from ..run.prepare import prepare

    if jobs[0].trajectory:
        raise UserError("--trajectory is for one request, but lists of values, prompts or pictures are several; leave it out")
    models = [load(each.model, **each.loading) for each in jobs]
    out = (
        jobs[0].out
        or Path("out") / f"{jobs[0].technique}-compared-{digest(jobs[0].technique, jobs[0].request, *jobs, *map(str, models))}"
    )
    pictures_to_write(out)
    for each, model in zip(jobs, models, strict=True):
        prepare(each.request, model)  # errors are raised before the first request runs
    made: list[compared.ComparedResult] = []
    with progress(jobs[0].technique) as watch:
        for variant, wanted, model in zip(several, jobs, models, strict=True):

            def part(done: int, total: int) -> None:
                watch(100 * len(made) + 100 * done // total, 100 * len(jobs))

            result = run(wanted.technique, wanted.request, model, part, keep_states=False)
            made.append(compared.ComparedResult(variant.row, variant.column, result))
    for file in compared.Comparison(made).save(out):
        print(file)
    return 0


def _tell(result: Result, files: list[Path], out: Path) -> None:
    from ..images import Picture

    for file in files:
        print(file)
    for value in vars(result.request).values():
        if isinstance(value, Picture) and value.notes:
            say(f"{value.name}: {'; '.join(value.notes)}")
    if result.flagged and any(result.flagged):
        say(f"the safety checker objects to {sum(result.flagged)} of {len(result.flagged)}; nothing was changed")
    old = sorted(path.name for path in out.glob("*seed*.png") if path not in files) if out.is_dir() else []
    if old:
        say(f"{out} also holds pictures of an earlier request: {', '.join(old[:3])}{', …' if len(old) > 3 else ''}")


def run_replay(rest: list[str]) -> int:
    """Run `noisewalk replay`."""
    command = read(Replay, rest, "replay")
    if not command.pictures:
        raise UserError("give the pictures to make again: noisewalk replay PICTURE.png ...")
    if command.out and len(command.pictures) > 1:
        raise UserError(f"--out is for one picture, but {len(command.pictures)} were given; leave it out, or give one picture")
    if command.out:
        file_to_write(command.out, "a picture made again", ".png")
    worst = 0
    for picture in command.pictures:
        try:
            worst = max(worst, _replay(picture, command.out, command.model))
        except UserError as error:
            say(str(error))
            worst = 2
    return worst


def _replay(picture: Path, out: Path | None, model: str | None) -> int:
    from ..files import write_atomic
    from ..run.replay import read_record, replay

    with progress(f"replay {picture.name}") as watch:
        again = replay(picture, watch, model)
    for warning in again.warnings:
        say(warning)
    if out:
        write_atomic(out, again.result.png(read_record(picture).picture))
    if again.agrees:
        print(f"{picture}: every pixel agrees")
    elif again.max_difference is None:
        print(f"{picture}: the sizes differ")
    else:
        print(f"{picture}: {again.share_different:.2%} of the pixels differ, by at most {again.max_difference} of 255")
    return 0 if again.agrees else 1
