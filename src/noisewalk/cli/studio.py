"""The studio on the command line."""

from __future__ import annotations

from ..commands import part, read
from ..requests import Loading, Studio
from .edge import working


def run_studio(rest: list[str]) -> int:
    """Run `noisewalk studio`."""
    asked = read(Studio, rest, "studio")
    working()
    from ..studio.server import start

    start(asked, part(asked, Loading))
    return 0
