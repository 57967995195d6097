"""Training data by name, and what a network has to know about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .data import LabelledPictures, fashion_mnist, mnist, mnist_sample
from .folder import digest_of, read_folder
from .photographs import cifar10, svhn

GARMENTS = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
DIGITS = tuple(str(digit) for digit in range(10))
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BUILT_IN = ("mnist", "mnist-sample", "fashion-mnist", "cifar-10", "svhn")


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Args:
        name: one of `BUILT_IN`, or the folder.
        channels: the channels of its pictures.
        size: their side in pixels.
        names: the names of its classes, in the order of their labels.
        load: reads it.
        skipped: the pictures that were left out, and why.
        held_out: reads pictures that are never trained on; None if there are none.
        digest: a digest of the names and sizes of a folder's files; "" for the other data sets.
        count: the number of its training pictures.
        mirrors: whether a mirrored picture is still one of the data set, which digits are not.
    """

    name: str
    channels: int
    size: int
    names: tuple[str, ...]
    load: Callable[[], LabelledPictures]
    skipped: tuple[str, ...] = ()
    held_out: Callable[[], LabelledPictures] | None = None
    digest: str = ""
    count: int = 60_000
    mirrors: bool = True


def open_dataset(name: str, size: int = 28, channels: int = 3) -> Dataset:
    """Return a data set by its name.

    Args:
        name: one of `BUILT_IN`, or a folder of pictures (with one folder for each class).
        size: the side in pixels of the prepared pictures of a folder; the other data sets have their own.
        channels: their channels, 1 or 3.

    Raises:
        UserError: it does not exist, or it cannot be used.
    """
    if name == "mnist":
        return Dataset(name, 1, 28, DIGITS, lambda: mnist("train"), held_out=lambda: mnist("test"), mirrors=False)
    if name == "mnist-sample":
        sample = partial(Dataset, name, 1, 28, DIGITS, count=5_000, mirrors=False)
        return sample(lambda: mnist_sample("train"), held_out=lambda: mnist_sample("test"))
    if name == "fashion-mnist":
        return Dataset(name, 1, 28, GARMENTS, lambda: fashion_mnist("train"), held_out=lambda: fashion_mnist("test"))
    if name == "cifar-10":
        return Dataset(name, 3, 32, THINGS, lambda: cifar10("train"), held_out=lambda: cifar10("test"), count=50_000)
    if name == "svhn":
        house_numbers = partial(Dataset, name, 3, 32, DIGITS, count=73_257, mirrors=False)
        return house_numbers(lambda: svhn("train"), held_out=lambda: svhn("test"))
    digest = digest_of(Path(name))
    data, names, skipped = read_folder(Path(name), size, channels)
    return Dataset(name, channels, size, names, lambda: data, skipped, digest=digest, count=len(data))


def what_was_read(data: Dataset) -> str:
    """Say how many pictures of which classes a data set has, and which of the files were left out and why."""
    classes = ", ".join(data.names[:5]) + (", …" if len(data.names) > 5 else "")
    text = f"{data.name}: {data.count:,} pictures"
    text += f" of {len(data.names)} classes ({classes})" if data.names else " without classes"
    if not data.skipped:
        return text
    few = "; ".join(each.replace(f"{data.name}/", "") for each in data.skipped[:3])
    return f"{text}; {len(data.skipped)} files were left out: {few}" + ("; …" if len(data.skipped) > 3 else "")
