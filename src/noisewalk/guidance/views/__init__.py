"""Views: linear isometries of pictures, under which one picture can be two.

A view must be orthogonal. It then turns standard normal noise into standard normal noise, and a model that sees a picture
through it finds it exactly as noisy as it expects (Geng et al., *Visual Anagrams*, 2024, section 3.3,
https://arxiv.org/abs/2311.17919).
"""

from __future__ import annotations

from ...errors import UserError, unknown
from .failures import FAILURES as FAILURES
from .jigsaw import jigsaw as jigsaw
from .named import PARAMETRIC as PARAMETRIC
from .named import composed, with_arguments
from .pieces import patch_permute, pixel_permute, polar_rings, square_hinge
from .simple import SIMPLE, colour_permute
from .view import View as View
from .view import ViewLike as ViewLike
from .view import as_view as as_view
from .view import check_inverse as check_inverse
from .view import check_isometry as check_isometry
from .view import from_order as from_order
from .view import from_table as from_table
from .view import permutation as permutation

VIEWS: dict[str, View] = {
    view.name: view for view in (*SIMPLE, patch_permute(), pixel_permute(), jigsaw(), square_hinge(), polar_rings())
}
"""Views by name. Rotations are anticlockwise; all work on square pictures of any size. Add your own with `register`."""


def register(view: View | ViewLike | str, name: str | View | ViewLike = "") -> View:
    """Make a view known by a name, so that techniques, the command line and the metadata of pictures can use it.

    Args:
        view: the view, or any object with `forward` and `inverse`.
        name: its name; the two may also be given in the other order.

    Returns:
        The registered view.

    Raises:
        UserError: another view has that name, or no view was given.

    >>> class Shifted:
    ...     def forward(self, x): return x.roll(3, dims=3)
    ...     def inverse(self, x): return x.roll(-3, dims=3)
    >>> register(Shifted(), "shifted").name, VIEWS.pop("shifted").name
    ('shifted', 'shifted')
    """
    if isinstance(view, str):
        view, name = name, view
    if isinstance(view, str) or not isinstance(name, str):
        raise UserError(
            "register(view, name) takes a view, which is an object with `forward` and `inverse`, and its name, which is text"
        )
    view = as_view(view, name)
    if view.name in VIEWS and VIEWS[view.name] is not view:
        raise UserError(f"there is a view '{view.name}' already; register yours under another name")
    VIEWS[view.name] = view
    return view


def get_view(name: str) -> View:
    """Return the view of a name.

    Args:
        name: a key of `VIEWS`; NAME:ARG=VALUE,ARG=VALUE for the views of `PARAMETRIC`, or NAME:SEED; colour-permute:ORDER;
            failure:NAME; or several names with + between them, of which the first is seen through first.

    Raises:
        UserError: there is no such view; the nearest name is suggested.
    """
    if name in VIEWS:
        return VIEWS[name]
    if "+" in name:
        return composed([get_view(each) for each in name.split("+")])
    kind, colon, rest = name.partition(":")
    if colon and kind in PARAMETRIC:
        return with_arguments(kind, rest)
    if kind == "colour-permute":
        return colour_permute(rest)
    if kind == "failure":
        if rest not in FAILURES:
            raise unknown("failure of a view", rest, FAILURES)
        return FAILURES[rest]
    raise unknown("view", name, VIEWS)
