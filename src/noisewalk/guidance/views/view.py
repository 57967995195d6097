"""What a view is, and functions that make views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import UserError
from ..terms import Map


class ViewLike(Protocol):
    """The least that a view of your own needs: two methods that undo each other. `as_view` makes a `View` of it.

    >>> class Shifted:
    ...     def forward(self, x): return x.roll(3, dims=3)
    ...     def inverse(self, x): return x.roll(-3, dims=3)
    >>> as_view(Shifted()).name
    'Shifted'
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (N, C, H, W) to what is seen, of the same shape."""
        ...

    def inverse(self, x: Tensor) -> Tensor:
        """Undo `forward` exactly."""
        ...


@dataclass(frozen=True)
class View:
    """A way of looking at a picture.

    Args:
        name: what the command line calls it.
        forward: maps pictures (N, C, H, W) to what is seen, of the same shape.
        inverse: undoes `forward` exactly.
        inverse_variance: undoes `forward` on a map of variances. Variances move where values move, but they do not change where
            values change their sign or mix (the variance of -z is that of z).
    """

    name: str
    forward: Map
    inverse: Map
    inverse_variance: Map


def permutation(name: str, forward: Map, inverse: Map) -> View:
    """Return a view that only moves values; variances move with them.

    Args:
        name: what the command line calls it.
        forward: maps pictures (N, C, H, W) to what is seen.
        inverse: undoes `forward` exactly.
    """
    return View(name, forward, inverse, inverse)


def from_order(name: str, order: Callable[[int, int], Tensor]) -> View:
    """Return a view that moves pixels by a table: seen pixel i (counted row by row) is the picture's pixel order[i].

    Args:
        name: what the command line calls it.
        order: maps (height, width) to a permutation (height * width,) of 0 ... height * width - 1; it is called once per size.
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


def from_table(name: str, *tables: Tensor) -> View:
    """Return a view given by explicit permutations of the pixels of square pictures, one table for each size.

    In a picture whose side is a multiple, blocks of pixels move as the pixels would. One table therefore serves all stages of a
    cascade; of several, the largest that fits is used, so that each stage of a cascade can have its own.

    Args:
        name: what the command line calls it.
        tables: (side * side,) integers each; seen pixel i is the picture's pixel table[i].

    Raises:
        UserError: one is not a permutation of a square picture's pixels, or two have the same size; when it is used, that the
            picture's size does not fit them.
    """
    orders: dict[int, Tensor] = {}
    for table in tables:
        count = table.numel()
        side = round(count**0.5)
        if side * side != count or not count:
            raise UserError(f"the view '{name}' orders {count} pixels, which do not make a square picture")
        if not torch.equal(table.flatten().long().sort().values, torch.arange(count)):
            raise UserError(f"the view '{name}' is not a permutation; each of 0 to {count - 1} must be in it once")
        if side in orders:
            raise UserError(f"the view '{name}' has two tables for pictures of {side}x{side}; give one for each size")
        orders[side] = table.flatten().long()

    def order(height: int, width: int) -> Tensor:
        fitting = [side for side in orders if height == width and height % side == 0]
        if not fitting:
            sides = " and ".join(f"{side}x{side}" for side in orders)
            raise UserError(
                f"the view '{name}' orders the pixels of {sides} pictures; those of this model have {width}x{height}"
            )
        return enlarge_order(orders[max(fitting)], height // max(fitting))

    return from_order(name, order)


def enlarge_order(order: Tensor, factor: int) -> Tensor:
    """Return the order for a picture `factor` times the size, in which blocks of factor x factor pixels move as pixels did.

    Args:
        order: (side * side,) a permutation of pixels.
        factor: the size of a block.
    """
    side = round(order.numel() ** 0.5)
    block_row, block_column = order.view(side, side) // side, order.view(side, side) % side
    inside = torch.arange(side * factor) % factor
    row = block_row.repeat_interleave(factor, 0).repeat_interleave(factor, 1) * factor + inside[:, None]
    column = block_column.repeat_interleave(factor, 0).repeat_interleave(factor, 1) * factor + inside[None, :]
    table: Tensor = row * side * factor + column
    return table.flatten()


def as_view(view: View | ViewLike, name: str = "") -> View:
    """Return a `View` of anything with `forward` and `inverse`; a `View` stays as it is.

    An object without `inverse_variance` gets one that replaces the learned variance (of models that have one) by its mean over
    each picture, because every isometry keeps the mean.

    Args:
        view: the object.
        name: its name; "" for the object's own.

    Raises:
        UserError: the object has no `forward` or no `inverse`.
    """
    if isinstance(view, View):
        return view
    for part in ("forward", "inverse"):
        if not callable(getattr(view, part, None)):
            raise UserError(
                f"a view has functions `forward` and `inverse`, but this {type(view).__name__} has no `{part}`; add it"
            )
    name = name or str(getattr(view, "name", type(view).__name__))
    return View(name, view.forward, view.inverse, getattr(view, "inverse_variance", _mean))


def check_isometry(view: View | ViewLike, shape: tuple[int, int, int], draw: Callable[..., Tensor] = torch.randn) -> None:
    """Check that a view is a linear isometry with an exact inverse.

    Args:
        view: the view.
        shape: (C, H, W) of the pictures that it is checked on.
        draw: makes the random pictures; it is called like `torch.randn`.

    Raises:
        UserError: it is not; the message says why.
    """
    view = as_view(view)
    x, y = draw(1, *shape), draw(1, *shape)
    seen = _seen(view, x)
    if not torch.allclose(view.inverse(seen), x, atol=1e-5):
        raise _not_invertible(view)
    if not torch.allclose(seen.norm(), x.norm(), rtol=1e-4):
        raise UserError(f"the view '{view.name}' changes the norm of pictures, so noise seen through it is not standard noise")
    if not torch.allclose(view.forward(2 * x - y), 2 * seen - view.forward(y), atol=1e-4):
        raise UserError(f"the view '{view.name}' is not linear")


def check_inverse(view: View | ViewLike, shape: tuple[int, int, int], draw: Callable[..., Tensor] = torch.randn) -> None:
    """Check that a view can be undone on a smooth picture, which is all that an illusion of a latent model needs of it.

    Such a view is never shown noise, so it may interpolate pixels, stretch values, or be not linear.

    Args:
        view: the view.
        shape: (C, H, W) of the picture that it is checked on.
        draw: makes the random picture; it is called like `torch.randn`.

    Raises:
        UserError: it changes the shape, or what comes back is not the picture, up to a quarter of its contrast.
    """
    smooth = F.interpolate(draw(1, shape[0], 3, 3), shape[1:], mode="bicubic", align_corners=True)
    view = as_view(view)
    if not (view.inverse(_seen(view, smooth)) - smooth).square().mean().sqrt() <= smooth.std() / 4:
        raise _not_invertible(view)


def _seen(view: View, x: Tensor) -> Tensor:
    seen = view.forward(x)
    if seen.shape != x.shape:
        before, after = tuple(x.shape[1:]), tuple(seen.shape[1:])
        raise UserError(f"the view '{view.name}' turns a picture of shape {before} into one of shape {after}")
    return seen


def _not_invertible(view: View) -> UserError:
    return UserError(f"the view '{view.name}' is not invertible: inverse(forward(x)) is not x")


def _mean(x: Tensor) -> Tensor:
    return x.mean((1, 2, 3), keepdim=True).expand_as(x)
