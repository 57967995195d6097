"""Models that make pictures, and the cascades that enlarge their pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..guidance.tables import THRESHOLDS
from ..guidance.threshold import clip, dynamic_threshold
from ..walk.noise import Noise, NoiseLevel, Schedule, add_noise
from ..walk.prediction import Bound, Condition, Denoiser, Model
from .adapters import Adapter
from .defaults import Defaults as Defaults


@dataclass(frozen=True, eq=False)
class Codec:
    """The autoencoder of a model that walks in latents.

    Args:
        shape: (c, h, w) of the latents.
        encode: maps pictures (N, C, H, W) in [-1, 1] to latents (N, c, h, w), of the scale that the model was trained on.
        decode: maps latents to pictures.
    """

    shape: tuple[int, int, int]
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model that makes pictures: the network, its prompts, the shape of its pictures, and the defaults of its walks.

    Args:
        name: the name that it was loaded by.
        model: the network as a `Model`.
        encode: maps a prompt to its condition; "" is unconditional.
        schedule: the path that is walked by default (the one that it was trained on).
        shape: (C, H, W) of its pictures.
        defaults: the defaults of walks; see `defaults_of`.
        dark_background: True if its pictures are light strokes on black, so that an input on white is inverted.
        fingerprint: the first 16 hexadecimal digits of the weights' SHA-256, which the metadata of every picture keeps.
        card: data, licence, recipe, seed, steps and measured quality.
        upscalers: the names of the stages after it that the user chose; a part of the metadata.
        adapters: the LoRA adapters that it was loaded with; a part of the metadata.
        low_res: low-resolution conditioning, see `Bound`; `Upscaler.conditioned_on` sets it.
        upscaler: loads the next stage of a cascade; None if there is none.
        unit_start: True if walks start from noise of standard deviation 1, as every diffusers pipeline does, instead of the
            first level's sigma (0.9999 at timestep 990 of DeepFloyd IF).
        parts: loads the parts of a pipeline (text encoder, network, autoencoder); None for other models. See `diffusers.Parts`.
        codec: the autoencoder of a model that walks in latents; None for a model in pixels.
        built_in_guidance: the guidance scale that a distilled network has learned, so that it takes no other; None for others.
        dynamic: quantile and greatest value of the `dynamic` threshold.
        clip: greatest value of the `clip` threshold.
        device: the device of the pictures that are walked.
        dtype: their dtype.
        compute_dtype: the dtype of the network; a part of the metadata, because the pictures depend on it.
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
    adapters: tuple[Adapter, ...] = ()
    low_res: Condition = ()
    upscaler: Callable[[], Upscaler] | None = None
    unit_start: bool = False
    parts: Any = None
    codec: Codec | None = None
    built_in_guidance: float | None = None
    dynamic: tuple[float, float] = (0.95, 1.5)
    clip: float = 1.0
    device: torch.device = torch.device("cpu")
    dtype: torch.dtype = torch.float32
    compute_dtype: torch.dtype = torch.float32

    def bind(self, prompt: str) -> Bound:
        """Return the model with a prompt bound.

        Args:
            prompt: the prompt; "" is unconditional.

        Raises:
            UserError: the model does not know the prompt.
        """
        return Bound(self.model, self.encode(prompt), self.low_res)

    @property
    def identity(self) -> str:
        """What tells its pictures from those of other models: the fingerprints of its weights and of its adapters."""
        return self.fingerprint + "".join(f"+{each.fingerprint}:{each.scale:g}" for each in self.adapters)

    def defaults_of(self, technique: str) -> Defaults:
        """Return the defaults of a technique, by its name."""
        return replace(self.defaults, **self.defaults.techniques.get(technique, {}), techniques={})

    @property
    def walk_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what is walked: of its pictures, or of their latents."""
        return self.codec.shape if self.codec else self.shape

    def empty(self, num: int) -> Tensor:
        """Return an uninitialised tensor (num, C, H, W) of what is walked."""
        return torch.empty(num, *self.walk_shape, device=self.device, dtype=self.dtype)

    def to_walk(self, picture: Tensor) -> Tensor:
        """Return pictures (N, C, H, W) in [-1, 1] as what is walked."""
        picture = picture.to(self.device, self.dtype)
        return self.codec.encode(picture) if self.codec else picture

    def to_picture(self, x: Tensor) -> Tensor:
        """Return pictures of what is walked; a tensor that has the shape of pictures already stays as it is."""
        return self.codec.decode(x) if self.codec and tuple(x.shape[1:]) == self.codec.shape else x

    def with_threshold(self, denoiser: Denoiser, threshold: str) -> Denoiser:
        """Return a denoiser under a threshold, which has this model's own quantile and greatest value.

        Args:
            denoiser: predicts x0.
            threshold: a key of `THRESHOLDS`.
        """
        if threshold == "clip":
            return clip(denoiser, self.clip)
        return dynamic_threshold(denoiser, *self.dynamic) if threshold == "dynamic" else THRESHOLDS[threshold](denoiser)

    def start(self, level: NoiseLevel, num: int, noise: Noise) -> Tensor:
        """Draw the noise that a walk starts from.

        Args:
            level: the first level of the walk.
            num: the number of pictures.
            noise: draws N(0, I).

        Returns:
            (num, C, H, W).
        """
        eps = noise(self.empty(num))
        return eps if self.unit_start else level.sigma * eps

    def __repr__(self) -> str:
        return f"<noisewalk model '{self.name}', {'x'.join(map(str, self.shape))}, weights {self.identity}>"


@dataclass(frozen=True, eq=False)
class Upscaler:
    """A stage of a cascade: a model of larger pictures that is conditioned on a smaller one.

    The small picture is enlarged to the stage's size (bilinear, corners aligned), and a little noise is added to it. The stage
    then repaints the faults of the stage before instead of copying them. This is noise conditioning augmentation:

        low_res = alpha_k enlarge(low) + sigma_k eps,     k = noise_level

    Args:
        pretrained: the stage's model. It is called as model(x_t, level, low_res, k, *cond) with timesteps k (N,) int64. Its
            `encode` gives `cond` alone, and its `upscaler` is the stage after it.
        schedule: the schedule of the noise on the small picture.
        noise_level: the timestep k that is used by default, 0 (almost clean) to 999.
        max_noise_level: the greatest k that the model was trained on.

    Reference: Ho et al., *Cascaded Diffusion Models for High Fidelity Image Generation*, 2022, section 4,
    https://arxiv.org/abs/2106.15282.
    """

    pretrained: Pretrained
    schedule: Schedule
    noise_level: int = 250
    max_noise_level: int = 999

    def conditioned_on(self, low: Tensor, noise: Noise, noise_level: int | None = None) -> Pretrained:
        """Return the stage's model for pictures to enlarge; it is guided and walked like any other model.

        Args:
            low: (N, C, h, w) the pictures of the stage before.
            noise: draws the noise on the small pictures.
            noise_level: the timestep k; None for the stage's own.
        """
        k = self.noise_level if noise_level is None else noise_level
        stage = self.pretrained
        large = F.interpolate(low, stage.walk_shape[1:], mode="bilinear", align_corners=True).to(stage.device, stage.dtype)
        level = self.schedule(torch.tensor((k + 1) / 1000, dtype=torch.float64))
        timestep = torch.tensor([k])

        def encode(prompt: str) -> Condition:
            return (timestep, *stage.encode(prompt))

        return replace(stage, low_res=(add_noise(large, level, noise),), encode=encode)
