"""Training the image-text scorer: distorted pictures and their captions are matched within a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.training.objectives import Network
from noisewalk.walk.prediction import Condition

from .dataset import Captioned, Split, World, select, with_captions


@dataclass(frozen=True, eq=False)
class Pairs:
    """Captioned pictures with their concepts.

    Args:
        captioned: N pictures with their captions.
        concepts: (N,) the number of each picture's concept.
    """

    captioned: Captioned
    concepts: Tensor

    def __len__(self) -> int:
        return len(self.captioned)

    def batch(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Condition]:
        """Return pictures, with the word vectors (N, L, D) and mask (N, L) of one caption each, and the concepts (N,)."""
        pictures, words = self.captioned.batch(rows, generator)
        return pictures, (*words, self.concepts[rows])

    def to(self, device: torch.device) -> Pairs:
        """Return the same pairs on a device."""
        return Pairs(self.captioned.to(device), self.concepts.to(device))


def paired(size: int, world: World, prompts: TextPrompts, split: Split = "train") -> Pairs:
    """Return the pictures of a world, or its held-out pictures, as pairs.

    Raises:
        UserError: the rendered pictures are missing or damaged.
    """
    pictures, rows = select(size, world, split)
    numbers = {key: i for i, key in enumerate(dict.fromkeys(row["key"] for row in rows))}
    return Pairs(with_captions(pictures, rows, prompts, 16), torch.tensor([numbers[row["key"]] for row in rows]))


@dataclass(frozen=True)
class Distort:
    """Random distortions, so that the scorer also reads pictures that are blurred, noisy, shifted or have odd colours.

    Args:
        degrees: the largest rotation, in both directions.
        scale: the largest relative change of size, in both directions.
        shift: the largest translation as a share of the side, in all directions.
        blur: the strongest blur, in halvings of the resolution.
        colour: the standard deviation of the 3x3 matrix that is added to the identity and acts on RGB around white.
        noise: the standard deviation of the random size of the noise.
        erase: the probability of a white rectangle of at most half the side.

    Half of the pictures are mirrored, so that the scorer does not tell left from right, but it does tell up from down.
    """

    degrees: float = 15.0
    scale: float = 0.25
    shift: float = 0.1
    blur: float = 1.6
    colour: float = 0.12
    noise: float = 0.08
    erase: float = 0.4

    def __call__(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Distort pictures (N, 3, S, S) in [-1, 1] on white; all randomness comes from `generator`, on its device."""
        x = self._warp(pictures, generator)
        n = len(x)
        x = soften(x, self.blur * torch.rand(n, generator=generator, device=generator.device))

        def normal(*shape: int) -> Tensor:
            return torch.randn(n, *shape, generator=generator, device=generator.device)

        mixed = torch.eye(3, device=x.device) + self.colour * normal(3, 3)
        x = 1 + torch.einsum("nij,njhw->nihw", mixed, x - 1)
        x = self._erase(x, generator)
        return (x + self.noise * normal(1, 1, 1).abs() * normal(*x.shape[1:])).clamp(-1, 1)

    def _warp(self, x: Tensor, generator: torch.Generator) -> Tensor:
        n = len(x)

        def symmetric(size: float) -> Tensor:
            return size * (2 * torch.rand(n, generator=generator, device=generator.device) - 1)

        angle, zoom = symmetric(torch.pi * self.degrees / 180), torch.exp(symmetric(self.scale))
        mirror = symmetric(1).sign()
        dx, dy = symmetric(2 * self.shift), symmetric(2 * self.shift)
        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        theta = torch.stack([cos * mirror, -sin, dx, sin * mirror, cos, dy], dim=1).view(n, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return F.grid_sample(x - 1, grid, align_corners=False) + 1  # outside the picture is white

    def _erase(self, x: Tensor, generator: torch.Generator) -> Tensor:
        n, _, height, width = x.shape

        def uniform() -> Tensor:
            return torch.rand(n, 1, 1, 1, generator=generator, device=generator.device)

        rows = torch.arange(height, device=x.device).view(1, 1, -1, 1) / height
        columns = torch.arange(width, device=x.device).view(1, 1, 1, -1) / width
        across = (rows - uniform()).abs() < 0.25 * uniform()
        inside = across & ((columns - uniform()).abs() < 0.25 * uniform()) & (uniform() < self.erase)
        return torch.where(inside, torch.ones_like(x), x)


def soften(x: Tensor, level: Tensor) -> Tensor:
    """Mix pictures with their halvings, which are enlarged again.

    Args:
        x: (N, C, S, S), S divisible by 4.
        level: (N,) from 0 (unchanged) over 1 (half the side) to 2 (a quarter of the side).
    """
    size, level = x.shape[-1], level.view(-1, 1, 1, 1)
    out = x * (1 - level).clamp(min=0)
    for i in (1, 2):
        small = F.interpolate(F.avg_pool2d(x, 2**i), size=(size, size), mode="bilinear", align_corners=False)
        out = out + small * (1 - (level - i).abs()).clamp(min=0)
    return out


def contrastive_loss(logits: Tensor, concepts: Tensor) -> Tensor:
    """Return (N,) the mean of two cross entropies: of finding the caption of a picture, and the picture of a caption.

    L_i = -(log softmax_j(l_ij)_i + log softmax_j(l_ji)_i) / 2, over i itself and all j with other concepts, because
    another drawing of the same thing is not a wrong answer.

    Args:
        logits: (N, N) for each picture (row) and each caption (column).
        concepts: (N,) the numbers of the concepts.

    Reference: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021, figure 3,
    https://arxiv.org/abs/2103.00020.
    """
    same = concepts[:, None] == concepts[None]
    same.fill_diagonal_(False)
    logits = logits.float().masked_fill(same, -torch.inf)
    own = torch.arange(len(logits), device=logits.device)
    by_picture = F.cross_entropy(logits, own, reduction="none")
    return (by_picture + F.cross_entropy(logits.T, own, reduction="none")) / 2


def pairs_loss(distort: Distort, network: Network, pictures: Tensor, cond: Condition, generator: torch.Generator) -> Tensor:
    """Return the losses (N,) of a batch of `Pairs`."""
    vectors, mask, concepts = cond
    return contrastive_loss(network(distort(pictures, generator), vectors, mask), concepts)
