"""Training pictures: MNIST from NOISEWALK_DATA, the user's cache, a checked download, or the sample in the package."""

from __future__ import annotations

import gzip
import hashlib
import os
import warnings
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError, install
from ..walk.prediction import Condition

Split = Literal["train", "test"]

SAMPLE = Path(str(files("noisewalk") / "data" / "mnist-sample"))
"""The first 5,000 training and 1,000 test digits."""

_PREFIX = {"train": "train", "test": "t10k"}
_MIRRORS = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion-mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "cifar-10": "https://www.cs.toronto.edu/~kriz/",
    "svhn": "http://ufldl.stanford.edu/housenumbers/",
}
HASHES = {  # of the files as their authors publish them
    "fashion-mnist": {
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
    "cifar-10": {"cifar-10-binary.tar.gz": "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    "svhn": {
        "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
    },
}
_SHA256 = {  # of the decompressed files, so that any compression of the same digits is accepted
    "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class Data(Protocol):
    """Pictures with their conditions."""

    def __len__(self) -> int: ...

    def batch(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Condition]:
        """Return the pictures (N, C, H, W) uint8 of the rows (N,), and their conditions, whose first dimension is N."""
        ...

    def to(self, device: torch.device) -> Self:
        """Return the same data on a device; `rows` and `generator` must then be there too."""
        ...


@dataclass(frozen=True, eq=False)
class LabelledPictures:
    """Pictures and their labels.

    Args:
        pictures: (N, C, H, W) uint8.
        labels: (N,) int64.
    """

    pictures: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Condition]:
        """Return the pictures of the rows and their labels as the condition; the generator is not used."""
        return self.pictures[rows], (self.labels[rows],)

    def to(self, device: torch.device) -> LabelledPictures:
        """Return the same pictures on a device."""
        return LabelledPictures(self.pictures.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Flipped:
    """Data of which every second picture, by chance, is mirrored left to right each time that it is shown.

    Args:
        data: the data.
    """

    data: Data

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Condition]:
        """Return the pictures of the rows and their conditions; the generator draws which pictures are mirrored."""
        pictures, cond = self.data.batch(rows, generator)
        mirrored = torch.rand(len(pictures), generator=generator, device=generator.device) < 0.5
        return torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures), cond

    def to(self, device: torch.device) -> Flipped:
        """Return the same data on a device."""
        return Flipped(self.data.to(device))


def mnist(split: Split) -> LabelledPictures:
    """Return the official MNIST files: 60,000 training or 10,000 test digits, 28x28, white on black.

    They are looked for in `$NOISEWALK_DATA/mnist` (or `$NOISEWALK_DATA`) and in the user's cache, and then downloaded to the
    cache with their checksums verified. Without a network, the result is the first 5,000 training and 1,000 test digits, which
    come with noisewalk, and a warning says so.

    Args:
        split: "train" or "test".

    Raises:
        UserError: a file that is there is not the official one.
    """
    return _idx("mnist", split)


def fashion_mnist(split: Split) -> LabelledPictures:
    """Return Fashion-MNIST: 60,000 training or 10,000 test garments of 10 classes; it is looked for as MNIST is.

    Args:
        split: "train" or "test".

    Raises:
        NotFound: it is nowhere, and cannot be downloaded.

    Reference: Xiao et al., *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms*, 2017,
    https://arxiv.org/abs/1708.07747.
    """
    return _idx("fashion-mnist", split)


def _idx(name: str, split: Split) -> LabelledPictures:
    prefix = _PREFIX[split]
    try:
        images, labels = (_read_idx(locate(name, f"{prefix}-{kind}-ubyte.gz"), name) for kind in ("images-idx3", "labels-idx1"))
    except NotFound as error:
        if name != "mnist":
            raise
        sample = mnist_sample(split)
        warnings.warn(
            f"{error}. Until then, the {len(sample):,} {split} digits that come with noisewalk are used", stacklevel=3
        )
        return sample
    return LabelledPictures(torch.from_numpy(images)[:, None], torch.from_numpy(labels).long())


def mnist_sample(split: Split) -> LabelledPictures:
    """Return the first 5,000 training or 1,000 test digits of MNIST, which come with noisewalk."""
    images, labels = (_read_idx(SAMPLE / f"{_PREFIX[split]}-{kind}-ubyte.gz", "") for kind in ("images-idx3", "labels-idx1"))
    return LabelledPictures(torch.from_numpy(images)[:, None], torch.from_numpy(labels).long())


def has_official_mnist() -> bool:
    """Return whether the official training digits are here or can be downloaded; a warning says why not."""
    try:
        for kind in ("images-idx3", "labels-idx1"):
            locate("mnist", f"train-{kind}-ubyte.gz")
    except NotFound as error:
        warnings.warn(f"{error}. Until then, the 5,000 training digits that come with noisewalk are used", stacklevel=2)
        return False
    return True


class NotFound(UserError):
    """The data is nowhere, and it cannot be downloaded."""


def from_uint8(pictures: Tensor) -> Tensor:
    """Map pictures of 8 bits, 0 to 255, to float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1


def locate(name: str, file: str) -> Path:
    """Return where a file of a data set is: under NOISEWALK_DATA, in the user's cache, or downloaded to it.

    Args:
        name: the data set.
        file: the name of the file.

    Raises:
        NotFound: it is nowhere, and cannot be downloaded.
    """
    if root := os.environ.get("NOISEWALK_DATA"):
        for folder in (Path(root) / name, *([Path(root)] if name == "mnist" else [])):
            if (folder / file).is_file():
                return folder / file
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise NotFound(
            f"{name}/{file} was not found under NOISEWALK_DATA, and downloading it needs pooch: {install('train')}"
        ) from error
    cache = pooch.os_cache("noisewalk") / name
    try:
        return Path(pooch.retrieve(_MIRRORS[name] + file, known_hash=HASHES.get(name, {}).get(file), fname=file, path=cache))
    except (OSError, ValueError) as error:
        raise NotFound(
            f"{name} could not be downloaded ({type(error).__name__}); check the network, "
            f"or put {file} into {cache} or into the folder that NOISEWALK_DATA names"
        ) from error


def _read_idx(path: Path, name: str) -> np.ndarray:
    """Read an IDX file.

    It has the bytes 0, 0, 8 (for uint8) and the number of dimensions, then the dimensions as big-endian int32, and then the
    data.
    """
    try:
        raw = gzip.decompress(path.read_bytes())
        if name == "mnist" and hashlib.sha256(raw).hexdigest() != _SHA256[path.name]:
            raise ValueError("its checksum is not the official one")
        ndim = raw[3]
        shape = np.frombuffer(raw, ">i4", ndim, offset=4)
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * ndim).reshape(shape).copy()
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise UserError(f"{path} is not a complete {name} file ({error}); delete it and try again") from error
