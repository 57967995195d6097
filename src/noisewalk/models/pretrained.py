"""Models to draw with, and the cascades that enlarge what they draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..guidance.tables import THRESHOLDS
from ..guidance.threshold import dynamic_threshold
from ..walk.noise import Noise, NoiseLevel, Schedule, add_noise
from ..walk.prediction import Bound, Condition, Denoiser, Model


@dataclass(frozen=True)
class Defaults:
    """What a technique uses where the user is silent.

    Args:
        steps, step_rule, grid: of a walk.
        guidance_scale: of a plain prompt; 1 is no guidance.
        guidance_interval: first and last timestep, 0 to 999, between which there is guidance; () for all.
        threshold: a key of `THRESHOLDS`.
        upsample: how many upsampling stages follow.
    """

    steps: int = 20
    step_rule: str = "ddim"
    grid: str = "linspace"
    guidance_scale: float = 1.0
    guidance_interval: Sequence[int] = ()
    threshold: str = "none"
    upsample: int = 0


@dataclass(frozen=True, eq=False)
class Codec:
    """Pictures to latents and back, for models that walk in the latents of an autoencoder.

    Args:
        shape: (c, h, w) of the latents.
        encode: (N, C, H, W) in [-1, 1] -> (N, c, h, w), of the scale the model was trained on.
        decode: the way back.
    """

    shape: tuple[int, int, int]
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model one can draw with: the network, its words, the shape of its pictures, and where to start.

    Args:
        name: what it was loaded by.
        model: the network as a `Model`.
        encode: prompt -> condition; "" is unconditional.
        schedule: the path walked by default (the one it was trained on).
        shape: (C, H, W) of its pictures.
        defaults: of walks.
        dark_background: pictures are light strokes on black, so that an input on white is inverted.
        fingerprint: first 16 hexadecimal digits of the weights' SHA-256, kept in every picture's metadata.
        card: data, licence, recipe, seed, steps, measured quality.
        upscalers: names of the stages after it that the user chose; part of the metadata.
        beside: pictures the model is shown beside x_t, see `Bound`; set by `Upscaler.conditioned_on`.
        upscaler: loads the next stage of a cascade, None if there is none.
        unit_start: walks start from noise of deviation 1, as every diffusers pipeline does, instead of the first level's sigma
            (.9999 at DeepFloyd IF's timestep 990).
        parts: what loads a model in parts (text encoder, network, autoencoder), for those that are; see `diffusers.Parts`.
        codec: for models that walk in latents; None for pixels.
        dynamic: quantile and greatest value of the `dynamic` threshold.
        device, dtype: of the pictures that are walked.
        compute_dtype: dtype of the network; part of the metadata, since the pictures depend on it.
    """

    name: str
    model: Model
    encode: Callable[[str], Condition]
    schedule: Schedule
    shape: tuple[int, int, int]
    defaults: Defaults = Defaults()
    dark_background: bool = False
    fingerprint: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    upscalers: tuple[str, ...] = ()
    low_res: Condition = ()
    upscaler: Callable[[], Upscaler] | None = None
    unit_start: bool = False
    parts: Any = None
    codec: Codec | None = None
    dynamic: tuple[float, float] = (0.95, 1.5)
    device: torch.device = torch.device("cpu")
    dtype: torch.dtype = torch.float32
    compute_dtype: torch.dtype = torch.float32

    def bind(self, prompt: str) -> Bound:
        """The model with a prompt bound.

        Raises:
            UserError: the model does not know the prompt.
        """
        return Bound(self.model, self.encode(prompt), self.low_res)

    @property
    def walk_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what is walked: of its pictures, or of their latents."""
        return self.codec.shape if self.codec else self.shape

    def empty(self, num: int) -> Tensor:
        """An unset (num, C, H, W) of what is walked."""
        return torch.empty(num, *self.walk_shape, device=self.device, dtype=self.dtype)

    def to_walk(self, picture: Tensor) -> Tensor:
        """A picture (N, C, H, W) in [-1, 1] as what is walked."""
        picture = picture.to(self.device, self.dtype)
        return self.codec.encode(picture) if self.codec else picture

    def to_picture(self, x: Tensor) -> Tensor:
        """The way back; what already has the shape of a picture stays."""
        return self.codec.decode(x) if self.codec and tuple(x.shape[1:]) == self.codec.shape else x

    def with_threshold(self, denoiser: Denoiser, threshold: str) -> Denoiser:
        """A denoiser under one of `THRESHOLDS`, the dynamic one with this model's own numbers."""
        return dynamic_threshold(denoiser, *self.dynamic) if threshold == "dynamic" else THRESHOLDS[threshold](denoiser)

    def start(self, level: NoiseLevel, num: int, noise: Noise) -> Tensor:
        """(num, C, H, W) noise to start a walk from at `level`."""
        drawn = noise(self.empty(num))
        return drawn if self.unit_start else level.sigma * drawn

    def __repr__(self) -> str:
        return f"<noisewalk model '{self.name}', {'x'.join(map(str, self.shape))}, weights {self.fingerprint}>"


@dataclass(frozen=True, eq=False)
class Upscaler:
    """A stage of a cascade: a model of larger pictures that is shown a smaller one beside x_t.

    The small picture is enlarged to the stage's size (bilinear, corners aligned) and noised a little, so that the faults of
    the stage before are painted over rather than copied (Ho et al., *Cascaded Diffusion Models*, 2022, section 4):

        beside = alpha_k enlarge(low) + sigma_k eps,     k = noise_level

    Args:
        pretrained: the stage's model, called as model(x_t, level, low_res, k, *cond) with k (N,) int64 timesteps; its `encode`
            gives `cond` alone, its `upscaler` the stage after.
        schedule: of the noise on the small picture.
        noise_level: timestep k used where the user is silent, 0 (almost clean) to 999.
        max_noise_level: the greatest k the model was trained on.
    """

    pretrained: Pretrained
    schedule: Schedule
    noise_level: int = 250
    max_noise_level: int = 999

    def conditioned_on(self, low: Tensor, noise: Noise, noise_level: int | None = None) -> Pretrained:
        """The stage's model for pictures to enlarge: to be guided and walked like any other.

        Args:
            low: (N, C, h, w) of the stage before.
            noise: for the small picture.
            noise_level: timestep k; None for the stage's own.
        """
        k = self.noise_level if noise_level is None else noise_level
        stage = self.pretrained
        large = F.interpolate(low, stage.walk_shape[1:], mode="bilinear", align_corners=True).to(stage.device, stage.dtype)
        level = self.schedule(torch.tensor((k + 1) / 1000, dtype=torch.float64))
        timestep = torch.tensor([k])

        def encode(prompt: str) -> Condition:
            return (timestep, *stage.encode(prompt))

        return replace(stage, low_res=(add_noise(large, level, noise),), encode=encode)
