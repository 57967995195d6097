"""The upscaler: a text U-Net that is conditioned on a smaller picture, enlarged and a little noisy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .text_unet import TextUNet, TextUNetConfig
from .unet import TimeEmbedding

UPSCALER_32 = TextUNetConfig(
    image_size=128,
    beside_channels=3,
    patch=4,
    channels=(64, 96, 128),
    attention=(0, 0, 0),
    embed_dim=192,
    text_dim=128,
    text_layers=1,
)
"""From 32 to 128 pixels. It has convolutions only, so the network works at any size: with image_size 256 it is 64 -> 256."""


def enlarge(low: Tensor, size: int) -> Tensor:
    """Enlarge pictures bilinearly, with aligned corners, as DeepFloyd IF does.

    Args:
        low: (N, C, h, w).
        size: the new side in pixels.

    Returns:
        (N, C, size, size).
    """
    return F.interpolate(low, (size, size), mode="bilinear", align_corners=True)


class UpscalerUNet(nn.Module):
    """The text U-Net with low-resolution conditioning.

    It maps x_t (N, 3, S, S), t (N,), the enlarged picture (N, 3, S, S), the timestep of its noise (N,) int64, word vectors (N,
    L, D) and their mask (N, L) to (N, 3, S, S).

    Reference: Ho et al., *Cascaded Diffusion Models for High Fidelity Image Generation*, 2022, section 4.2 (noise conditioning
    augmentation), https://arxiv.org/abs/2106.15282.
    """

    def __init__(self, config: TextUNetConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = TextUNet(config)
        self.noise_level = TimeEmbedding(config.embed_dim)

    def forward(self, x: Tensor, t: Tensor, low_res: Tensor, timestep: Tensor, vectors: Tensor, mask: Tensor) -> Tensor:
        """Predict (N, C, H, W) from x_t, its time t (N,), the enlarged low-res picture, its noise level (N,), and the words."""
        return self.denoise(x, t, low_res, timestep, self.encode_text(vectors, mask), mask)

    def encode_text(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Encode the words, see `TextUNet.encode_text`."""
        return self.unet.encode_text(vectors, mask)

    def denoise(self, x: Tensor, t: Tensor, low_res: Tensor, timestep: Tensor, encoded: Tensor, mask: Tensor) -> Tensor:
        """Return the network's output for encoded words."""
        embedding = self.unet.time(t) + self.noise_level((timestep + 1) / 1000)
        return self.unet.denoise_from(torch.cat([x, low_res], 1), embedding, encoded, mask)
