"""The command line: it finds the command first, and then loads only the modules of that command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pkgutil import resolve_name

from .. import requests
from ..errors import UserError, install, unknown
from ..plugins import load_plugins
from ..techniques import TECHNIQUES
from ..version import __version__
from .edge import guarded


@dataclass(frozen=True)
class Command:
    """A command that is not a technique.

    Args:
        request: its request, whose docstring is its help.
        run: the function that runs it, as "module:function" of this package; it gets the arguments after the command.
    """

    request: type
    run: str


OWN = {
    "search": Command(requests.Search, "search:run_search"),
    "animate": Command(requests.Animate, "search:run_animate"),
    "suggest": Command(requests.Suggest, "search:run_suggest"),
    "replay": Command(requests.Replay, "technique:run_replay"),
    "models": Command(requests.Models, "models:run_models"),
    "report": Command(requests.Report, "report:run_report"),
    "tour": Command(requests.Tour, "report:run_tour"),
    "studio": Command(requests.Studio, "studio:run_studio"),
    "encode": Command(requests.Encode, "models:run_encode"),
    "doctor": Command(requests.Doctor, "models:run_doctor"),
    "train": Command(requests.Train, "training:run_train"),
    "pack": Command(requests.Pack, "training:run_pack"),
    "evaluate": Command(requests.Evaluate, "training:run_evaluate"),
    "compare": Command(requests.Compare, "training:run_compare"),
}
"""Commands beside the techniques."""

SPINNING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""How threads wait for work, for the OpenMP libraries that PyTorch comes with."""


HELP = ("-h", "--help", "help")


def main(arguments: list[str] | None = None) -> int:
    """Run a command line.

    Returns:
        The exit status: 0 for success, 1 if a check failed, 2 for an error, and 130 for Ctrl-C.
    """
    if not any(name in os.environ for name in SPINNING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # on a busy machine, threads that spin while they wait cost most of the time
    return guarded(lambda: _main(sys.argv[1:] if arguments is None else list(arguments)))


def command(name: str) -> Callable[[list[str]], int]:
    """Return the function that runs a command, given the arguments after it.

    Raises:
        UserError: there is no such command (the nearest is suggested), or tyro and rich are not installed.
    """
    if name not in OWN and name not in TECHNIQUES:
        raise unknown("command", name, (*TECHNIQUES, *OWN, "help"))
    function = OWN[name].run if name in OWN else "technique:run_technique"
    try:
        run: Callable[..., int] = resolve_name(f"{__package__}.{function}")
    except ModuleNotFoundError as error:
        if error.name not in ("tyro", "rich"):
            raise
        raise UserError(f"the command line needs tyro and rich: {install('cli')}") from None
    return run if name in OWN else partial(run, name)


def _main(arguments: list[str]) -> int:
    name, *rest = arguments or ["help"]
    if name != "--version":
        load_plugins()
    if name in HELP:
        if rest and rest[0] not in HELP:
            return _main([*rest, "--help"])
        print(overview())
        return 0
    if name == "--version":
        print(__version__)
        return 0
    return command(name)(rest)


def overview() -> str:
    """Return the overview: every command in one line."""
    lines = [f"  {name:10} {(row.request.__doc__ or '').splitlines()[0]}" for name, row in (TECHNIQUES | OWN).items()]
    return "noisewalk COMMAND ...   (noisewalk help COMMAND for its options)\n\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
