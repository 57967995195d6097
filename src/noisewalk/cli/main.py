"""The command line."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import UserError, install, unknown
from ..models.loading import CascadeLoading
from .terminal import progress, said, writable

try:
    from tyro.conf import OmitArgPrefixes, Positional
except ModuleNotFoundError:
    sys.exit(f"noisewalk: the command line needs tyro and rich: {install('cli')}")

if TYPE_CHECKING:
    from ..run.result import Result


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; exit status 0, 2 for something that cannot be done, 130 for Ctrl-C."""
    try:
        with said(), warnings.catch_warnings():
            warnings.showwarning = _say_warning  # type: ignore[assignment]
            return _main(sys.argv[1:] if arguments is None else arguments)
    except UserError as error:
        print(f"noisewalk: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("noisewalk: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone (| head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _say_warning(message: Warning | str, category: type[Warning], *place: Any) -> None:
    """One line on standard error, without the line of code it comes from."""
    print(f"noisewalk: {message}", file=sys.stderr)


def _main(arguments: list[str]) -> int:
    verbs = _verbs()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview(verbs))
        return 0
    if arguments[0] == "--version":
        from ..version import __version__

        print(__version__)
        return 0
    verb, *rest = arguments
    if verb not in verbs:
        raise unknown("command", verb, verbs)
    return verbs[verb](rest)


def _verbs() -> dict[str, Callable[[list[str]], int]]:
    from ..techniques import TECHNIQUES
    from .models import run_doctor, run_encode
    from .search import run_animate, run_search, run_suggest
    from .training import run_compare, run_evaluate, run_pack, run_train

    def technique(verb: str) -> Callable[[list[str]], int]:
        return lambda rest: run_technique(verb, rest)

    own = {"search": run_search, "animate": run_animate, "suggest": run_suggest}
    own |= {"replay": run_replay, "models": run_models, "tour": run_tour, "encode": run_encode, "doctor": run_doctor}
    own |= {"train": run_train, "pack": run_pack, "evaluate": run_evaluate, "compare": run_compare}
    return {verb: technique(verb) for verb in TECHNIQUES} | own


def run_technique(verb: str, rest: list[str]) -> int:
    """generate, forward, denoise, edit, inpaint, anagram, hybrid."""
    from ..commands import job, parse, technique_command
    from ..models.zoo import load
    from ..run.make import Interrupted, make
    from ..run.result import is_single

    wanted = job(verb, parse(technique_command(verb), rest, f"noisewalk {verb}"))
    model = load(wanted.model, **wanted.loading)
    is_single(wanted.out)
    writable(wanted.out)
    try:
        with progress(verb) as watch:
            result = make(verb, wanted.spec, model, watch, keep_states=wanted.trajectory)
    except Interrupted as stop:
        if stop.result is not None:
            _tell(stop.result, stop.result.save(wanted.out))
        raise
    _tell(result, result.save(wanted.out, wanted.trajectory))
    if model.parts is not None:
        from ..models.diffusers.memory import tell_peak

        tell_peak(model.device)
    return 0


def _tell(result: Result, files: list[Path]) -> None:
    from ..images import Picture

    for value in vars(result.spec).values():
        if isinstance(value, Picture) and value.notes:
            print(f"{value.name}: {'; '.join(value.notes)}", file=sys.stderr)
    if result.flagged and any(result.flagged):
        count = sum(result.flagged)
        print(
            f"noisewalk: the safety checker objects to {count} of {len(result.flagged)}; nothing was changed", file=sys.stderr
        )
    for file in files:
        print(file)


@dataclass(frozen=True)
class ReplayCommand:
    """Make pictures again from their own metadata, and say whether the pixels agree.

    Exit status 1 if some do not, 2 if some cannot be made again.
    """

    pictures: Positional[tuple[Path, ...]] = ()
    """PNGs that noisewalk saved."""
    out: Path | None = None
    """Also save what was made of one picture, a .png file."""
    model: str | None = None
    """Where the pictures' model is now, a file or a folder; without it, it is looked for by its name, at the place it had, and
    beside each picture."""


def run_replay(rest: list[str]) -> int:
    from ..commands import parse

    command = parse(ReplayCommand, rest, "noisewalk replay")
    if not command.pictures:
        raise UserError("give the pictures to make again: noisewalk replay PICTURE.png ...")
    if command.out and len(command.pictures) > 1:
        raise UserError(f"--out saves what was made of one picture, {len(command.pictures)} were given")
    worst = 0
    for picture in command.pictures:
        try:
            worst = max(worst, _replay(picture, command.out, command.model))
        except UserError as error:
            print(f"noisewalk: {error}", file=sys.stderr)
            worst = 2
    return worst


def _replay(picture: Path, out: Path | None, model: str | None) -> int:
    from ..files import write_atomic
    from ..run.replay import read_record, replay

    with progress(f"replay {picture.name}") as watch:
        again = replay(picture, watch, model)
    for warning in again.warnings:
        print(f"noisewalk: {warning}", file=sys.stderr)
    if out:
        write_atomic(out, again.result.png(read_record(picture).picture))
    if again.agrees:
        print(f"{picture}: every pixel agrees")
    elif again.max_difference is None:
        print(f"{picture}: the sizes differ")
    else:
        print(f"{picture}: {again.share_different:.2%} of the pixels differ, by at most {again.max_difference} of 255")
    return 0 if again.agrees else 1


def run_models(rest: list[str]) -> int:
    """List the bundled models."""
    from ..commands import parse
    from ..models.diffusers.deepfloyd import NAMED
    from ..models.zoo import bundled

    @dataclass(frozen=True)
    class Models:
        """List the models there are."""

    parse(Models, rest, "noisewalk models")
    for name, card in bundled().items():
        measured = ", ".join(f"{k} {v}" for k, v in card.get("quality", {}).items())
        print(f"{name:10} {card['what']}. {card['parameters'] / 1e6:.1f} M parameters. {measured}")
    for name, known in NAMED.items():
        print(f"{name:14} {known.what} ({known.hub})")
    print("Or give --model a hub id, a folder that diffusers saved, or a run that `noisewalk train` wrote.")
    return 0


@dataclass(frozen=True)
class TourCommand:
    """Run every experiment once and put all of it on one page, out/tour/index.html."""

    part: Literal["a", "b"] = "a"
    """a: sampling a pretrained model; b: training from scratch."""
    out: Path | None = None
    """The folder to write; out/tour, or out/tour-b."""
    model: str = "emoji"
    """The model to show (part a): emoji, digits, or any other."""
    seed: int = 180
    """Seed of the course's experiments, on a text model."""
    upsample: int | None = None
    """Upsampling stages after them; 1 for models that have one. Emoji and digits have their own."""
    minutes: float = 2.0
    """How long to train at most (part b)."""
    loading: OmitArgPrefixes[CascadeLoading] = CascadeLoading()


def run_tour(rest: list[str]) -> int:
    from ..commands import parse
    from ..tour.sampling import tour
    from ..tour.training import tour_training

    command = parse(TourCommand, rest, "noisewalk tour")
    out = command.out or Path("out/tour" if command.part == "a" else "out/tour-b")
    writable(out)
    began = time.monotonic()
    with progress("tour") as watch:
        if command.part == "a":
            page = tour(out, command.model, watch, command.seed, command.upsample, asdict(command.loading))
        else:
            page = tour_training(out, command.minutes, watch)
    print(f"{page} ({time.monotonic() - began:.0f} s); open it in a browser")
    return 0


def _overview(verbs: dict[str, Any]) -> str:
    from ..techniques import TECHNIQUES

    other = {
        "search": "Search the seeds of a technique for the best pictures.",
        "animate": "Animate a saved anagram or hybrid.",
        "suggest": "List prompts that tend to share an anagram with one.",
        "replay": "Make a saved picture again from its metadata, and compare the pixels.",
        "models": "List the models there are.",
        "tour": "Run every experiment once and put all of it on one page.",
        "encode": "Encode prompts once for a large model, or import embeddings.",
        "doctor": "Say what is missing for large models, and what mends it.",
        "train": "Train a model from scratch.",
        "pack": "Turn a training run into a small weights file.",
        "evaluate": "Measure a model's samples against real digits.",
        "compare": "Put several training runs on one page.",
    }
    lines = [f"  {verb:10} {(TECHNIQUES[verb].spec.__doc__ or '').splitlines()[0]}" for verb in verbs if verb in TECHNIQUES]
    lines += [f"  {verb:10} {text}" for verb, text in other.items()]
    return "noisewalk COMMAND ...   (noisewalk COMMAND --help for its options)\n\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
