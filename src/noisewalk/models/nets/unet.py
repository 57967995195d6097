"""The fast U-Net: a small convolutional network built for two CPU cores.

Compared with the course network, it (1) folds 2x2 pixels into channels before the first convolution, so that no layer works at
full resolution, (2) is widest where pictures are small, and (3) modulates every block by time and condition instead of adding
them twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention


@dataclass(frozen=True)
class UNetConfig:
    """The shape of a `UNet`.

    Args:
        image_size: height and width of the pictures in pixels; divisible by patch * 2^(len(channels) - 1).
        in_channels: 1 for grey, 3 for colour.
        patch: the side of the pixel squares that are folded into channels.
        channels: the width of each resolution, from fine to coarse.
        blocks: residual blocks per resolution on the way down (one more on the way up).
        embed_dim: the width of the embedding of time and condition.
        num_classes: the number of labels; label `num_classes` stands for "no label".
        dropout: the dropout probability inside residual blocks, in training only.
        attention_heads: the heads of the attention at the coarsest resolution; 0 for none.
    """

    image_size: int = 28
    in_channels: int = 1
    patch: int = 2
    channels: tuple[int, ...] = (64, 128)
    blocks: int = 1
    embed_dim: int = 128
    num_classes: int = 10
    dropout: float = 0.0
    attention_heads: int = 0


SIZES: dict[str, dict[str, Any]] = {
    "small": {"channels": (32, 64)},
    "base": {},
    "large": {"channels": (128, 256), "blocks": 2, "embed_dim": 256, "attention_heads": 4},
}
"""Widths, depths and attention of the fast U-Net by name."""


def unet_config(data: dict[str, Any]) -> UNetConfig:
    """Return a configuration from its JSON, in which tuples are lists."""
    return UNetConfig(**(data | {"channels": tuple(data["channels"])}))


class TimeEmbedding(nn.Module):
    """The embedding of times (N,) as vectors (N, dim).

    It takes sin and cos of 1000 t at geometric frequencies from 1 to 1/10000, and then a perceptron of two layers.
    """

    frequencies: Tensor

    def __init__(self, dim: int, num_frequencies: int = 64) -> None:
        super().__init__()
        frequencies = 1000 * torch.exp(-math.log(10000) * torch.arange(num_frequencies) / num_frequencies)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * num_frequencies, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Tensor) -> Tensor:
        """Embed times (N,) as vectors (N, D)."""
        angle = t.float()[:, None] * self.frequencies
        out: Tensor = self.mlp(torch.cat([angle.cos(), angle.sin()], dim=1))
        return out


class Norm(nn.GroupNorm):
    """Group normalisation with 16 channels per group, which is the same for a picture alone and in a batch.

    PyTorch sums maps of 1024 positions and more in parts that depend on the number of pictures, so their last digits depend on
    it too. Outside of training such maps are therefore normalised one picture at a time.

    Reference: Wu & He, *Group Normalization*, 2018, https://arxiv.org/abs/1803.08494.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels // 16, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the module's output for x (N, C, H, W)."""
        if self.training or x.shape[-2] * x.shape[-1] < 1024 or x.device.type != "cpu":
            return super().forward(x)
        return torch.cat([super(Norm, self).forward(picture) for picture in torch.split(x, 1)])


class ResBlock(nn.Module):
    """x + conv(silu(modulate(norm(conv(silu(norm(x))))))), modulated by a scale and a shift from the embedding."""

    def __init__(self, c_in: int, c_out: int, embed_dim: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = Norm(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.modulation = nn.Linear(embed_dim, 2 * c_out)
        self.norm2 = Norm(c_out)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.skip = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Compute the block's features (N, C', H, W) from x (N, C, H, W) and the embedding of time and condition (N, D)."""
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm2(h), 1 + scale)
        out: Tensor = self.skip(x) + self.conv2(self.dropout(F.silu(h)))
        return out


class SelfAttention(nn.Module):
    """x + attention from every position to all positions."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = Norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Let the positions of x (N, C, H, W) attend to each other; the embedding is not used."""
        n, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        out: Tensor = x + self.out(attention(q, k, v).transpose(-1, -2).reshape(n, c, h, w))
        return out


def down_and_up(
    h: Tensor,
    down: Iterable[nn.Module],
    middle: Iterable[nn.Module],
    up: Iterable[nn.Module],
    call: Callable[[nn.Module, Tensor], Tensor],
) -> Tensor:
    """Run the U of a U-Net: the output of each layer on the way down is concatenated with h on the way up.

    Args:
        h: (N, C, H, W) features.
        down: the blocks on the way down, and convolutions that halve the size.
        middle: the blocks at the coarsest resolution.
        up: the blocks on the way up, and convolutions that make four channels of one, for a size twice as large.
        call: calls a block.
    """
    skips = [h]
    for layer in down:
        h = layer(h) if isinstance(layer, nn.Conv2d) else call(layer, h)
        skips.append(h)
    for layer in middle:
        h = call(layer, h)
    for layer in up:
        h = F.pixel_shuffle(layer(h), 2) if isinstance(layer, nn.Conv2d) else call(layer, torch.cat([h, skips.pop()], dim=1))
    return h


class UNet(nn.Module):
    """The fast U-Net: it maps a noisy picture (N, C, H, W), a time (N,) in [0, 1] and a label (N,) to (N, C, H, W)."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = c = config
        folded, widths = c.in_channels * c.patch**2, c.channels
        self.time = TimeEmbedding(c.embed_dim)
        self.label = nn.Embedding(c.num_classes + 1, c.embed_dim)
        self.stem = nn.Conv2d(folded, widths[0], 3, padding=1)
        self.down, self.up, skips, width = nn.ModuleList(), nn.ModuleList(), [widths[0]], widths[0]
        for i, out in enumerate(widths):
            if i:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
            for _ in range(c.blocks):
                self.down.append(ResBlock(width, out, c.embed_dim, c.dropout))
                width = out
                skips.append(width)
        self.middle = nn.ModuleList([ResBlock(width, width, c.embed_dim, c.dropout) for _ in range(2)])
        if c.attention_heads:
            self.middle.insert(1, SelfAttention(width, c.attention_heads))
        for i, out in reversed(list(enumerate(widths))):
            for _ in range(c.blocks + 1):
                self.up.append(ResBlock(width + skips.pop(), out, c.embed_dim, c.dropout))
                width = out
            if i:
                self.up.append(nn.Conv2d(width, 4 * width, 1))
        self.norm = Norm(width)
        self.head = nn.Conv2d(width, folded, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """Predict (N, C, H, W) from x_t, the time t (N,) in [0, 1] and the class label (N,)."""
        embedding = F.silu(self.time(t) + self.label(label))
        h = self.stem(F.pixel_unshuffle(x, self.config.patch))
        h = down_and_up(h, self.down, self.middle, self.up, lambda block, h: block(h, embedding))
        out: Tensor = F.pixel_shuffle(self.head(F.silu(self.norm(h))), self.config.patch)
        return out
