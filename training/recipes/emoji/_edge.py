"""Code that all commands of the recipe share: arguments by tyro, and one line instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

import tyro

from noisewalk.errors import UserError


def edge(main: Callable[..., None]) -> None:
    """Run a command; a `UserError` is one line on stderr and exit status 2."""
    try:
        tyro.cli(main, description=main.__doc__)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
