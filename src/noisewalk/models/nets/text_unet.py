"""The text U-Net: the fast U-Net with words, for colour pictures from prompts.

Words arrive as vectors of a static table. A small transformer encodes them. Its first output stands for the sentence as a
whole, and modulates every block together with the time. All outputs are attended to where pictures are coarse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention
from .text_encoder import TextEncoder, mask_bias
from .unet import Norm, ResBlock, TimeEmbedding, down_and_up


@dataclass(frozen=True)
class TextUNetConfig:
    """The shape of a `TextUNet`.

    Args:
        image_size: height and width of the pictures in pixels; divisible by patch * 2^(len(channels) - 1).
        in_channels: 3 for colour.
        patch: the side of the pixel squares that are folded into channels.
        channels: the width of each resolution, from fine to coarse.
        blocks: residual blocks per resolution on the way down (one more on the way up).
        attention: for each resolution, the number of channels of an attention head; 0 for no attention.
        embed_dim: the width of the embedding of time and sentence.
        word_dim: the length of a word's vector.
        text_dim: the width of the transformer that encodes the words.
        text_layers: its number of layers.
        text_heads: its number of heads.
        max_tokens: most tokens in a prompt.
        dropout: the dropout probability inside residual blocks, in training only.
        beside_channels: the channels of the low-resolution conditioning, which is concatenated with x_t; 3 in an upscaler.
    """

    image_size: int = 32
    in_channels: int = 3
    patch: int = 2
    channels: tuple[int, ...] = (64, 128, 256)
    blocks: int = 1
    attention: tuple[int, ...] = (0, 64, 64)
    embed_dim: int = 256
    word_dim: int = 192
    text_dim: int = 256
    text_layers: int = 2
    text_heads: int = 4
    max_tokens: int = 24
    dropout: float = 0.0
    beside_channels: int = 0


def text_unet_config(data: dict[str, Any]) -> TextUNetConfig:
    """Return a configuration from its JSON, in which tuples are lists."""
    return TextUNetConfig(**(data | {"channels": tuple(data["channels"]), "attention": tuple(data["attention"])}))


class Attention(nn.Module):
    """x + attention from every position to all positions and to all words, in one softmax.

    Masked words get no weight. The keys and values of the text are concatenated with those of the self-attention, as in
    DeepFloyd IF.

    Reference: Saharia et al., *Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding* (Imagen), 2022,
    appendix D, https://arxiv.org/abs/2205.11487.
    """

    place: int
    """Where the words' keys and values for this attention are among the parts of `TextUNet.encode_text`."""

    def __init__(self, channels: int, head_dim: int, text_dim: int) -> None:
        super().__init__()
        self.heads = channels // head_dim
        self.norm = Norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.text = nn.Linear(text_dim, 2 * channels)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, encoded: Sequence[Tensor], bias: Tensor) -> Tensor:
        """Let the positions of x (N, C, H, W) attend to each other and to the words; `bias` is -inf for masked words."""
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).permute(0, 2, 3, 1).reshape(n, h * w, 3, self.heads, c // self.heads)
        words = encoded[self.place].to(qkv.dtype).reshape(n, -1, 2, self.heads, c // self.heads)
        q, *kv = (each.transpose(1, 2) for each in qkv.unbind(2))  # (N, heads, HW, C / heads)
        k, v = (torch.cat([own, word.transpose(1, 2)], 2) for own, word in zip(kv, words.unbind(2), strict=True))
        y = attention(q, k, v, F.pad(bias, (h * w, 0)))
        y = y.transpose(1, 2).reshape(n, h, w, c).permute(0, 3, 1, 2)
        out: Tensor = x + self.out(y)
        return out


class Block(nn.Module):
    """A residual block, followed by attention if `head_dim` is not 0."""

    def __init__(self, c_in: int, c_out: int, head_dim: int, c: TextUNetConfig) -> None:
        super().__init__()
        self.residual = ResBlock(c_in, c_out, c.embed_dim, c.dropout)
        self.attention = Attention(c_out, head_dim, c.text_dim) if head_dim else None

    def forward(self, x: Tensor, embedding: Tensor, encoded: Sequence[Tensor], bias: Tensor) -> Tensor:
        """Compute the block's features (N, C', H, W) from x (N, C, H, W) and the embedding of time and condition (N, D)."""
        h: Tensor = self.residual(x, embedding)
        return h if self.attention is None else self.attention(h, encoded, bias)


class TextUNet(nn.Module):
    """The text U-Net.

    It maps a noisy picture (N, C, H, W), a time (N,) in [0, 1], word vectors (N, L, D) and their mask (N, L) to (N, C, H, W).
    """

    def __init__(self, config: TextUNetConfig) -> None:
        super().__init__()
        self.config = c = config
        folded, widths = c.in_channels * c.patch**2, c.channels
        self.time = TimeEmbedding(c.embed_dim)
        self.reader = TextEncoder(c.word_dim, c.text_dim, c.text_layers, c.text_heads, c.max_tokens)
        self.sentence = nn.Linear(c.text_dim, c.embed_dim)
        self.stem = nn.Conv2d(folded + c.beside_channels * c.patch**2, widths[0], 3, padding=1)
        self.down, self.up, skips, width = nn.ModuleList(), nn.ModuleList(), [widths[0]], widths[0]
        for i, out in enumerate(widths):
            if i:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
            for _ in range(c.blocks):
                self.down.append(Block(width, out, c.attention[i], c))
                width = out
                skips.append(width)
        self.middle = Block(width, width, c.attention[-1], c)
        for i, out in reversed(list(enumerate(widths))):
            for _ in range(c.blocks + 1):
                self.up.append(Block(width + skips.pop(), out, c.attention[i], c))
                width = out
            if i:
                self.up.append(nn.Conv2d(width, 4 * widths[i - 1], 1))
                width = widths[i - 1]
        self.norm = Norm(width)
        self.head = nn.Conv2d(width, folded, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.attentions = [module for module in self.modules() if isinstance(module, Attention)]
        for i, module in enumerate(self.attentions):
            module.place = i + 1
        self.parts = [c.text_dim, *(module.text.out_features for module in self.attentions)]

    def forward(self, x: Tensor, t: Tensor, vectors: Tensor, mask: Tensor) -> Tensor:
        """Predict (N, C, H, W) from x_t, the time t (N,) and the word vectors (N, L, D) with their mask (N, L)."""
        return self.denoise(x, t, self.encode_text(vectors, mask), mask)

    def encode_text(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Compute everything that depends on the words alone, so that a walk does it once, and not at every step.

        Args:
            vectors: (N, L, D) word vectors.
            mask: (N, L) bool.

        Returns:
            (N, 1 + L, D'): the encoded words, text_dim numbers each, followed by their keys and values for every attention.
        """
        words = self.reader(vectors, mask).to(self.sentence.weight.dtype)  # the dtype of the products
        return torch.cat([words, *(attention.text(words) for attention in self.attentions)], -1)

    def denoise(self, x: Tensor, t: Tensor, encoded: Tensor, mask: Tensor) -> Tensor:
        """Return the network's output for encoded words."""
        return self.denoise_from(x, self.time(t), encoded, mask)

    def denoise_from(self, x: Tensor, embedding: Tensor, encoded: Tensor, mask: Tensor) -> Tensor:
        """Return the output for (N, in_channels + beside_channels, H, W) and the embedding (N, E) of all but the words."""
        parts = torch.split(encoded, self.parts, -1)  # one gradient of all parts; slices would each fill one with zeros
        embedding = F.silu(embedding + self.sentence(parts[0][:, 0]))
        bias = mask_bias(mask)
        h = self.stem(F.pixel_unshuffle(x, self.config.patch))
        h = down_and_up(h, self.down, [self.middle], self.up, lambda block, h: block(h, embedding, parts, bias))
        out: Tensor = F.pixel_shuffle(self.head(F.silu(self.norm(h))), self.config.patch)
        return out
