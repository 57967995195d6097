"""A pipeline that diffusers saved, as a model that makes pictures.

The text encoder is loaded when a prompt is not in the cache, and freed before the network is loaded, which happens at the first
step. Everything that can be checked without loading (the files, the scheduler, the memory) is checked at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ...errors import UserError, unknown
from ...walk.schedules import Rescaled, WithGrid
from ..adapters import Adapter
from ..network import NetworkModel
from ..pretrained import Codec, Pretrained
from .components import ModelFiles, open_files
from .configs import Network, reading
from .families import FAMILIES, Family
from .lora import Loras
from .memory import Placement
from .parts import Parts
from .post_processing import PostProcessing
from .sampling import Sampling
from .schedulers import read_scheduler


def open_pipeline(
    path: Path,
    name: str,
    place: Placement,
    size: int | None = None,
    *,
    adapters: tuple[Adapter, ...] = (),
    safety_checker: bool = False,
    watermark: bool = False,
    offline: bool = False,
) -> Pretrained:
    """Open a pipeline that was saved, a folder or a single file, as a model.

    Args:
        path: the folder or the file.
        name: the name that it was asked for by.
        place: where it computes.
        size: the side of its pictures in pixels; None for the model's own.
        adapters: LoRA adapters, which change its network and its text encoders.
        safety_checker: see `PostProcessing`.
        watermark: see `PostProcessing`.
        offline: do not ask the network for what a single file does not contain.

    Raises:
        UserError: the folder is incomplete, or its kind of pipeline or its scheduler is unknown.
    """
    folder = open_files(path, offline)
    if folder.pipeline not in FAMILIES:
        if any(path.glob("*.py")):
            raise UserError(
                f"'{name}' is a {folder.pipeline}, a pipeline of its own code ({next(path.glob('*.py')).name}), and noisewalk "
                f"runs no code of a folder; it knows {', '.join(FAMILIES)}"
            )
        raise unknown("kind of pipeline", folder.pipeline, FAMILIES)
    family = FAMILIES[folder.pipeline]
    folder.component_class(family.network)
    parts = Parts(folder, family, place, PostProcessing(folder, safety_checker, watermark), Loras(folder, adapters))
    place.check(name, folder, family)
    config = folder.network(family.network)
    channels, codec, side = _shape(parts, config, size)
    sampling = _sampling(folder, family, config, codec.shape[1] if codec else side)
    return Pretrained(
        name,
        _network(parts, family, sampling),
        parts.encode,
        sampling.schedule,
        (channels, side, side),
        replace(family.defaults, step_rule=sampling.step_rule, threshold=sampling.threshold),
        fingerprint=folder.fingerprint(family.network),
        card={"what": f"{folder.pipeline} from {path}"},
        adapters=adapters,
        parts=parts,
        unit_start=sampling.unit_start,
        codec=codec,
        dynamic=sampling.dynamic,
        clip=sampling.clip,
        device=place.device,
        dtype=torch.float64 if place.dtype == torch.float64 else torch.float32,
        compute_dtype=place.dtype,
    )


def _shape(parts: Parts, config: Network, size: int | None) -> tuple[int, Codec | None, int]:
    """Return the channels of the pictures, the autoencoder if there is one, and the side of the pictures."""
    folder, family = parts.folder, parts.family
    own = config.get("sample_size") or folder.options.get("default_sample_size") or 64
    if not isinstance(own, int):
        if own[0] != own[1]:
            raise UserError(f"{folder.path} makes oblong pictures ({own[0]}x{own[1]}); noisewalk makes square ones only")
        own = own[0]
    seen = config.get("in_channels") or 3
    if config.get("time_cond_proj_dim"):
        raise UserError(
            f"{folder.path} has a network with the guidance as an input (time_cond_proj_dim), which noisewalk does not support"
        )
    if config.get("num_class_embeds") and family.encode and not family.upscales:
        raise UserError(
            f"{folder.path} has a network of prompts and classes (num_class_embeds), which noisewalk does not support"
        )
    if not family.latent:
        channels = seen // (2 if family.upscales else 1)
        if channels not in (1, 3):
            raise UserError(f"{folder.path} has a network of {seen} channels; noisewalk makes grey and colour pictures only")
        return channels, None, size or own
    vae = folder.network("vae")
    folder.component_class("vae")
    if vae.get("latents_mean") or vae.get("latents_std"):
        raise UserError(f"{folder.path}/vae has latents_mean and latents_std, which noisewalk does not use")
    channels = vae.get("latent_channels", 4)
    if family.network == "unet" and seen != channels + (3 if family.upscales else 0):
        raise UserError(
            f"{folder.path} has a U-Net of {seen} channels for latents of {channels}; it may be one for inpainting or depth"
        )
    factor = parts.factor
    if family.network == "transformer" and "sample_size" not in config:
        own = 1024 // factor  # Flux and Z-Image do not say it
    side = size or own * factor
    if own > 4096:
        raise UserError(f"{folder.path} makes pictures of {own} pixels, but the limit is 4096; see sample_size")
    latent = (channels, side // factor, side // factor)
    return vae.get("out_channels") or 3, _codec(parts, vae, latent), side


def _codec(parts: Parts, config: Network, shape: tuple[int, int, int]) -> Codec:
    scale = float(config.get("scaling_factor") or 1.0)
    shift = float(config.get("shift_factor") or 0.0) if parts.family.latent == "shift" else 0.0

    @torch.no_grad()
    def encode(picture: Tensor) -> Tensor:
        with reading(parts.folder.place("vae"), "encode a picture with"):
            seen: Tensor = parts.vae().encode(picture.to(parts.vae_dtype)).latent_dist.mode()
        return ((seen - shift) * scale).to(picture.dtype)

    @torch.no_grad()
    def decode(z: Tensor) -> Tensor:
        with reading(parts.folder.place("vae"), "decode a picture with"):
            made: Tensor = parts.vae().decode((z / scale + shift).to(parts.vae_dtype), return_dict=False)[0]
        return made.to(z.dtype)

    return Codec(shape, encode, decode)


def _sampling(folder: ModelFiles, family: Family, config: Network, side: int) -> Sampling:
    patch = int(config.get("patch_size") or 1) * family.packs
    folder.component_class("scheduler")
    tokens = (side // patch) ** 2 if family.network == "transformer" else 0
    sampling = read_scheduler(folder.scheduler(), tokens, family.even)
    if (noise := folder.options.get("noise_scale", 1.0)) != 1.0 and isinstance(sampling.schedule, WithGrid):
        path = Rescaled(sampling.schedule.schedule, noise)
        sampling = replace(sampling, schedule=WithGrid(path, sampling.schedule.grid))
    return sampling


def _network(parts: Parts, family: Family, sampling: Sampling) -> NetworkModel:
    num = sampling.num
    time_conditionings: dict[str, Callable[[Tensor], Tensor]] = {
        "timestep": sampling.time_conditioning,
        "unit": lambda t: sampling.time_conditioning(t) / num,
        "reverse": lambda t: 1 - sampling.time_conditioning(t) / num,
    }
    time_dtype = torch.float64 if parts.place.dtype == torch.float64 else torch.float32
    return NetworkModel(
        parts.call_network,
        sampling.network_schedule or sampling.schedule,
        family.predicts or sampling.prediction_type,
        time_conditioning=lambda t: time_conditionings[family.time_conditioning](t).to(time_dtype),
        learned_variance=sampling.learned_variance,
        boundary=sampling.boundary,
    )
