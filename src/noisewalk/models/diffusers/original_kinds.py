"""The kinds of Stable Diffusion that are read from single files, and what no file says of them.

Heads, activations, scales and training schedules are the same for every model of a kind. They are in the table `KINDS`, from
the configurations that the authors published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..foreign import VARIANTS
from ..header import Header

UNET, VAE = "model.diffusion_model.", "first_stage_model."
BETAS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}


@dataclass(frozen=True)
class TextEncoder:
    """A text encoder in a single file.

    Args:
        prefix: the beginning of the names of its tensors.
        open_clip: whether its layout is that of OpenCLIP, and not that of transformers.
        projected: whether its pooled output is projected, and used.
        unused: how many of its last layers are not used.
        padding: the token that fills short prompts.
    """

    prefix: str
    open_clip: bool = False
    projected: bool = False
    unused: int = 0
    padding: str = "<|endoftext|>"

    @property
    def vocabulary(self) -> str:
        """The name of the tensor with a vector for each token."""
        return self.prefix + ("token_embedding.weight" if self.open_clip else "text_model.embeddings.token_embedding.weight")


@dataclass(frozen=True)
class Kind:
    """A kind of Stable Diffusion.

    Args:
        name: its name in words.
        pipeline: its class in diffusers.
        encoders: its text encoders by the names of the components.
        scheduler: the scheduler of its authors: the class, and what differs from the betas of all kinds.
        size: the side of its pictures in pixels.
        heads: the number of heads of each attention; 0 for heads of 64 channels.
        scale: the scale of its latents.
        target: what the network predicts, if the file does not say it; "" if it has to.
    """

    name: str
    pipeline: str
    encoders: Mapping[str, TextEncoder]
    scheduler: tuple[str, Mapping[str, Any]]
    size: int
    heads: int = 0
    scale: float = 0.18215
    target: str = "epsilon"


_DDIM = {"set_alpha_to_one": False, "clip_sample": False}
_OPEN = TextEncoder("cond_stage_model.model.", open_clip=True, unused=1, padding="!")
KINDS = (
    Kind(
        "Stable Diffusion 1",
        "StableDiffusionPipeline",
        {"text_encoder": TextEncoder("cond_stage_model.transformer.")},
        ("PNDMScheduler", {"set_alpha_to_one": False, "skip_prk_steps": True}),
        512,
        heads=8,
    ),
    Kind("Stable Diffusion 2", "StableDiffusionPipeline", {"text_encoder": _OPEN}, ("DDIMScheduler", _DDIM), 512, target=""),
    Kind(
        "Stable Diffusion XL",
        "StableDiffusionXLPipeline",
        {
            "text_encoder": TextEncoder("conditioner.embedders.0.transformer."),
            "text_encoder_2": TextEncoder("conditioner.embedders.1.model.", open_clip=True, projected=True, padding="!"),
        },
        ("EulerDiscreteScheduler", {}),
        1024,
        scale=0.13025,
    ),
)
"""Sources: the model folders stable-diffusion-v1-5, stable-diffusion-2-1(-base) and stable-diffusion-xl-base-1.0 of the hub."""


def kind_of(header: Header) -> Kind | None:
    """Return the kind of Stable Diffusion in a file; None if it is not whole, or if it is a model of another kind."""
    if any(part in name for part in VARIANTS for name in header.shapes):
        return None
    for kind in KINDS:
        wanted = (UNET + "input_blocks.", VAE, *(encoder.prefix for encoder in kind.encoders.values()))
        if all(any(name.startswith(prefix) for name in header.shapes) for prefix in wanted):
            return kind
    return None
