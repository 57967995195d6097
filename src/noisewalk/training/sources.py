"""Training data by name, and what a network has to know about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .data import Labelled, fashion_mnist, mnist
from .folder import folder

GARMENTS = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@dataclass(frozen=True)
class Source:
    """A data set.

    Args:
        name: "mnist", "fashion-mnist" or the folder.
        channels, size: of its pictures.
        names: of its classes, in the order of their labels.
        load: reads it.
        skipped: pictures that were left out, and why.
        held_out: reads pictures that are never trained on, if there are any.
    """

    name: str
    channels: int
    size: int
    names: tuple[str, ...]
    load: Callable[[], Labelled]
    skipped: tuple[str, ...] = ()
    held_out: Callable[[], Labelled] | None = None


def source(name: str, size: int = 28, channels: int = 3) -> Source:
    """A data set by name.

    Args:
        name: "mnist", "fashion-mnist", or a folder of pictures (of one folder a class, if it has classes).
        size, channels: of the prepared pictures of a folder; the others have their own.

    Raises:
        UserError: it is not to be had, or not to be used.
    """
    if name == "mnist":
        digits = tuple(str(d) for d in range(10))
        return Source(name, 1, 28, digits, lambda: mnist("train"), held_out=lambda: mnist("test"))
    if name == "fashion-mnist":
        return Source(name, 1, 28, GARMENTS, lambda: fashion_mnist("train"), held_out=lambda: fashion_mnist("test"))
    data, names, skipped = folder(Path(name), size, channels)
    return Source(name, channels, size, names, lambda: data, skipped)
