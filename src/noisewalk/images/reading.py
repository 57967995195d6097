"""Picture files, read within limits. This is the only place that lets Pillow open anything."""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import UserError
from . import png
from .modes import eight_bit

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "PPM")
"""The only formats that may be opened; Pillow also knows formats that start other programs, as EPS does."""
PICTURES = Path(__file__).parents[1] / "pictures"
"""The pictures that come with noisewalk: digits, drawings, two emoji that no model saw, a web picture, and masks."""
MAX_PIXELS = 50_000_000
MAX_BYTES = 100_000_000


@dataclass(frozen=True, eq=False)
class Opened:
    """A picture that was read.

    Args:
        image: the picture, upright, in mode L, RGB or RGBA.
        name: its name.
        notes: what was assumed.
    """

    image: Image.Image
    name: str
    notes: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name of its file, without the folders."""
        return Path(self.name).name


def open_image(source: str | Path | Image.Image) -> Image.Image:
    """Read a picture file within limits, upright, in mode L, RGB or RGBA; of several pages, the first is read.

    Args:
        source: a file or a PIL picture.

    Raises:
        UserError: it is missing, empty, not a picture, damaged, an animation, or larger than MAX_PIXELS or MAX_BYTES.
    """
    return open_picture(source).image


def open_picture(source: str | Path | Image.Image | Opened, name: str = "picture") -> Opened:
    """Read a picture as `open_image` does, with its name and what was assumed; what is open already stays as it is.

    Args:
        source: a file, a PIL picture, or one that was opened.
        name: the name of a picture that does not come from a file.
    """
    if isinstance(source, Opened):
        return source
    if isinstance(source, Image.Image):
        with _reading(name):
            return _decoded(source, name, MAX_PIXELS)
    if not isinstance(source, str | Path):
        kind = type(source).__name__
        raise UserError(
            f"a picture must be the name of a file or a PIL image, but a {kind} was given; convert it with PIL.Image.fromarray"
        )
    return open_bytes(read_file(source), str(source))


def open_bytes(data: bytes, name: str, formats: Sequence[str] = FORMATS, most: int = MAX_PIXELS) -> Opened:
    """Read a picture, as `open_picture` does, from the content of a file.

    Args:
        data: the content.
        name: the name of the file.
        formats: the formats of `FORMATS` that are tried.
        most: most pixels.
    """
    Image.init()
    known = [each for each in formats if each in Image.OPEN]
    with _reading(name):
        if data.startswith(png.SIGNATURE):
            data = png.without_extras(data)
        with Image.open(io.BytesIO(data), formats=known) as opened:
            return _decoded(opened, name, most)


def size_of(data: bytes, name: str, formats: Sequence[str] = FORMATS) -> tuple[int, int]:
    """Return width and height of a picture or film, from the head of its file alone.

    Args:
        data: the content.
        name: the name of the file.
        formats: the formats of `FORMATS` that are tried.
    """
    with _reading(name), Image.open(io.BytesIO(data), formats=list(formats)) as opened:
        return opened.size


def read_file(path: str | Path, what: str = "picture") -> bytes:
    """Return the content of a file that is no longer than MAX_BYTES.

    Args:
        path: the file.
        what: what the file should be, for the message.

    Raises:
        UserError: it is missing, empty, too large, not a regular file, or may not be read.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            folder = stat.S_ISDIR(found.st_mode)
            kind = "folder" if folder else "pipe or a device"
            raise UserError(f"there is no {what} file {path} (it is a {kind}); give the name of a file")
        if not found.st_size or found.st_size > MAX_BYTES:
            size = f"{found.st_size / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB"
            raise UserError(f"{path} is {size if found.st_size else 'empty'}; give another {what} file")
        with open(path, "rb") as file:
            return file.read(MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"there is no {what} file {str(path) or repr('')}; give the name of a file on this machine") from error
    except OSError as error:
        raise UserError(f"cannot read the {what} {path}: {error.strerror}; check its name and permissions") from error
    except UserError:
        raise
    except ValueError as error:  # a null character in the name
        raise UserError(f"{str(path)!r} cannot be the name of a {what} file: {error}") from error


def _decoded(image: Image.Image, name: str, most: int) -> Opened:
    if image.width * image.height > most:
        raise UserError(f"{name} has {image.width}x{image.height} pixels; the limit is {most:,}, so make it smaller first")
    notes: tuple[str, ...] = ()
    if getattr(image, "is_animated", False):
        if image.format not in ("MPO", "TIFF"):
            raise UserError(f"{name} is an animation; save the frame that you want as a PNG, and use that")
        if image.format == "TIFF":
            notes = ("it has several pages; the first is used",)
    made, read = eight_bit(ImageOps.exif_transpose(image), name)
    return Opened(made, name, notes + read)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises about a damaged file into one `UserError`, and silence its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except UnidentifiedImageError as error:
        kinds = ", ".join(FORMATS)
        raise UserError(f"{name} is not a picture noisewalk can read, or it is damaged; give a file of {kinds}") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{name} is too large ({error}); make it smaller first") from error
    except Exception as error:  # decoders raise about fifteen kinds of errors on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{name} is damaged or cut short ({reason}); make or fetch it again") from error
