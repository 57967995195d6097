"""Pictures of a walk while it is walked; the walk waits for them, so they are small, and latents are seldom decoded."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images import to_image
from .pictures import data_url, picture_url, tiled

SHARE = 0.1
"""The share of the time of a walk that its decoder may take for previews."""
LARGEST, EXACT = 448, 128
"""The largest side of a preview, and of a preview that is sent without loss, in pixels."""


class Preview:
    """The pictures of one walk's states.

    Pictures are shown as they are. Latents z are decoded now and then. In between they are shown at once by a linear map, which
    is fitted to the last decoded picture:

        rgb = W z + b, by least squares over all pixels of the latents

    Args:
        decode: maps states (N, c, h, w) to pictures (N, C, H, W); pictures stay as they are.
    """

    def __init__(self, decode: Callable[[Tensor], Tensor]) -> None:
        self._decode = decode
        self._weights: Tensor | None = None
        self._rest_until = 0.0

    def __call__(self, x_t: Tensor, x0: Tensor) -> tuple[Tensor, Tensor]:
        """Return x_t and x0 (N, c, h, w) as pictures in [-1, 1]."""
        if self._weights is not None and self._fits(x0) and time.monotonic() < self._rest_until:
            return projected(self._weights, x_t), projected(self._weights, x0)
        began = time.monotonic()
        picture = self._decode(x0)
        if picture.shape == x0.shape:
            return x_t.clamp(-1, 1), x0.clamp(-1, 1)
        ended = time.monotonic()
        self._rest_until = ended + (ended - began) / SHARE
        self._weights = fitted(x0, picture)
        return projected(self._weights, x_t), picture.clamp(-1, 1)

    def _fits(self, latents: Tensor) -> bool:
        return self._weights is not None and len(self._weights) == latents.shape[1] + 1


def fitted(latents: Tensor, pictures: Tensor) -> Tensor:
    """Return the linear map (c + 1, C) from latents (N, c, h, w) that comes nearest to their pictures (N, C, H, W)."""
    _, _, height, width = latents.shape
    small = F.adaptive_avg_pool2d(pictures.detach().float().cpu(), (height, width))
    weights: Tensor = torch.linalg.lstsq(_rows(latents), small.movedim(1, -1).flatten(0, 2)).solution
    return weights


def projected(weights: Tensor, latents: Tensor) -> Tensor:
    """Return latents (N, c, h, w) as pictures (N, C, h, w) in [-1, 1], by a map of `fitted`."""
    num, _, height, width = latents.shape
    return (_rows(latents) @ weights).view(num, height, width, -1).movedim(-1, 1).clamp(-1, 1)


def _rows(latents: Tensor) -> Tensor:
    """Return the latents of each pixel, and 1, as (N h w, c + 1)."""
    return F.pad(latents.detach().float().cpu().movedim(1, -1).flatten(0, 2), (0, 1), value=1.0)


def preview_url(x: Tensor) -> str:
    """Return a batch (N, C, H, W) in [-1, 1] as one small picture, as square as possible; a large one is a JPEG."""
    sheet = tiled(x, math.ceil(math.sqrt(len(x))))
    factor = -(-max(sheet.shape[1:]) // LARGEST)
    small = F.avg_pool2d(sheet[None].float(), factor, ceil_mode=True)[0] if factor > 1 else sheet
    if max(small.shape[1:]) <= EXACT:
        return picture_url(small)
    buffer = io.BytesIO()
    to_image(small).save(buffer, "JPEG", quality=85)
    return data_url(buffer.getvalue(), "image/jpeg")
