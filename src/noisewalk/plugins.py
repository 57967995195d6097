"""Packages that add to noisewalk: views, step rules, techniques, models and scorers, for the library and the command line.

A package names a function without arguments in its own pyproject.toml,

    [project.entry-points."noisewalk.plugins"]
    mypackage = "mypackage.noisewalk:register"

and the function puts its rows into the tables: `noisewalk.guidance.register(view)`, `noisewalk.walk.STEP_RULES[name] = ...`,
`noisewalk.techniques.TECHNIQUES[name] = ...`, `noisewalk.models.zoo.register_model(name, make)`,
`noisewalk.judge.scorer.SCORERS[name] = ...`.
"""

from __future__ import annotations

import functools
import warnings
from importlib.metadata import entry_points

GROUP = "noisewalk.plugins"


@functools.cache
def load_plugins() -> tuple[str, ...]:
    """Call the functions of all installed packages that add to noisewalk, once per process, and return the packages' names.

    `noisewalk.load` and the command line call it. If a package fails, a warning names it, and the others still work.
    """
    loaded = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        package = entry.dist.name if entry.dist else entry.name
        try:
            entry.load()()
        except Exception as error:  # code of others may raise anything, and must not stop noisewalk
            message = str(error).splitlines()[0] if str(error) else "no message"
            warnings.warn(f"the plugin '{package}' is left out: {type(error).__name__}: {message}", stacklevel=2)
        else:
            loaded.append(package)
    return tuple(loaded)
