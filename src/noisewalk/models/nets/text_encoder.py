"""The transformer that encodes the words of a prompt."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention


def mask_bias(mask: Tensor) -> Tensor:
    """Return the bias of `attention` for a mask of words: 0 where a word is seen, and -inf where it is not.

    Args:
        mask: (N, L) bool, true where there is a word.

    Returns:
        (N, 1, 1, 1 + L), with one entry more for the start token, which is always seen.
    """
    return F.pad(torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, -math.inf), (1, 0))[:, None, None]


class TextEncoderLayer(nn.Module):
    """A transformer layer that normalises first: h + attention(h), then h + perceptron(h)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, h: Tensor, bias: Tensor) -> Tensor:
        """Update the tokens h (N, L, D) by self-attention and a feed-forward layer; `bias` is -inf where there is no word."""
        n, length, dim = h.shape
        q, k, v = self.qkv(self.norm1(h)).reshape(n, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        h = h + self.out(attention(q, k, v, bias).transpose(1, 2).reshape(n, length, dim))
        out: Tensor = h + self.mlp(self.norm2(h))
        return out


class TextEncoder(nn.Module):
    """A transformer that maps word vectors (N, L, D) and their mask (N, L) to encoded words (N, 1 + L, text_dim).

    A learned start token stands before the words and is never masked. Without any words it is the unconditional sentence, and
    its output stands for the sentence as a whole.
    """

    def __init__(self, word_dim: int, text_dim: int, layers: int, heads: int, max_tokens: int) -> None:
        super().__init__()
        self.words = nn.Linear(word_dim, text_dim)
        self.start = nn.Parameter(torch.randn(1, 1, text_dim) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, max_tokens, text_dim) * 0.02)
        self.layers = nn.ModuleList([TextEncoderLayer(text_dim, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(text_dim)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Encode word vectors (N, L, D) where the mask (N, L) is true."""
        words = self.words(vectors) + self.positions[:, : vectors.shape[1]]
        h = torch.cat([self.start.to(words.dtype).expand(len(words), -1, -1), words], dim=1)
        bias = mask_bias(mask)
        for layer in self.layers:
            h = layer(h, bias)
        out: Tensor = self.norm(h)
        return out
