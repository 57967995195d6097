"""The verbs of training: train, pack, evaluate, compare."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from ..commands import parse
from ..errors import UserError
from .terminal import file_to_write, folder_to_write, progress


@dataclass(frozen=True)
class TrainCommand:
    """Train a model from scratch into a run folder; started again, it goes on from where it stopped."""

    objective: Positional[str | None] = None
    """denoiser, pure-noise, ddpm, flow, or classifier (the digit reader)."""
    out: Path | None = None
    """The run folder: spec.json, metrics.jsonl, checkpoint, samples by epoch, report.html; runs/OBJECTIVE by default."""
    resume: Path | None = None
    """Go on with the run in this folder, as its spec.json says; what else is given must be the same, but for --data: it says
    where the pictures are now."""
    network: str | None = None
    """unet-course or unet-fast, instead of the recipe's."""
    recipe: str = "fast"
    """fast, or course for the course's exact network and recipe."""
    classes: bool = False
    """Tell the network the class, and drop it for one picture in ten, so that guidance works."""
    data: str = "mnist"
    """mnist, mnist-sample (the 5,000 digits that come with noisewalk), fashion-mnist, or a folder of pictures (of one folder
    per class)."""
    size: int = 28
    """Side of the pictures of a folder, pixels, divisible by 4, 8 to 1024."""
    channels: int = 3
    """Of the pictures of a folder: 1 for grey, 3 for colour."""
    epochs: float | None = None
    """Passes over the data instead of the recipe's."""
    minutes: float | None = None
    """Stop (and save) after so many minutes; the same command goes on later."""
    learning_rate: float | None = None
    """Instead of the recipe's."""
    batch_size: int | None = None
    """Pictures a step, instead of the recipe's."""
    init: str | None = None
    """Start from the weights of this run, bundled model or .safetensors file instead of random ones (fine-tuning)."""
    decay: str | None = None
    """cosine, exponential or none, instead of the recipe's."""
    seed: int = 0
    """Of the weights, the order of pictures, times and noise."""
    dtype: str | None = None
    """float32 or bfloat16, what the network computes in, instead of the recipe's; its weights stay float32."""
    device: str = "auto"
    """cpu, cuda, mps (Apple's GPU), or auto."""


def run_train(rest: list[str]) -> int:
    from ..run.spec import checked
    from ..run.training import train_into
    from ..training.stopping import handle_signals, interrupt

    asked = parse(TrainCommand, rest, "noisewalk train")
    folder, values, moved = _wanted(asked)
    spec = checked(values)
    option = "--resume" if asked.resume else "--out"
    folder_to_write(folder, "a training run", option)
    with handle_signals(interrupt), progress(f"train {spec.objective}") as watch:
        said = train_into(folder, spec, asked.minutes, asked.device, watch, option, moved)
    if said:
        print(said)
    return 0


def _wanted(asked: TrainCommand) -> tuple[Path, dict[str, Any], bool]:
    """The run's folder, the values of its spec, and whether its data may have moved."""
    from ..run.spec import RunSpec, read_spec

    names = [field.name for field in fields(RunSpec)]
    if asked.resume:
        if asked.out:
            raise UserError(f"--resume goes on in {asked.resume} itself; leave out --out")
        before, silent = asdict(read_spec(asked.resume)), TrainCommand()
        said = {name: getattr(asked, name) for name in names if getattr(asked, name) != getattr(silent, name)}
        return asked.resume, {**before, **said}, "data" in said
    if not asked.objective:
        raise UserError("say what to train (denoiser, pure-noise, ddpm, flow, classifier), or --resume RUN")
    return asked.out or Path("runs") / asked.objective, {name: getattr(asked, name) for name in names}, False


@dataclass(frozen=True)
class PackCommand:
    """Write the averaged weights of a run as float16 safetensors with a card, ready to use as --model or to ship."""

    run: Positional[Path]
    out: Path
    """The .safetensors file to write; its card goes beside it."""


def run_pack(rest: list[str]) -> int:
    from ..training.pack import pack

    command = parse(PackCommand, rest, "noisewalk pack")
    file_to_write(command.out, "a packed model", ".safetensors")
    card = pack(command.run, command.out, {"kind": "model", "what": f"packed from {command.run.name}", "data": "see the run"})
    print(f"{command.out} ({command.out.stat().st_size / 1e6:.2f} MB, {card['trained']['steps']} steps)")
    return 0


@dataclass(frozen=True)
class EvaluateCommand:
    """Draw digits with a model and measure them: read as asked, Fréchet distance, nearest training digits. Needs MNIST."""

    model: Positional[str] = "digits"
    """A bundled model, a run folder, or a .safetensors file."""
    num: int = 2000
    """Digits to draw, each as often as it is in MNIST; seeds 0, 1, ..."""
    steps: int | None = None
    """Steps of a walk, instead of the model's default."""
    step_rule: str | None = None
    """How a step is made, instead of the model's default."""
    guidance_scale: float | None = None
    """Guidance, instead of the model's default."""
    guidance_interval: tuple[int, int] | None = None
    """First and last timestep of the guidance, instead of the model's default; 0 999 is all."""
    out: Path | None = None
    """Also write the table and a picture of the samples nearest to training digits here; into the run, if MODEL is one."""


def run_evaluate(rest: list[str]) -> int:
    from ..run.evaluation import evaluate_model

    command = parse(EvaluateCommand, rest, "noisewalk evaluate")
    if command.out:
        folder_to_write(command.out, "an evaluation")
    with progress("evaluate") as watch:
        names = ("steps", "step_rule", "guidance_scale", "guidance_interval")
        walk = {name: getattr(command, name) for name in names}
        out = command.out or (Path(command.model) if (Path(command.model) / "spec.json").exists() else None)
        said = evaluate_model(command.model, command.num, walk, watch, out)
    print(said)
    return 0


@dataclass(frozen=True)
class CompareCommand:
    """Put several runs on one page: what they differ in, their losses in one figure, the samples of each."""

    runs: Positional[tuple[Path, ...]]
    """Run folders."""
    out: Path = Path("compare.html")
    """The page to write."""


def run_compare(rest: list[str]) -> int:
    from ..run.run_page import compare
    from ..run.training import read_spec

    command = parse(CompareCommand, rest, "noisewalk compare")
    if not command.runs:
        raise UserError("name the run folders to compare, as: noisewalk compare runs/a runs/b")
    file_to_write(command.out, "a comparison", ".html")
    for run in command.runs:
        read_spec(run)
    print(compare(command.runs, command.out))
    return 0
