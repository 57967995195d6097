"""Any folder of pictures as training data; its sub-folders are classes."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageOps

from ..errors import UserError
from ..images import flatten_transparency, open_image
from .data import LabelledPictures

MAX_BYTES = 4 * 10**9
"""Most bytes of prepared pictures."""

PICTURES = frozenset(
    {
        ".png",
        ".jpg",
        ".jpeg",
        ".jfif",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".avif",
        ".heic",
        ".ppm",
        ".pgm",
        ".pbm",
        ".jp2",
    }
)
"""The endings of files that are meant to be pictures, whether they can be read or not."""

LEFT_BY_TOOLS = frozenset({"__macosx", "thumbs.db", "desktop.ini", "#recycle", "lost+found", "system volume information"})

LAYOUTS = (
    "put all pictures into the folder itself (no classes), or the pictures of each class into a folder of its own inside it, "
    "with neither pictures next to those folders nor folders inside them"
)


@dataclass(frozen=True)
class Layout:
    """The files of a folder of pictures.

    Args:
        names: the names of the classes, in order; () if the folder has none.
        groups: the files of each class (of the only group, if there are no classes).
        stray: files next to the folders of the classes.
    """

    names: tuple[str, ...]
    groups: tuple[tuple[Path, ...], ...]
    stray: tuple[Path, ...] = ()

    @property
    def files(self) -> list[Path]:
        """All files of the classes."""
        return [file for group in self.groups for file in group]


def read_layout(path: Path) -> Layout:
    """Return how the pictures lie in a folder.

    Files that tools leave behind (hidden names, `@eaDir`, `__MACOSX`, `Thumbs.db`) are ignored.

    Args:
        path: the folder.

    Raises:
        UserError: there is no such folder, it may not be read, or it could be read in more than one way.
    """
    if not path.is_dir():
        raise UserError(
            f"there is no data set '{path}'; use mnist, mnist-sample, fashion-mnist, cifar-10, svhn, or a folder of pictures"
        )
    folders, files = _listed(path)
    if not folders:
        return Layout((), (tuple(files),))
    if loose := [file for file in files if file.suffix.lower() in PICTURES]:
        raise UserError(
            f"{path} holds {len(loose)} pictures (such as {loose[0].name}) next to {len(folders)} folders (such as "
            f"{folders[0].name}), so it could be read with or without classes; {LAYOUTS}"
        )
    groups = []
    for each in folders:
        inside, of_class = _listed(each)
        if inside:
            raise UserError(f"the class folder {each} holds folders itself (such as {inside[0].name}); {LAYOUTS}")
        groups.append(tuple(of_class))
    names = tuple(folder.name for folder in folders)
    twice = [name for name, count in Counter(name.strip().lower() for name in names).items() if count > 1]
    if twice:
        raise UserError(
            f"two class folders of {path} have the name '{twice[0]}' and differ only in capital letters; rename one of them"
        )
    return Layout(names, tuple(groups), tuple(files))


def _listed(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the other entries, each sorted by name, without what tools leave behind."""
    try:
        seen = sorted(entry for entry in path.iterdir() if not _ignored(entry.name))
    except OSError as error:
        raise UserError(
            f"the folder {path} cannot be read: {error.strerror}; correct its permissions, or choose another folder"
        ) from error
    for entry in seen:
        if not entry.name.isprintable():
            raise UserError(f"{path} holds a file name that cannot be printed ({entry.name!r}); rename the file")
    folders = [entry for entry in seen if entry.is_dir()]
    return folders, [entry for entry in seen if entry not in set(folders)]


def _ignored(name: str) -> bool:
    return name.startswith((".", "@", "$")) or name.lower() in LEFT_BY_TOOLS


def digest_of(path: Path) -> str:
    """Return a digest of the names and sizes of a folder's files."""
    return _digest(path, read_layout(path))


def _digest(path: Path, found: Layout) -> str:
    lines = [f"{file.relative_to(path)}\t{file.stat().st_size if file.is_file() else -1}" for file in found.files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_folder(path: Path, size: int, channels: int) -> tuple[LabelledPictures, tuple[str, ...], tuple[str, ...]]:
    """Read the pictures of a folder, crop them to squares and resize them; files that cannot be read are left out and named.

    Args:
        path: a folder of pictures, or of one folder per class.
        size: the side of the prepared pictures in pixels, divisible by 4.
        channels: 1 for grey, 3 for colour.

    Returns:
        The data, the names of the classes (none if there are no sub-folders), and what was left out and why.

    Raises:
        UserError: there is no such folder, its layout is ambiguous, nothing in it can be read, a class has fewer than two
            pictures, or the pictures need too much memory.
    """
    found = read_layout(path)
    most = MAX_BYTES // (size * size * channels)
    if (count := sum(file.suffix.lower() in PICTURES for file in found.files)) > most:
        raise UserError(
            f"{path} holds {count:,} pictures, which are {count * size * size * channels / 1e9:.1f} GB at {size}x{size}; the "
            f"limit is {MAX_BYTES / 1e9:.0f} GB: take at most {most:,} of them, or a smaller --size"
        )
    pictures: list[torch.Tensor] = []
    labels: list[int] = []
    skipped = [f"{file} lies next to the class folders" for file in found.stray]
    for label, group in enumerate(found.groups):
        before = len(pictures)
        for file in group:
            try:
                pictures.append(_prepared(file, size, channels))
                labels.append(label)
            except UserError as error:
                skipped.append(str(error))
            if len(pictures) > most:
                raise UserError(f"{path} holds more than {most:,} pictures of {size}x{size}; take fewer, or a smaller --size")
        if found.names and len(pictures) - before < 2:
            at = path / found.names[label]
            raise UserError(f"the class folder {at} has {len(pictures) - before} readable pictures; it needs at least 2")
    if len(pictures) < 2:
        why = f"; {skipped[0]}" if skipped else ""
        raise UserError(
            f"{path} has {len(pictures)} readable pictures ({len(skipped)} could not be read{why}); it needs at least 2"
        )
    return LabelledPictures(torch.stack(pictures), torch.tensor(labels)), found.names, tuple(skipped)


def _prepared(file: Path, size: int, channels: int) -> torch.Tensor:
    image = open_image(file)
    if image.mode == "RGBA":
        image, _ = flatten_transparency(image)
    image = ImageOps.fit(image.convert("L" if channels == 1 else "RGB"), (size, size), Image.Resampling.LANCZOS)
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.view(size, size, channels).permute(2, 0, 1).contiguous()
