"""What checkpoints name: kinds of networks, schedules, and how their prompts are encoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ...walk.noise import Schedule
from ...walk.prediction import Condition
from ...walk.schedules import VE, LinearPath, cosine_schedule, linear_betas, vp_schedule
from ..text.prompts import DigitPrompts, LabelPrompts
from ..text.text_prompts import TextPrompts
from ..text.words import load_words
from .course import CourseUNet, CourseUNetConfig
from .text_unet import TextUNet, text_unet_config
from .unet import UNet, unet_config
from .upscaler_unet import UpscalerUNet

SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "linear": LinearPath,
    "ddpm-300": lambda: vp_schedule(linear_betas(300)),
    "ddpm-1000": lambda: vp_schedule(linear_betas(1000)),
    "cosine": cosine_schedule,
    "ve": VE,
}
"""Schedules by the name in a checkpoint's configuration."""

NETWORKS: dict[str, Callable[[dict[str, Any]], torch.nn.Module]] = {
    "unet-fast": lambda shape: UNet(unet_config(shape)),
    "unet-course": lambda shape: CourseUNet(CourseUNetConfig(**shape)),
    "unet-text": lambda shape: TextUNet(text_unet_config(shape)),
    "unet-upscaler": lambda shape: UpscalerUNet(text_unet_config(shape)),
}
"""Networks by the name in a checkpoint's configuration."""

_DIGITS = tuple(str(digit) for digit in range(10))


def build(config: dict[str, Any]) -> torch.nn.Module:
    """Return the network that a checkpoint's configuration describes, with random weights."""
    return NETWORKS[config["network"]](config["config"])


def prompts(config: dict[str, Any]) -> Callable[[str], Condition]:
    """Return the prompt encoder of a checkpoint's network."""
    if config["network"] in ("unet-text", "unet-upscaler"):
        return TextPrompts(load_words(), config["config"]["max_tokens"])
    names = tuple(config.get("labels", _DIGITS))
    return DigitPrompts() if names == _DIGITS else LabelPrompts(names)
