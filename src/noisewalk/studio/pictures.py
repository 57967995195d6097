"""Pictures as data URLs: the page and the studio exchange them only in this form, without a file of the server."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..images import encode_png, open_bytes, to_image
from ..report.figures import spread
from .limits import Limits

COLUMNS = 32
MOST_PIXELS = 6_000_000
"""The most pixels of all frames of a walk together; of a longer walk, evenly spaced frames are shown."""


def data_url(data: bytes, kind: str = "image/png") -> str:
    """Return the bytes of a file as a data URL."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def picture_url(x: Tensor) -> str:
    """Return a picture (C, H, W) in [-1, 1] as a data URL."""
    return data_url(encode_png(to_image(x)))


def from_url(text: Any, limits: Limits) -> bytes:
    """Return the bytes of a data URL of a picture, whatever kind the browser says it has.

    Raises:
        UserError: it is not a data URL, it is damaged, or it is larger than the limit.
    """
    if not isinstance(text, str) or not text.startswith("data:image/"):
        raise UserError("a picture must be uploaded, drawn, pasted or dropped, but this is not picture data")
    if len(text) > limits.upload * 4 // 3 + 100:
        raise UserError(
            f"this picture is larger than the {limits.upload / 1e6:.0f} MB that this studio takes; make it smaller first"
        )
    try:
        return base64.b64decode(text.partition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise UserError("the picture data is damaged; choose the picture again") from error


def decoded(text: Any, limits: Limits, name: str = "picture") -> Image.Image:
    """Return the picture of a data URL, read within the same limits as files.

    Raises:
        UserError: it is not a picture, damaged, an animation, or too large.
    """
    return open_bytes(from_url(text, limits), name, most=limits.pixels).image


def tiled(x: Tensor, columns: int) -> Tensor:
    """Place pictures (N, C, H, W) row by row, as (C, rows H, columns W); the rest is white."""
    num, channels, height, width = x.shape
    rows = -(-num // columns)
    filled = torch.cat([x, torch.ones(rows * columns - num, channels, height, width, dtype=x.dtype, device=x.device)])
    grid = filled.view(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return grid.reshape(channels, rows * height, columns * width)


def strip(pictures: Sequence[Tensor]) -> dict[str, Any]:
    """Return frames (C, H, W) as one sheet, which the page cuts into frames again.

    Returns:
        The data URL of the sheet, the number of frames, the columns, and the size of a frame.
    """
    size = pictures[-1].shape[1:]
    same = [p if p.shape[1:] == size else F.interpolate(p[None], size, mode="nearest")[0] for p in pictures]
    columns = min(COLUMNS, len(same))
    sheet = picture_url(tiled(torch.stack(same), columns))
    return {"url": sheet, "count": len(same), "columns": columns, "width": size[1], "height": size[0]}


def chosen(count: int, height: int, width: int) -> list[int]:
    """Return the numbers of the frames that are shown: all of them, unless they have too many pixels."""
    return spread(count, max(2, MOST_PIXELS // (height * width)))
