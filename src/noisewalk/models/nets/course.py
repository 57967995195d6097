"""The U-Net of the course (CS180, part B), layer for layer.

Batch normalisation makes the pictures of a batch share statistics in training, so the network is evaluated with `eval()`.
Convolutions have biases, which the published parameter counts include.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

LARGE = 64 * 2**20
"""Bytes of the finest features from which on, in training on a CPU, features are computed again instead of kept.

D = 128 at a batch of 256 has 103 MB, and 23 of them.
"""


@dataclass(frozen=True)
class CourseUNetConfig:
    """The shape of a `CourseUNet`.

    Args:
        hidden: D, the width of the finest resolution; 128 for the denoiser, 64 for the rest.
        in_channels: 1 for grey, 3 for colour.
        image_size: height and width in pixels; divisible by 4.
        time: whether the network is conditioned on the time.
        num_classes: the number of labels, 0 for none; label `num_classes` stands for "no label" (a one-hot vector of zeros).
        edition: how conditions enter. "add" (2024, DDPM): h + t, with a class c h + t. "scale" (2025, flow): h t, with a class
            c h + t.
    """

    hidden: int = 64
    in_channels: int = 1
    image_size: int = 28
    time: bool = False
    num_classes: int = 0
    edition: Literal["add", "scale"] = "scale"


def conv(c_in: int, c_out: int) -> nn.Sequential:
    """Return a 3x3 convolution with batch normalisation and GELU, which keeps the size."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, 1, 1), nn.BatchNorm2d(c_out), nn.GELU())


def conv_block(c_in: int, c_out: int) -> nn.Sequential:
    """Return two `conv` layers."""
    return nn.Sequential(conv(c_in, c_out), conv(c_out, c_out))


def down_block(c_in: int, c_out: int) -> nn.Sequential:
    """Return a 3x3 convolution of stride 2 with batch normalisation and GELU, which halves the size, and a `conv_block`."""
    down = nn.Sequential(nn.Conv2d(c_in, c_out, 3, 2, 1), nn.BatchNorm2d(c_out), nn.GELU())
    return nn.Sequential(down, conv_block(c_out, c_out))


def up_block(c_in: int, c_out: int) -> nn.Sequential:
    """Return a 4x4 transposed convolution of stride 2 with batch normalisation and GELU, and a `conv_block`."""
    up = nn.Sequential(nn.ConvTranspose2d(c_in, c_out, 4, 2, 1), nn.BatchNorm2d(c_out), nn.GELU())
    return nn.Sequential(up, conv_block(c_out, c_out))


def units(block: nn.Module) -> list[nn.Module]:
    """Return the convolutions of a block, each with its normalisation and GELU."""
    parts = list(block.children())
    return [block] if not isinstance(parts[0], nn.Sequential) else [unit for part in parts for unit in units(part)]


def checkpointed(block: nn.Module, x: Tensor) -> Tensor:
    """Compute `block(x)` with gradient checkpointing, to the bit and with the same gradients.

    Only the input of each unit is kept for the backward pass, which computes the rest again. That takes half the memory and a
    third more time.
    """
    for unit in units(block):
        x = checkpoint(unit, x, use_reentrant=False, context_fn=partial(_second_time, unit))
    return x


def _second_time(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Nothing around the first computation; around the second, copies of the running statistics, which have seen the batch."""
    return nullcontext(), _copied_buffers(block)


@contextmanager
def _copied_buffers(block: nn.Module) -> Iterator[None]:
    kept = [(layer, name, buffer) for layer in block.modules() for name, buffer in layer.named_buffers(recurse=False)]
    try:
        for layer, name, buffer in kept:
            setattr(layer, name, buffer.clone())
        yield
    finally:
        for layer, name, buffer in kept:
            setattr(layer, name, buffer)


def fc_block(c_in: int, c_out: int) -> nn.Sequential:
    """Return a linear layer, GELU, and a linear layer."""
    return nn.Sequential(nn.Linear(c_in, c_out), nn.GELU(), nn.Linear(c_out, c_out))


class CourseUNet(nn.Module):
    """The course's U-Net.

    It maps a noisy picture (N, C, H, W), a time (N,) in [0, 1] and a label (N,) to (N, C, H, W). It takes time and label only
    if it is conditioned on them.

    Reference: Ronneberger et al., *U-Net: Convolutional Networks for Biomedical Image Segmentation*, 2015,
    https://arxiv.org/abs/1505.04597; the course's project page (CS180, part B).
    """

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
        """Predict (N, C, H, W) from x_t, the time t (N,) in [0, 1] and the class label (N,)."""
        training = torch.is_grad_enabled() and x.device.type == "cpu"
        call = checkpointed if training and self.recomputes(len(x)) else nn.Module.__call__
        fine = call(self.init, x)
        middle = call(self.down1, fine)
        coarse = call(self.down2, middle)
        h = self._condition(0, self.unflatten(self.flatten(coarse)), t, label)
        h = self._condition(1, call(self.up1, torch.cat([h, coarse], 1)), t, label)
        h = torch.cat([call(self.up2, torch.cat([h, middle], 1)), fine], 1)
        out: Tensor = self.out[1](call(self.out[0], h))
        return out

    def recomputes(self, batch: int) -> bool:
        """Return whether training on a CPU computes the features twice, because they would need too much memory."""
        return 4 * self.config.hidden * batch * self.config.image_size**2 > LARGE

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
