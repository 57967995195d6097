"""Checkpoints that noisewalk trained, as models that make pictures."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError
from ..walk.schedules import LinearPath, Rescaled
from .bundled import WEIGHTS as WEIGHTS
from .bundled import left_out, present
from .checkpoint import fingerprint, network_weights, verified_card
from .nets.build import SCHEDULES, prompts
from .nets.from_checkpoint import CheckpointMismatch, build_from_checkpoint, read_defaults
from .nets.prepacked import prepack
from .nets.text_unet import TextUNet
from .nets.upscaler_unet import UpscalerUNet
from .network import NetworkModel
from .precision import convert_precision
from .pretrained import Defaults, Pretrained, Upscaler
from .text.text_prompts import TextPrompts
from .text.vocabulary import Vocabulary

_CPU = torch.device("cpu")

UPSCALERS = {("unet-text", 64): "emoji-upscaler-256.safetensors"}
"""The bundled next stage after a network, by its kind and its size in pixels."""


def read_checkpoint(name: str, path: Path, device: torch.device, dtype: torch.dtype) -> Pretrained:
    """Read one of noisewalk's own checkpoints as a model; it is kept while its file is the same.

    Args:
        name: what the model is called.
        path: the .safetensors file.
        device: the device to compute on.
        dtype: the dtype of the network.

    Raises:
        UserError: the file is missing, damaged, or not of a picture model.
    """
    return _read(name, path.resolve(), path.stat().st_mtime_ns, device, dtype)


@lru_cache(maxsize=4)
def _read(name: str, path: Path, changed: int, device: torch.device, dtype: torch.dtype) -> Pretrained:
    card = verified_card(path)
    tensors, config = network_weights(path)
    try:
        network = build_from_checkpoint(config, tensors, trusted=bool(card) and path.parent == WEIGHTS.resolve())
        model = pretrained(name, network, config, fingerprint(path), device, dtype)
        defaults = read_defaults(card, model.defaults)
    except (CheckpointMismatch, KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path} is not a picture model of this version of noisewalk: {str(error).splitlines()[0]}") from error
    encode = model.encode
    if isinstance(encode, TextPrompts) and "known" in card:
        vocabulary = Vocabulary(encode.table, card["known"], card.get("filler", ()))
        encode = replace(encode, vocabulary=vocabulary)
    return replace(model, card=card, encode=encode, defaults=defaults)


def load_upscaler(path: Path, device: torch.device, dtype: torch.dtype) -> Upscaler:
    """Load an upscaler's checkpoint as the next stage of a cascade.

    Args:
        path: the .safetensors file; one of the package is fetched if this build left it out.
        device: the device to compute on.
        dtype: the dtype of the network.

    Raises:
        UserError: it is missing or damaged.
    """
    return Upscaler(read_checkpoint(str(path), present(path), device, dtype), LinearPath())


def pretrained(
    name: str,
    network: torch.nn.Module,
    config: dict[str, Any],
    fingerprint: str = "",
    device: torch.device = _CPU,
    dtype: torch.dtype = torch.float32,
) -> Pretrained:
    """Return a network, with the configuration of its checkpoint, as a model that makes pictures."""
    network = network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    cast = convert_precision(network, dtype, name)
    prepack(network)
    encode, call = prompts(config), cast(network)
    if isinstance(encode, TextPrompts) and isinstance(network, TextUNet | UpscalerUNet):
        encode, call = replace(encode, encode_text=cast(network.encode_text), device=device), cast(network.denoise)
    multiple = 1 if dtype == torch.bfloat16 else 4 if torch.get_num_threads() > 1 else 16
    schedule = SCHEDULES[config["schedule"]]()
    unit = (0.5, 0.5) if config.get("unit_range") else (1.0, 0.0)
    shape = config["config"]
    next_stage = WEIGHTS / UPSCALERS.get((config["network"], shape["image_size"]), "none")
    return Pretrained(
        name,
        NetworkModel(call, schedule, config["prediction_type"], 0, multiple, *unit),
        encode,
        Rescaled(schedule, 2.0) if config.get("unit_range") else schedule,
        (shape["in_channels"], shape["image_size"], shape["image_size"]),
        read_defaults(config, Defaults()),
        dark_background=shape["in_channels"] == 1,
        fingerprint=fingerprint,
        upscaler=partial(load_upscaler, next_stage, device, dtype) if next_stage.is_file() or left_out(next_stage) else None,
        built_in_guidance=config.get("built_in_guidance"),
        device=device,
        compute_dtype=dtype,
    )
