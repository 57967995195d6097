"""The commands train, pack, evaluate and compare."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from ..checking import checked
from ..commands import command_line, parse, part, read
from ..errors import UserError
from ..requests import Compare, Evaluate, Pack, RunSpec, Train
from .terminal import file_to_write, folder_to_write, progress


def run_train(rest: list[str]) -> int:
    """Run `noisewalk train`."""
    asked = parse(command_line(Train), rest, "noisewalk train")
    folder, spec, moved = _wanted(part(asked, Train))
    from ..run.training import train_into
    from ..training.stopping import handle_signals, interrupt

    option = "--resume" if asked.resume else "--out"
    folder_to_write(folder, "a training run", option)
    with handle_signals(interrupt), progress(f"train {spec.objective}") as watch:
        reached = train_into(folder, spec, asked.minutes, asked.device, watch, option, moved)
    if reached:
        print(reached)
    return 0


def _wanted(asked: Train) -> tuple[Path, RunSpec, bool]:
    """Return the folder of the run, its request, and whether its data may have moved."""
    spec = part(asked, RunSpec)
    if asked.resume:
        from ..run.spec import read_spec

        if asked.out:
            raise UserError(f"--resume continues in {asked.resume} itself; leave out --out")
        changes = {name: value for name, value in asdict(spec).items() if value != getattr(RunSpec(), name)}
        return asked.resume, checked(replace(read_spec(asked.resume), **changes)), "data" in changes
    if not asked.objective:
        raise UserError("name what to train (denoiser, pure-noise, ddpm, flow, distil, classifier), or a run with --resume RUN")
    return asked.out or Path("runs") / asked.objective, checked(spec), False


def run_pack(rest: list[str]) -> int:
    """Run `noisewalk pack`."""
    command = read(Pack, rest, "pack")
    from ..training.pack import pack

    file_to_write(command.out, "a packed model", ".safetensors")
    card = pack(command.run, command.out, {"kind": "model", "what": f"packed from {command.run.name}", "data": "see the run"})
    print(f"{command.out} ({command.out.stat().st_size / 1e6:.2f} MB, {card['trained']['steps']} steps)")
    return 0


def run_evaluate(rest: list[str]) -> int:
    """Run `noisewalk evaluate`."""
    command = read(Evaluate, rest, "evaluate")
    from ..run.evaluation import evaluate_model

    if command.out:
        folder_to_write(command.out, "an evaluation")
    with progress("evaluate") as watch:
        names = ("steps", "step_rule", "guidance_scale", "guidance_interval")
        walk = {name: getattr(command, name) for name in names}
        out = command.out or (Path(command.model) if (Path(command.model) / "spec.json").exists() else None)
        measures = evaluate_model(command.model, command.num, walk, watch, out)
    print(measures)
    return 0


def run_compare(rest: list[str]) -> int:
    """Run `noisewalk compare`."""
    command = read(Compare, rest, "compare")
    from ..run.run_page import compare
    from ..run.training import read_spec

    if not command.runs:
        raise UserError("give the folders of the runs to compare: noisewalk compare runs/a runs/b")
    file_to_write(command.out, "a comparison", ".html")
    for run in command.runs:
        read_spec(run)
    print(compare(command.runs, command.out))
    return 0
