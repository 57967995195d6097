"""Colour pictures of 32x32 pixels, CIFAR-10 and SVHN, from the files of their authors; nothing is unpickled."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import torch

from ..errors import UserError, install
from .data import HASHES, LabelledPictures, Split, locate

_ARCHIVE = "cifar-10-binary.tar.gz"
_CIFAR_FILES = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
_RECORD = 1 + 3 * 32 * 32


def cifar10(split: Split) -> LabelledPictures:
    """Return CIFAR-10: 50,000 training or 10,000 test photographs of 10 classes.

    The archive of the binary version is looked for as MNIST is.

    Args:
        split: "train" or "test".

    Raises:
        UserError: it is nowhere and cannot be downloaded, or the file is not the official one.

    Reference: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html.
    """
    return read_cifar(_official("cifar-10", _ARCHIVE), split)


def svhn(split: Split) -> LabelledPictures:
    """Return SVHN, digits of house numbers: 73,257 training or 26,032 test pictures.

    The cropped digits are looked for as MNIST is.

    Args:
        split: "train" or "test".

    Raises:
        UserError: it is nowhere and cannot be downloaded, the file is not the official one, or scipy is not installed.

    Reference: Netzer et al., *Reading Digits in Natural Images with Unsupervised Feature Learning*, 2011,
    http://ufldl.stanford.edu/housenumbers.
    """
    return read_svhn(_official("svhn", f"{split}_32x32.mat"))


def _official(name: str, file: str) -> Path:
    """Return the path of a file, after a check against the checksum of the original."""
    path = locate(name, file)
    kind, _, wanted = HASHES[name][file].partition(":")
    with path.open("rb") as opened:
        if hashlib.file_digest(opened, kind).hexdigest() != wanted:
            raise UserError(f"{path} is not the official file of {name} (its checksum differs); delete it and try again")
    return path


def read_cifar(archive: Path, split: Split) -> LabelledPictures:
    """Read the binary version of CIFAR-10: records of a label and 3 x 32 x 32 bytes, red first.

    Args:
        archive: the .tar.gz file.
        split: "train" or "test".

    Raises:
        UserError: the archive does not hold these files.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for member in opened:
                name = Path(member.name).name
                if name in _CIFAR_FILES[split] and member.isfile() and member.size == 10_000 * _RECORD:
                    file = opened.extractfile(member)
                    found[name] = file.read() if file else b""
        raw = np.frombuffer(b"".join(found[name] for name in _CIFAR_FILES[split]), np.uint8).reshape(-1, _RECORD).copy()
    except (OSError, EOFError, tarfile.TarError, ValueError, KeyError) as error:
        raise UserError(f"{archive} is not the binary version of CIFAR-10 ({error}); delete it and try again") from error
    records = torch.from_numpy(raw)
    return LabelledPictures(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].long())


def read_svhn(path: Path) -> LabelledPictures:
    """Read cropped digits of SVHN: X (32, 32, 3, N) uint8 and y (N, 1), in which 10 stands for the digit 0.

    Args:
        path: the .mat file.

    Raises:
        UserError: the file does not hold these arrays, or scipy is not installed.
    """
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise UserError(f"svhn needs scipy: {install('train')}") from error
    try:
        read = loadmat(path, variable_names=("X", "y"))
        pictures, labels = torch.from_numpy(read["X"]).permute(3, 2, 0, 1), torch.from_numpy(read["y"]).long().flatten() % 10
        if pictures.shape != (len(labels), 3, 32, 32) or pictures.dtype != torch.uint8:
            raise ValueError(f"its pictures are {pictures.dtype} of shape {tuple(pictures.shape)}")
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{path} is not a file of SVHN ({error}); delete it and try again") from error
    return LabelledPictures(pictures.contiguous(), labels)
