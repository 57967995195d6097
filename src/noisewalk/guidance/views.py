"""Views: linear isometries of pictures, under which one picture can be two.

A view must be orthogonal: it then turns standard normal noise into standard normal noise, and a model sees through it a
picture exactly as noisy as it expects (Geng et al., *Visual Anagrams*, 2024, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UserError, unknown
from .terms import Map


def _same(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True)
class View:
    """A way of looking at a picture.

    Args:
        name: what the command line calls it.
        forward: (N, C, H, W) -> what is seen, same shape.
        inverse: undoes `forward` exactly.
        inverse_variance: undoes `forward` on a map of variances: where values move they move along, where they change
            sign or mix they do not (the variance of -z is that of z).
    """

    name: str
    forward: Map
    inverse: Map
    inverse_variance: Map


def permutation(name: str, forward: Map, inverse: Map) -> View:
    """A view that only moves pixels: variances move along."""
    return View(name, forward, inverse, inverse)


def _rotated(quarters: int) -> Map:
    return lambda x: torch.rot90(x, quarters, (2, 3))


def _skew(direction: int) -> Map:
    def skew(x: Tensor) -> Tensor:
        middle = x.shape[3] // 2
        columns = [x[..., i].roll(direction * (i - middle), dims=-1) for i in range(x.shape[3])]
        return torch.stack(columns, dim=-1)

    return skew


def _inner_circle(x: Tensor) -> Tensor:
    height, width = x.shape[2:]
    y = torch.arange(height, device=x.device)[:, None] - (height - 1) / 2
    z = torch.arange(width, device=x.device)[None, :] - (width - 1) / 2
    inside = y**2 + z**2 < (min(height, width) / 2) ** 2
    return torch.where(inside, torch.rot90(x, 2, (2, 3)), x)


def _block_swap(x: Tensor) -> Tensor:
    return x.roll((x.shape[2] // 2, x.shape[3] // 2), dims=(2, 3))


def _block_swap_back(x: Tensor) -> Tensor:
    return x.roll((-(x.shape[2] // 2), -(x.shape[3] // 2)), dims=(2, 3))


VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        permutation("identity", _same, _same),
        permutation("flip-horizontal", lambda x: x.flip(3), lambda x: x.flip(3)),
        permutation("flip-vertical", lambda x: x.flip(2), lambda x: x.flip(2)),
        permutation("rotate90", _rotated(1), _rotated(-1)),
        permutation("rotate180", _rotated(2), _rotated(2)),
        permutation("rotate270", _rotated(3), _rotated(-3)),
        View("negate", torch.neg, torch.neg, _same),
        permutation("skew", _skew(1), _skew(-1)),
        permutation("inner-circle", _inner_circle, _inner_circle),
        permutation("block-swap", _block_swap, _block_swap_back),
    )
}
"""Views by name. Rotations are anticlockwise; all work on square pictures of any size."""


def get_view(name: str) -> View:
    """The view of that name.

    Raises:
        UserError: there is none; the nearest name is suggested.
    """
    if name not in VIEWS:
        raise unknown("view", name, VIEWS)
    return VIEWS[name]


def check_isometry(view: View, shape: tuple[int, int, int], draw: Callable[..., Tensor] = torch.randn) -> None:
    """Raise a `UserError` that says what is wrong if a view is not a linear isometry with an exact inverse at `shape`."""
    x, y = draw(1, *shape), draw(1, *shape)
    seen = view.forward(x)
    if seen.shape != x.shape:
        raise UserError(f"view '{view.name}' turns a picture of {shape} into one of {tuple(seen.shape[1:])}")
    if not torch.allclose(view.inverse(seen), x, atol=1e-5):
        raise UserError(f"view '{view.name}': inverse(forward(x)) is not x")
    if not torch.allclose(seen.norm(), x.norm(), rtol=1e-4):
        raise UserError(f"view '{view.name}' changes the norm of a picture; noise seen through it is not standard noise")
    if not torch.allclose(view.forward(2 * x - y), 2 * seen - view.forward(y), atol=1e-4):
        raise UserError(f"view '{view.name}' is not linear")
