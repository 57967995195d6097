"""How models are loaded, and where results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..fields import option, same
from ..techniques.requests import Walk

MODEL = "a name of `noisewalk models`, a file, a folder, or a hub id; auto: digits if the prompts name digits, else emoji"


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How the model is loaded: the options of `models.zoo.load`."""

    memory: str = option("auto", "how much of a large model is on the GPU at a time: auto, full, offload or sequential")
    device: str = option("auto", "the device that the model computes on: auto, cpu, cuda or mps")
    dtype: str = option(
        "auto", "the dtype of the network: auto (the one that the hardware is fast at), float32, bfloat16 or float16"
    )
    offline: bool = option(False, "use only what is on this machine, and do not ask the network")
    lora: Sequence[str] = option((), "LoRA adapters for a pipeline of diffusers: .safetensors files, FILE or FILE:SCALE each")

    def changed(self) -> dict[str, Any]:
        """Return the options that are not the defaults, as keyword arguments of `load`."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


@dataclass(frozen=True, kw_only=True)
class CascadeLoading(Loading):
    """How the model is loaded, and the stages after it."""

    upscaler: Sequence[str] = option((), "hub ids or folders of the upsampling stages, instead of the model's own")
    safety_checker: bool = option(False, "let the model's own safety checker report on the pictures; it does not change them")
    watermark: bool = option(False, "put the model's own watermark on the pictures")


@dataclass(frozen=True, kw_only=True)
class OwnNetwork:
    """What `from_network` is told of a network, besides its schedule."""

    shape: Sequence[int] = option((1, 28, 28), "(C, H, W) of its pictures", 1, 8192, rule=("(C, H, W)", lambda s: len(s) == 3))
    prediction_type: str = option("flow_prediction", "what it predicts")
    classes: Sequence[str] = option((), "names of its classes")
    num_timesteps: int | None = option(None, "how many timesteps it was trained with", 1, 10**6)
    guidance_scale: float = same(Walk, "guidance_scale", default=1.0)
    steps: int = same(Walk, "steps", default=20)
    step_rule: str = same(Walk, "step_rule", default="ddim")
    dark_background: bool = option(False, "whether it draws light strokes on black")
    name: str = option("own", "what its pictures' metadata calls it")


@dataclass(frozen=True, kw_only=True)
class Output:
    """The options of a technique on the command line besides its own request."""

    model: str = option("auto", MODEL)
    out: Path | None = option(None, "the .png file or the folder to write; by default a folder in out/")
    trajectory: bool = option(False, "also save the walk as a filmstrip and a GIF")
    show_t: Sequence[int] = option((), "the timesteps of the states in the filmstrip, for example 690 540 390 240 90", 0, 999)
