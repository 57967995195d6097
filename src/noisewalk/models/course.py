"""The course U-Net (CS180, part B), layer for layer.

Batch normalisation makes a batch's pictures share statistics in training, so it is evaluated with `eval()`; convolutions have
biases, which the published parameter counts include.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class CourseUNetConfig:
    """The shape of a `CourseUNet`.

    Args:
        hidden: D, the width of the finest resolution; 128 for the denoiser, 64 for the rest.
        in_channels: 1 for grey, 3 for colour.
        image_size: height and width, pixels; divisible by 4.
        time: whether it is told the time.
        num_classes: number of labels, 0 for none; label `num_classes` stands for "no label" (a one-hot of zeros).
        edition: how conditions enter. "add" (2024, DDPM): h + t, with class c h + t. "scale" (2025, flow): h t, with class
            c h + t.
    """

    hidden: int = 64
    in_channels: int = 1
    image_size: int = 28
    time: bool = False
    num_classes: int = 0
    edition: Literal["add", "scale"] = "scale"


def conv(c_in: int, c_out: int) -> nn.Sequential:
    """Same size: 3x3 convolution, batch normalisation, GELU."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, 1, 1), nn.BatchNorm2d(c_out), nn.GELU())


def conv_block(c_in: int, c_out: int) -> nn.Sequential:
    """Two `conv`s."""
    return nn.Sequential(conv(c_in, c_out), conv(c_out, c_out))


def down_block(c_in: int, c_out: int) -> nn.Sequential:
    """Half the size: 3x3 convolution of stride 2, batch normalisation, GELU; then a `conv_block`."""
    down = nn.Sequential(nn.Conv2d(c_in, c_out, 3, 2, 1), nn.BatchNorm2d(c_out), nn.GELU())
    return nn.Sequential(down, conv_block(c_out, c_out))


def up_block(c_in: int, c_out: int) -> nn.Sequential:
    """Twice the size: 4x4 transposed convolution of stride 2, batch normalisation, GELU; then a `conv_block`."""
    up = nn.Sequential(nn.ConvTranspose2d(c_in, c_out, 4, 2, 1), nn.BatchNorm2d(c_out), nn.GELU())
    return nn.Sequential(up, conv_block(c_out, c_out))


def fc_block(c_in: int, c_out: int) -> nn.Sequential:
    """Linear, GELU, linear."""
    return nn.Sequential(nn.Linear(c_in, c_out), nn.GELU(), nn.Linear(c_out, c_out))


class CourseUNet(nn.Module):
    """(N, C, H, W) noisy picture, (N,) time in [0, 1], (N,) label -> (N, C, H, W); time and label only if it has them."""

    def __init__(self, config: CourseUNetConfig) -> None:
        super().__init__()
        self.config = config
        d, c, coarse = config.hidden, config.in_channels, config.image_size // 4
        self.init = conv_block(c, d)
        self.down1 = down_block(d, d)
        self.down2 = down_block(d, 2 * d)
        self.flatten = nn.Sequential(nn.AvgPool2d(coarse), nn.GELU())
        self.unflatten = nn.Sequential(nn.ConvTranspose2d(2 * d, 2 * d, coarse, coarse, 0), nn.BatchNorm2d(2 * d), nn.GELU())
        self.up1 = up_block(4 * d, d)
        self.up2 = up_block(2 * d, d)
        self.out = nn.Sequential(conv_block(2 * d, d), nn.Conv2d(d, c, 3, 1, 1))
        widths = (2 * d, d)
        self.times = nn.ModuleList(fc_block(1, width) for width in widths) if config.time else None
        self.labels = nn.ModuleList(fc_block(config.num_classes, width) for width in widths) if config.num_classes else None

    def forward(self, x: Tensor, t: Tensor | None = None, label: Tensor | None = None) -> Tensor:
        fine = self.init(x)
        middle = self.down1(fine)
        coarse = self.down2(middle)
        h = self._condition(0, self.unflatten(self.flatten(coarse)), t, label)
        h = self._condition(1, self.up1(torch.cat([h, coarse], 1)), t, label)
        h = self.up2(torch.cat([h, middle], 1))
        out: Tensor = self.out(torch.cat([h, fine], 1))
        return out

    def _condition(self, i: int, h: Tensor, t: Tensor | None, label: Tensor | None) -> Tensor:
        if self.times is None:
            return h
        assert t is not None
        shift: Tensor = self.times[i](t.to(h.dtype)[:, None])[:, :, None, None]
        if self.labels is None:
            return h * shift if self.config.edition == "scale" else h + shift
        assert label is not None
        num = self.config.num_classes
        one_hot = nn.functional.one_hot(label, num + 1)[:, :num].to(h.dtype)  # "no label" is all zeros, not class 0
        scale: Tensor = self.labels[i](one_hot)[:, :, None, None]
        return scale * h + shift
