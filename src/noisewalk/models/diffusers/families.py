"""The kinds of pipelines of diffusers: how each encodes prompts, and how it calls its network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from ...walk.prediction import Condition
from ..pretrained import Defaults

Call = Callable[..., Any]
"""Maps (network, x (N, C, H, W), timestep (N,), *low_res, *cond) to the network's output."""


@dataclass(frozen=True)
class Family:
    """A kind of pipeline.

    Args:
        call: calls the network.
        encode: maps (the pipeline with its text encoders, prompt) to a condition; None for classes or no prompts.
        text: the components that prompts need.
        normalise: returns a prompt as the encoder reads it, which is its name in the embedding cache.
        limits: for each tokenizer component, how many tokens it keeps; longer prompts are cut.
        defaults: the defaults of walks; the step rule and the threshold come from the scheduler.
        network: the component that is the network.
        latent: "" for pixels; "scale" for latents that are scaled; "shift" for latents that are shifted too.
        time_conditioning: what a flow network takes as its time: "timestep" 1000 t, "unit" t, "reverse" 1 - t.
        even: whether flow grids are even from 1 to 1 / steps, as the pipeline sets them, and not as the scheduler does.
        packs: the side of the squares of latents that are one token, if the network's `patch_size` does not say it.
        predicts: the target, if the scheduler's configuration does not say it.
        upscales: whether the network takes a smaller picture, concatenated with x_t.
        sized: whether `call` takes `factor`, the pixels along a side of a latent, to give the network the size of the picture.
    """

    call: Call
    encode: Callable[[Any, str], Condition] | None = None
    text: tuple[str, ...] = ()
    normalise: Callable[[str], str] = str
    limits: tuple[tuple[str, int], ...] = ()
    defaults: Defaults = Defaults(grid="native")
    network: Literal["unet", "transformer"] = "unet"
    latent: Literal["", "scale", "shift"] = ""
    time_conditioning: Literal["timestep", "unit", "reverse"] = "timestep"
    even: bool = False
    packs: int = 1
    predicts: str = ""
    upscales: bool = False
    sized: bool = False


def _unet2d(network: Any, x: Tensor, t: Tensor, label: Tensor | None = None) -> Any:
    return network(x, t, class_labels=label, return_dict=False)[0]


def _dit(network: Any, x: Tensor, t: Tensor, label: Tensor) -> Any:
    """Call a DiT; its pipeline does not use the variance that it says besides eps."""
    return network(x, timestep=t, class_labels=label, return_dict=False)[0][:, : x.shape[1]]


def _unet(network: Any, x: Tensor, t: Tensor, embeds: Tensor) -> Any:
    return network(x, t, encoder_hidden_states=embeds, return_dict=False)[0]


def _unet_upscale(network: Any, x: Tensor, t: Tensor, low: Tensor, k: Tensor, embeds: Tensor) -> Any:
    seen = torch.cat([x, low], dim=1)
    return network(seen, t, encoder_hidden_states=embeds, class_labels=k, return_dict=False)[0]


def _unet_xl(network: Any, x: Tensor, t: Tensor, embeds: Tensor, pooled: Tensor, *, factor: int) -> Any:
    side = [factor * n for n in x.shape[2:]]
    sizes = torch.tensor([*side, 0, 0, *side], device=x.device, dtype=x.dtype).expand(len(x), 6)
    added = {"text_embeds": pooled, "time_ids": sizes}
    return network(x, t, encoder_hidden_states=embeds, added_cond_kwargs=added, return_dict=False)[0]


def _sd3(network: Any, x: Tensor, t: Tensor, embeds: Tensor, pooled: Tensor) -> Any:
    return network(x, timestep=t, encoder_hidden_states=embeds, pooled_projections=pooled, return_dict=False)[0]


def _flux(network: Any, x: Tensor, t: Tensor, embeds: Tensor, pooled: Tensor) -> Any:
    """Call Flux: latents are a sequence of 2x2 patches with coordinates, and the distilled guidance is an input."""
    rows, columns = x.shape[2] // 2, x.shape[3] // 2
    place = torch.zeros(rows, columns, 3, device=x.device, dtype=x.dtype)
    place[..., 1] += torch.arange(rows, device=x.device)[:, None]
    place[..., 2] += torch.arange(columns, device=x.device)
    cut = x.reshape(len(x), x.shape[1], rows, 2, columns, 2)
    patches = cut.permute(0, 2, 4, 1, 3, 5).reshape(len(x), rows * columns, -1)
    guidance = torch.full((len(x),), 3.5, device=x.device) if network.config.guidance_embeds else None
    output = network(
        hidden_states=patches,
        timestep=t,
        guidance=guidance,
        pooled_projections=pooled,
        encoder_hidden_states=embeds,
        txt_ids=torch.zeros(embeds.shape[1], 3, device=x.device, dtype=x.dtype),
        img_ids=place.reshape(-1, 3),
        return_dict=False,
    )[0]
    grid = output.reshape(len(x), rows, columns, -1, 2, 2)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(x.shape)


