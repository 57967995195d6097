"""The digit reader: a small classifier whose opinion and whose features measure the digits models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.checkpoint import load_tensors, to_float32
from ..models.zoo import WEIGHTS


class DigitReader(nn.Module):
    """A convolutional classifier of 28x28 digits; (N, 1, 28, 28) in [-1, 1] -> (N, 10) logits.

    Three pairs of 3x3 convolutions with batch normalisation at 28, 14 and 7 pixels; the mean over positions of the last
    one, 128 numbers, are the features in which Fréchet distances are measured.
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
        """(N, 1, 28, 28) -> (N, 128)."""
        out: Tensor = self.body(pictures)
        return out.mean((2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute the module's output for x (N, C, H, W)."""
        out: Tensor = self.head(F.dropout(self.features(pictures), 0.2, self.training))
        return out


@dataclass(frozen=True)
class RandomAffine:
    """Random affine warps, the augmentation the reader is trained with.

    Args:
        degrees: rotation up to this angle, either way.
        scale: relative change of size, either way.
        shift: translation in pixels, either way.
        shear: horizontal shear, either way.
    """

    degrees: float = 12.0
    scale: float = 0.12
    shift: float = 2.0
    shear: float = 0.15

    def __call__(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """RandomAffine pictures (N, C, H, W) at random; the shape stays."""
        n, _, height, _ = pictures.shape

        def symmetric(size: float) -> Tensor:
            return size * (2 * torch.rand(n, generator=generator, device=generator.device) - 1)

        angle = symmetric(torch.pi * self.degrees / 180)
        zoom, shear = 1 + symmetric(self.scale), symmetric(self.shear)
        dx, dy = symmetric(2 * self.shift / height), symmetric(2 * self.shift / height)
        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        theta = torch.stack([cos, -sin + shear, dx, sin, cos, dy], dim=1).view(n, 2, 3).to(pictures.device)
        grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
        return F.grid_sample(pictures + 1, grid, align_corners=False) - 1  # outside the picture is black, -1


@cache
def load_reader() -> DigitReader:
    """The bundled digit reader, in evaluation mode."""
    path = WEIGHTS / "digit-reader.safetensors"
    tensors, _ = load_tensors(path)
    reader = DigitReader()
    reader.load_state_dict(to_float32(tensors))
    return reader.eval().requires_grad_(False)


@torch.no_grad()
def digit_probabilities(pictures: Tensor, batch: int = 500) -> Tensor:
    """(N, 1, 28, 28) in [-1, 1] -> (N, 10) probabilities of each digit."""
    reader = load_reader()
    return torch.cat([reader(part).softmax(1) for part in torch.split(pictures.float(), batch)])


@torch.no_grad()
def digit_features(pictures: Tensor, batch: int = 500) -> Tensor:
    """(N, 1, 28, 28) in [-1, 1] -> (N, 128) features of the bundled reader."""
    reader = load_reader()
    return torch.cat([reader.features(part) for part in torch.split(pictures.float(), batch)])
