"""Views by name: those that take arguments, and several one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce

from ...errors import UserError, unknown
from .jigsaw import jigsaw
from .pieces import patch_permute, pixel_permute, polar_rings, square_hinge
from .simple import inner_circle, row_shear, skew
from .view import View

MOST = 8
"""Most views that are seen through one after the other."""


@dataclass(frozen=True)
class Argument:
    """An argument of a view.

    Args:
        kind: int or float.
        least: the smallest value, included.
        most: the largest value, included.
    """

    kind: type[int] | type[float]
    least: float
    most: float


SEED = Argument(int, 0, 10**15 - 1)

PARAMETRIC: dict[str, tuple[Callable[..., View], dict[str, Argument]]] = {
    "inner-circle": (inner_circle, {"radius": Argument(float, 0.05, 1)}),
    "skew": (skew, {"factor": Argument(float, -64, 64)}),
    "row-shear": (row_shear, {"factor": Argument(float, -64, 64)}),
    "patch-permute": (patch_permute, {"patches": Argument(int, 2, 256), "seed": SEED}),
    "pixel-permute": (pixel_permute, {"side": Argument(int, 2, 1024), "seed": SEED}),
    "jigsaw": (jigsaw, {"seed": SEED}),
    "square-hinge": (square_hinge, {"squares": Argument(int, 2, 256)}),
    "polar-rings": (polar_rings, {"rings": Argument(int, 2, 256)}),
}
"""Views that take arguments: the function that makes each, and its arguments."""


def with_arguments(kind: str, text: str) -> View:
    """Return a view with arguments, as ARG=VALUE,ARG=VALUE; a number alone is the seed.

    Args:
        kind: a key of `PARAMETRIC`.
        text: the arguments.

    Raises:
        UserError: an argument is unknown, or its value is out of range.

    >>> with_arguments("patch-permute", "patches=8,seed=3").name
    'patch-permute:patches=8,seed=3'
    """
    make, arguments = PARAMETRIC[kind]
    if "=" not in text and "seed" in arguments:
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise UserError(f"the view '{kind}:SEED' needs a whole number as its seed; '{text}' was given")
        return make(seed=int(text))
    values: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name not in arguments:
            raise unknown(f"argument of the view '{kind}'", name, arguments)
        values[name] = _number(f"{kind}:{name}", value, arguments[name])
    return replace(make(**values), name=f"{kind}:{text}")


def _number(name: str, text: str, argument: Argument) -> float:
    what = "a whole number" if argument.kind is int else "a number"
    try:
        value = argument.kind(text)
    except ValueError:
        value = float("nan")
    if not argument.least <= value <= argument.most:
        raise UserError(f"{name} must be {what} from {argument.least:g} to {argument.most:g}; '{text}' was given")
    return value


def composed(views: list[View]) -> View:
    """Return the view of several views one after the other, the first one first.

    Args:
        views: the views.

    Raises:
        UserError: there are more than `MOST`.
    """
    if len(views) > MOST:
        raise UserError(f"at most {MOST} views can be composed; {len(views)} were given")

    def then(first: View, second: View) -> View:
        return View(
            f"{first.name}+{second.name}",
            lambda x: second.forward(first.forward(x)),
            lambda x: first.inverse(second.inverse(x)),
            lambda x: first.inverse_variance(second.inverse_variance(x)),
        )

    return reduce(then, views)