def _z_image(network: Any, x: Tensor, t: Tensor, embeds: Tensor, mask: Tensor) -> Tensor:
    texts = [row[kept] for row, kept in zip(embeds, mask, strict=True)]
    outputs = network(list(x.unsqueeze(2).unbind(0)), t, texts, return_dict=False)[0]
    return -torch.stack(list(outputs)).squeeze(2)


def _prx(network: Any, x: Tensor, t: Tensor, embeds: Tensor, mask: Tensor) -> Any:
    """Call PRX, whose network predicts x0; the pipeline's velocity (x - x0) / max(t, 0.05) gives the x0 that is returned."""
    x0 = network(hidden_states=x, timestep=t, encoder_hidden_states=embeds, attention_mask=mask, return_dict=False)[0]
    share = (t / t.clamp(min=0.05)).to(x.dtype).view(-1, 1, 1, 1)
    return x - share * (x - x0)


def _lower(prompt: str) -> str:
    """Lower-case and strip a prompt, as DeepFloyd's encoder does; captions are not cleaned, which would change more."""
    return prompt.lower().strip()


def _encode_if(pipe: Any, prompt: str) -> Condition:
    return (pipe.encode_prompt(prompt, do_classifier_free_guidance=False, clean_caption=False)[0],)


def _encode_sd(pipe: Any, prompt: str) -> Condition:
    return (pipe.encode_prompt(prompt, pipe.device, 1, False)[0],)


def _encode_sdxl(pipe: Any, prompt: str) -> Condition:
    embeds, _, pooled, _ = pipe.encode_prompt(prompt, do_classifier_free_guidance=False)
    if not prompt and pipe.config.force_zeros_for_empty_prompt:
        return torch.zeros_like(embeds), torch.zeros_like(pooled)
    return embeds, pooled


def _encode_sd3(pipe: Any, prompt: str) -> Condition:
    embeds, _, pooled, _ = pipe.encode_prompt(prompt, None, None, do_classifier_free_guidance=False)
    return embeds, pooled


def _encode_flux(pipe: Any, prompt: str) -> Condition:
    return tuple(pipe.encode_prompt(prompt, None)[:2])


def _encode_z_image(pipe: Any, prompt: str) -> Condition:
    (embeds,) = pipe.encode_prompt([prompt], do_classifier_free_guidance=False)[0]
    padded = embeds.new_zeros(1, 512, embeds.shape[1])
    padded[0, : len(embeds)] = embeds
    return padded, (torch.arange(512) < len(embeds))[None]


def _encode_prx(pipe: Any, prompt: str) -> Condition:
    return tuple(pipe.encode_prompt(prompt, do_classifier_free_guidance=False)[:2])


def _defaults(steps: int, guidance_scale: float) -> Defaults:
    return Defaults(steps=steps, grid="native", guidance_scale=guidance_scale)


_T5 = ("text_encoder", "tokenizer")
_CLIP2 = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")
_IF = Family(_unet, _encode_if, _T5, _lower, (("tokenizer", 77),), _defaults(100, 7.0))
_SD = Family(_unet, _encode_sd, _T5, str, (("tokenizer", 77),), _defaults(50, 7.5), latent="scale")
_DDPM = Family(_unet2d, defaults=_defaults(100, 1.0))

FAMILIES: dict[str, Family] = {
    "DDPMPipeline": _DDPM,
    "DDIMPipeline": replace(_DDPM, defaults=_defaults(50, 1.0)),
    "ConsistencyModelPipeline": replace(_DDPM, defaults=_defaults(1, 1.0)),
    "DiTPipeline": Family(_dit, defaults=_defaults(50, 4.0), network="transformer", latent="scale"),
    "IFPipeline": _IF,
    "IFSuperResolutionPipeline": replace(_IF, call=_unet_upscale, defaults=_defaults(50, 4.0), upscales=True),
    "StableDiffusionPipeline": _SD,
    "StableDiffusionXLPipeline": replace(
        _SD, call=_unet_xl, encode=_encode_sdxl, text=_CLIP2, defaults=_defaults(50, 5.0), sized=True
    ),
    "StableDiffusionUpscalePipeline": replace(_SD, call=_unet_upscale, defaults=_defaults(75, 9.0), upscales=True),
    "StableDiffusion3Pipeline": Family(
        _sd3,
        _encode_sd3,
        (*_CLIP2, "text_encoder_3", "tokenizer_3"),
        str,
        (("tokenizer_3", 256),),
        _defaults(28, 7.0),
        "transformer",
        "shift",
    ),
    "FluxPipeline": Family(
        _flux,
        _encode_flux,
        _CLIP2,
        str,
        (("tokenizer_2", 512),),
        _defaults(28, 1.0),
        "transformer",
        "shift",
        "unit",
        True,
        packs=2,
    ),
    "ZImagePipeline": Family(
        _z_image,
        _encode_z_image,
        _T5,
        str,
        (("tokenizer", 512),),
        _defaults(9, 1.0),
        "transformer",
        "shift",
        "reverse",
        True,
        packs=2,
    ),
    "PRXPixelPipeline": Family(
        _prx, _encode_prx, _T5, str, (("tokenizer", 256),), _defaults(28, 4.0), "transformer", "", "unit", predicts="sample"
    ),
}
"""Families by the `_class_name` in model_index.json."""
