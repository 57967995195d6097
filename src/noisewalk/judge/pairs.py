"""A pair of encoders, of pictures and of prompts, into the same space, in which what fits together points the same way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.nets.text_encoder import TextEncoder


@dataclass(frozen=True)
class PairConfig:
    """The shape of a `PairNetwork`.

    Args:
        pictures: how pictures are encoded: by "residual" or by "plain" convolutions.
        words: how prompts are encoded: by "reader", a transformer, or by "bag", a perceptron of the words' mean without their
            order.
        image_size: the side of the pictures in pixels, divisible by 8.
        widths: the channels at a half, a quarter and an eighth of the side.
        text_dim: the width of the text encoder.
        text_layers: the layers of "reader".
        text_heads: the attention heads of "reader".
        word_dim: the length of the word vectors.
        max_tokens: most tokens in a prompt.
        embed_dim: the dimension of the common space.
    """

    pictures: Literal["residual", "plain"] = "plain"
    words: Literal["reader", "bag"] = "bag"
    image_size: int = 32
    widths: tuple[int, int, int] = (48, 96, 192)
    text_dim: int = 128
    text_layers: int = 1
    text_heads: int = 4
    word_dim: int = 192
    max_tokens: int = 24
    embed_dim: int = 128


def pair_config(data: dict[str, Any]) -> PairConfig:
    """Return a configuration from its JSON, in which tuples are lists."""
    return PairConfig(**(data | {"widths": tuple(data["widths"])}))


class ConvBlock(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x)))))); the first convolution may halve the side and change the width."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)
        self.skip = nn.Identity() if (c_in, stride) == (c_out, 1) else nn.Conv2d(c_in, c_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (N, C', H', W') of x (N, C, H, W)."""
        h = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(self.skip(x) + h)


class ResidualPictures(nn.Module):
    """The residual picture encoder, (N, 3, S, S) -> (N, widths[-1]).

    It has residual blocks at S/2 (one), S/4 and S/8 (two each), and then takes the mean over positions.
    """

    def __init__(self, c: PairConfig) -> None:
        super().__init__()
        fine, middle, coarse = c.widths
        self.stem = nn.Conv2d(12, fine, 3, padding=1)
        self.body = nn.Sequential(
            ConvBlock(fine, fine, 1),
            ConvBlock(fine, middle, 2),
            ConvBlock(middle, middle, 1),
            ConvBlock(middle, coarse, 2),
            ConvBlock(coarse, coarse, 1),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode pictures (N, 3, S, S)."""
        out: Tensor = self.body(F.relu(self.stem(F.pixel_unshuffle(pictures, 2))))
        return out.mean((2, 3))


class PlainPictures(nn.Module):
    """The plain picture encoder, (N, 3, S, S) -> (N, widths[-1]).

    It has five convolutions, max-pooling over 2x2 between them, and a linear map of all positions.
    """

    def __init__(self, c: PairConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 12
        for i, out in enumerate(c.widths):
            for c_in in (width, out)[: 2 if i else 1]:
                layers += [nn.Conv2d(c_in, out, 3, padding=1), nn.GroupNorm(out // 16, out), nn.GELU()]
            layers += [nn.MaxPool2d(2)] if i < len(c.widths) - 1 else []
            width = out
        self.body = nn.Sequential(*layers)
        self.flat = nn.Linear(width * (c.image_size // 8) ** 2, width)

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode pictures (N, 3, S, S)."""
        out: Tensor = self.flat(self.body(F.pixel_unshuffle(pictures, 2)).flatten(1))
        return out


class BagOfWords(nn.Module):
    """The text encoder without word order: a perceptron of the mean of the word vectors."""

    def __init__(self, c: PairConfig) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(c.word_dim, 2 * c.text_dim), nn.GELU(), nn.Linear(2 * c.text_dim, c.text_dim))

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Encode word vectors (N, L, D) where the mask (N, L) is true, as (N, text_dim)."""
        weights = mask.to(vectors.dtype).unsqueeze(-1)
        out: Tensor = self.mlp((vectors * weights).sum(1) / weights.sum(1).clamp(min=1))
        return out


class Sentence(nn.Module):
    """The text encoder with word order: a transformer, whose output for the sentence as a whole is used."""

    def __init__(self, c: PairConfig) -> None:
        super().__init__()
        self.reader = TextEncoder(c.word_dim, c.text_dim, c.text_layers, c.text_heads, c.max_tokens)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Encode word vectors (N, L, D) where the mask (N, L) is true, as (N, text_dim)."""
        text: Tensor = self.reader(vectors, mask)
        return text[:, 0]


class PairNetwork(nn.Module):
    """A network that embeds pictures and prompts as unit vectors, and compares them by a scaled cosine.

    Args:
        config: the shape of the network.

    Reference: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision* (CLIP), 2021,
    https://arxiv.org/abs/2103.00020.
    """

    def __init__(self, config: PairConfig) -> None:
        super().__init__()
        self.config = c = config
        self.picture = ResidualPictures(c) if c.pictures == "residual" else PlainPictures(c)
        self.text = Sentence(c) if c.words == "reader" else BagOfWords(c)
        self.picture_out = nn.Linear(c.widths[-1], c.embed_dim, bias=False)
        self.text_out = nn.Linear(c.text_dim, c.embed_dim, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def features(self, pictures: Tensor) -> Tensor:
        """Return the features (N, widths[-1]) of pictures, in which Fréchet distances are measured."""
        out: Tensor = self.picture(pictures)
        return out

    def embed_pictures(self, pictures: Tensor) -> Tensor:
        """Embed pictures (N, 3, S, S) in [-1, 1] as vectors (N, embed_dim) of length 1."""
        return F.normalize(self.picture_out(self.features(pictures)).float(), dim=1)

    def embed_prompts(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Embed word vectors (N, L, D) with their mask (N, L) as vectors (N, embed_dim) of length 1."""
        return F.normalize(self.text_out(self.text(vectors, mask)).float(), dim=1)

    def forward(self, pictures: Tensor, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return how well each picture (row) and each prompt (column) fit, (N, N): scale * cosine."""
        cosines = self.embed_pictures(pictures) @ self.embed_prompts(vectors, mask).T
        return self.log_scale.clamp(max=math.log(100)).exp() * cosines
