"""Models with a short name: where they are, and what they need."""

from __future__ import annotations

from dataclasses import dataclass

WORKING = 1.25
"""Memory with activations and buffers, as a multiple of the weights."""
_GIB = 2**30


@dataclass(frozen=True)
class NamedModel:
    """A model with a short name.

    Args:
        hub: its repository, as `models.names` reads it.
        upscalers: the repositories of the stages after it.
        what: what it is, in words.
        size: the side of its pictures in pixels; 0 if it is not known.
        billions: the parameters of its network, as its authors say them, in billions; 0 if they are not known.
        text: its text encoders; "" if it has none.
        text_billions: their parameters; 0 if they are not known.
    """

    hub: str
    upscalers: tuple[str, ...] = ()
    what: str = ""
    size: int = 0
    billions: float = 0.0
    text: str = ""
    text_billions: float = 0.0

    @property
    def needs(self) -> str:
        """What it needs, in words: its text encoder, and memory in half precision and in float32.

        The text encoders and the network are never loaded together, so the larger of them counts.
        """
        most = max(self.billions, self.text_billions) * 1e9 * WORKING / _GIB
        reader = f"text encoder {self.text}" if self.text else "no text encoder"
        reader += f" ({self.text_billions:g} B)" if self.text_billions else ""
        memory = f"about {2 * most:.1f} GiB in half precision, {4 * most:.1f} GiB in float32"
        return f"{self.size}x{self.size}, {self.billions:g} B parameters, {reader}; {memory}"


_X4 = "hub:stabilityai/stable-diffusion-x4-upscaler"
_T5 = ("T5 v1.1 XXL", 4.7)


def _if(stage1: str, stage2: str, what: str, billions: float) -> NamedModel:
    stages = (f"hub:DeepFloyd/IF-II-{stage2}-v1.0", _X4)
    return NamedModel(f"hub:DeepFloyd/IF-I-{stage1}-v1.0", stages, what, 64, billions, *_T5)


NAMED = {
    "deepfloyd": _if("L", "L", "DeepFloyd IF, the course's size (L): pixels, 64 to 256 to 1024", 0.9),
    "deepfloyd-m": _if("M", "M", "DeepFloyd IF, small", 0.4),
    "deepfloyd-l": _if("L", "L", "DeepFloyd IF, middle", 0.9),
    "deepfloyd-xl": _if("XL", "L", "DeepFloyd IF, large", 4.3),
    "prxpixel": NamedModel("hub:Photoroom/prxpixel-t2i", (), "PRXPixel: a flow model in pixels", 1024, 7, "Qwen3-VL"),
    "ddpm-cifar10": NamedModel("hub:google/ddpm-cifar10-32", (), "DDPM of CIFAR-10: pixels, no prompts", 32, 0.036),
    "ddpm-celebahq": NamedModel("hub:google/ddpm-celebahq-256", (), "DDPM of faces: pixels, no prompts", 256, 0.114),
    "ddpm-church": NamedModel("hub:google/ddpm-church-256", (), "DDPM of churches: pixels, no prompts", 256, 0.114),
    "sd15": NamedModel(
        "hub:stable-diffusion-v1-5/stable-diffusion-v1-5",
        (),
        "Stable Diffusion 1.5: latents",
        512,
        0.86,
        "CLIP ViT-L/14",
        0.123,
    ),
    "sdxl": NamedModel(
        "hub:stabilityai/stable-diffusion-xl-base-1.0",
        (),
        "Stable Diffusion XL: latents",
        1024,
        2.6,
        "CLIP ViT-L and OpenCLIP ViT-bigG",
        0.817,
    ),
    "sd3": NamedModel(
        "hub:stabilityai/stable-diffusion-3-medium-diffusers",
        (),
        "Stable Diffusion 3: a flow model in latents",
        1024,
        2,
        "CLIP ViT-L, OpenCLIP ViT-bigG and T5 v1.1 XXL",
        5.5,
    ),
    "flux": NamedModel(
        "hub:black-forest-labs/FLUX.1-dev",
        (),
        "Flux: a flow model in latents, guidance distilled",
        1024,
        12,
        "CLIP ViT-L and T5 v1.1 XXL",
        4.8,
    ),
    "z-image": NamedModel(
        "hub:Tongyi-MAI/Z-Image-Turbo", (), "Z-Image Turbo: a flow model in latents, few steps", 1024, 6, "Qwen3-4B", 4
    ),
    "dit": NamedModel("hub:facebook/DiT-XL-2-256", (), "DiT-XL/2 of ImageNet's classes: latents", 256, 0.675),
}
"""Models with a short name; any other hub id or local folder works too."""
