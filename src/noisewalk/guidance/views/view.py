"""What a view is, and what makes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from ...errors import UserError
from ..terms import Map


class ViewLike(Protocol):
    """The least a view of your own needs: two methods that undo each other. `as_view` makes it a `View`.

    >>> class Shifted:
    ...     def forward(self, x): return x.roll(3, dims=3)
    ...     def inverse(self, x): return x.roll(-3, dims=3)
    >>> as_view(Shifted()).name
    'Shifted'
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> what is seen, same shape."""
        ...

    def inverse(self, x: Tensor) -> Tensor:
        """Undoes `forward` exactly."""
        ...


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
    """A view that only moves values: variances move along."""
    return View(name, forward, inverse, inverse)


def from_order(name: str, order: Callable[[int, int], Tensor]) -> View:
    """A view that moves pixels by a table: seen pixel i (counted row by row) is the picture's pixel order[i].

    Args:
        name: what the command line calls it.
        order: (height, width) -> (height * width,) a permutation of 0 ... height * width - 1; asked once a size.
    """

    @lru_cache(maxsize=8)
    def tables(height: int, width: int) -> tuple[Tensor, Tensor]:
        there = order(height, width)
        return there, there.argsort()

    def by(which: int) -> Map:
        def move(x: Tensor) -> Tensor:
            table = tables(x.shape[2], x.shape[3])[which].to(x.device)
            seen: Tensor = x.flatten(2)[..., table].view(x.shape)
            return seen

        return move

    return permutation(name, by(0), by(1))


def from_table(name: str, table: Tensor) -> View:
    """A view by an explicit permutation of the pixels of a square picture.

    In a picture whose side is a multiple, blocks of pixels move as the pixels would, so that one table serves all stages of
    a cascade.

    Args:
        table: (side * side,) integers; seen pixel i is the picture's pixel table[i].

    Raises:
        UserError: it is no permutation of a square picture's pixels; on use, the picture's size does not fit it.
    """
    count = table.numel()
    side = round(count**0.5)
    if side * side != count or not count:
        raise UserError(f"view '{name}' orders {count} pixels, which is no square picture")
    if not torch.equal(table.flatten().long().sort().values, torch.arange(count)):
        raise UserError(f"view '{name}' is not a permutation: each of 0 to {count - 1} must be in it once")
    small = table.flatten().long()

    def order(height: int, width: int) -> Tensor:
        if height != width or height % side:
            raise UserError(f"view '{name}' orders the pixels of {side}x{side} pictures; this model draws {width}x{height}")
        return enlarge_order(small, height // side)

    return from_order(name, order)


def enlarge_order(order: Tensor, factor: int) -> Tensor:
    """The order of a picture `factor` times the size, in which blocks of factor x factor pixels move as pixels did."""
    side = round(order.numel() ** 0.5)
    block_row, block_column = order.view(side, side) // side, order.view(side, side) % side
    inside = torch.arange(side * factor) % factor
    row = block_row.repeat_interleave(factor, 0).repeat_interleave(factor, 1) * factor + inside[:, None]
    column = block_column.repeat_interleave(factor, 0).repeat_interleave(factor, 1) * factor + inside[None, :]
    table: Tensor = row * side * factor + column
    return table.flatten()


def as_view(look: View | ViewLike, name: str = "") -> View:
    """A `View` of anything with `forward` and `inverse`; a `View` stays as it is.

    Without an `inverse_variance` of its own, the learned variance (of models that have one) is replaced by its mean over
    each picture, which any isometry keeps.
    """
    if isinstance(look, View):
        return look
    name = name or str(getattr(look, "name", type(look).__name__))
    return View(name, look.forward, look.inverse, getattr(look, "inverse_variance", _mean))


def check_isometry(view: View | ViewLike, shape: tuple[int, int, int], draw: Callable[..., Tensor] = torch.randn) -> None:
    """Raise a `UserError` that says what is wrong if a view is not a linear isometry with an exact inverse at `shape`."""
    view = as_view(view)
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


def _mean(x: Tensor) -> Tensor:
    return x.mean((1, 2, 3), keepdim=True).expand_as(x)
