"""Conversions between PIL pictures and tensors in [-1, 1]."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_tensor(image: Image.Image) -> Tensor:
    """Return a PIL picture (mode L or RGB) as a tensor (1, C, H, W) float32 in [-1, 1]."""
    array = np.asarray(image, dtype=np.float32)
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return torch.from_numpy(array / 127.5 - 1)[None]


def to_image(x: Tensor) -> Image.Image:
    """Return a tensor (C, H, W) in [-1, 1], clipped, as a PIL picture of mode L or RGB."""
    array = ((x.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    return Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0))


def enlarge(image: Image.Image, least: int = 224) -> Image.Image:
    """Enlarge a small picture by a whole factor without smoothing, until its smaller side has at least `least` pixels.

    Args:
        image: the picture.
        least: the smallest side in pixels.
    """
    factor = max(1, -(-least // min(image.size)))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
