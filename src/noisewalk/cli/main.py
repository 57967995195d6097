"""The command line: which command it is. Nothing that takes long to load is loaded before that is known."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..plugins import load_plugins
from .edge import guarded

OWN = {
    "search": ("search", "run_search", "Search the seeds of a technique for the best pictures."),
    "animate": ("search", "run_animate", "Animate a saved anagram or hybrid."),
    "suggest": ("search", "run_suggest", "List prompts that tend to share an anagram with one."),
    "replay": ("technique", "run_replay", "Make a saved picture again from its metadata, and compare the pixels."),
    "models": ("models", "run_models", "List the models there are."),
    "tour": ("tour", "run_tour", "Run every experiment once and put all of it on one page."),
    "studio": ("studio", "run_studio", "Use every technique in a web page, and watch it walk."),
    "encode": ("models", "run_encode", "Encode prompts once for a large model, or import embeddings."),
    "doctor": ("models", "run_doctor", "Say what is missing for large models, and what mends it."),
    "train": ("training", "run_train", "Train a model from scratch."),
    "pack": ("training", "run_pack", "Turn a training run into a small weights file."),
    "evaluate": ("training", "run_evaluate", "Measure a model's samples against real digits."),
    "compare": ("training", "run_compare", "Put several training runs on one page."),
}
"""Commands beside the techniques: the module of this package and the function that run each, and what it does."""

SPINNING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""How threads wait for work, for the OpenMP libraries that PyTorch comes with."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command line.

    Returns:
        The exit status: 0; 1 if something that was checked does not hold; 2 for what cannot be done; 130 for Ctrl-C.
    """
    if not any(name in os.environ for name in SPINNING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # on a busy machine, threads that spin while they wait cost most of the time
    return guarded(lambda: _main(sys.argv[1:] if arguments is None else list(arguments)))


def commands() -> dict[str, Callable[[list[str]], int]]:
    """Every command by name, as a function of the arguments after it."""
    from ..techniques import TECHNIQUES

    return {verb: command(verb) for verb in (*TECHNIQUES, *OWN)}


def command(verb: str) -> Callable[[list[str]], int]:
    """The function that runs a command.

    Raises:
        UserError: there is none of that name; the nearest is suggested.
    """
    if verb in OWN:
        module, name, _ = OWN[verb]
        run: Callable[[list[str]], int] = getattr(_module(module), name)
        return run
    from ..errors import unknown
    from ..techniques import TECHNIQUES

    if verb not in TECHNIQUES:
        raise unknown("command", verb, (*TECHNIQUES, *OWN, "help"))
    return lambda rest: int(_module("technique").run_technique(verb, rest))


def _module(name: str) -> Any:
    from ..errors import UserError, install

    try:
        return import_module(f".{name}", __package__)
    except ModuleNotFoundError as error:
        if error.name not in ("tyro", "rich"):
            raise
        raise UserError(f"the command line needs tyro and rich: {install('cli')}") from None


def _main(arguments: list[str]) -> int:
    verb, *rest = arguments or ["help"]
    if verb != "--version":
        load_plugins()
    if verb in ("-h", "--help", "help"):
        if rest:
            return _main([*rest, "--help"])
        print(overview())
        return 0
    if verb == "--version":
        from ..version import __version__

        print(__version__)
        return 0
    return command(verb)(rest)


def overview() -> str:
    """Every command in a line."""
    from ..techniques import TECHNIQUES

    lines = [f"  {verb:10} {(row.spec.__doc__ or '').splitlines()[0]}" for verb, row in TECHNIQUES.items()]
    lines += [f"  {verb:10} {text}" for verb, (_, _, text) in OWN.items()]
    return "noisewalk COMMAND ...   (noisewalk help COMMAND for its options)\n\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
