"""The digit reader: a small classifier of digits, whose answers and features measure the digits models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.bundled import WEIGHTS, present
from ..models.checkpoint import load_tensors, to_float32


class DigitReader(nn.Module):
    """A convolutional classifier of 28x28 digits.

    It maps pictures (N, 1, 28, 28) in [-1, 1] to logits (N, 10). It has three pairs of 3x3 convolutions with batch
    normalisation, at 28, 14 and 7 pixels. The mean over positions of the last one, 128 numbers, is the feature in which Fréchet
    distances are measured.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (32, 64, 128)
        layers: list[nn.Module] = []
        c_in = 1
        for i, width in enumerate(widths):
            for stride in (2 if i else 1, 1):
                layers += [nn.Conv2d(c_in, width, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                c_in = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], 10)

    def features(self, pictures: Tensor) -> Tensor:
        """Return the features (N, 128) of pictures (N, 1, 28, 28)."""
        out: Tensor = self.body(pictures)
        return out.mean((2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits (N, 10) of pictures (N, 1, 28, 28) in [-1, 1]."""
        out: Tensor = self.head(F.dropout(self.features(pictures), 0.2, self.training))
        return out


@dataclass(frozen=True)
class RandomAffine:
    """Random affine warps, the augmentation that the reader is trained with.

    Args:
        degrees: the largest rotation, in both directions.
        scale: the largest relative change of size, in both directions.
        shift: the largest translation in pixels, in all directions.
        shear: the largest horizontal shear, in both directions.
    """

    degrees: float = 12.0
    scale: float = 0.12
    shift: float = 2.0
    shear: float = 0.15

    def __call__(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Warp pictures (N, C, H, W) at random; the shape stays."""
        n, _, height, _ = pictures.shape

        def symmetric(size: float) -> Tensor:
            return size * (2 * torch.rand(n, generator=generator, device=generator.device) - 1)

        angle = symmetric(torch.pi * self.degrees / 180)
        zoom, shear = 1 + symmetric(self.scale), symmetric(self.shear)
        dx, dy = symmetric(2 * self.shift / height), symmetric(2 * self.shift / height)
        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        theta = torch.stack([cos, -sin + shear, dx, sin, cos, dy], dim=1).view(n, 2, 3).to(pictures.device)
        grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
        return F.grid_sample(pictures + 1, grid, align_corners=False) - 1  # outside the picture it is black, -1


BATCH = 64
"""The digits per call of the reader, few enough for the cache of a processor: 500 take twice as long per digit."""


def reader_file() -> Path:
    """Return the weights of the bundled digit reader."""
    return present(WEIGHTS / "digit-reader.safetensors")


@cache
def load_reader() -> DigitReader:
    """Return the bundled digit reader, in evaluation mode."""
    tensors, _ = load_tensors(reader_file())
    reader = DigitReader()
    reader.load_state_dict(to_float32(tensors))
    return reader.eval().requires_grad_(False)


@torch.no_grad()
def digit_probabilities(pictures: Tensor, batch: int = BATCH) -> Tensor:
    """Return the probability of each digit, as the bundled reader sees it.

    Args:
        pictures: (N, 1, 28, 28) in [-1, 1].
        batch: the number of pictures per call.

    Returns:
        (N, 10), each row sums to 1.
    """
    reader = load_reader()
    return torch.cat([reader(part).softmax(1) for part in torch.split(pictures.float(), batch)])


@torch.no_grad()
def digit_features(pictures: Tensor, batch: int = BATCH) -> Tensor:
    """Return the features of the bundled reader, in which Fréchet distances are measured.

    Args:
        pictures: (N, 1, 28, 28) in [-1, 1].
        batch: the number of pictures per call.

    Returns:
        (N, 128).
    """
    reader = load_reader()
    return torch.cat([reader.features(part) for part in torch.split(pictures.float(), batch)])
