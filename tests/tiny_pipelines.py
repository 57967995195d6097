"""Pipelines of diffusers with tiny random networks, saved in the real format: a few thousand parameters each."""

from __future__ import annotations

import string
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

LETTERS = "▁" + string.ascii_lowercase + string.digits + ",.-'"

IF_SCHEDULER: dict[str, Any] = {
    "beta_schedule": "squaredcos_cap_v2",
    "variance_type": "learned_range",
    "thresholding": True,
    "dynamic_thresholding_ratio": 0.95,
    "sample_max_value": 1.5,
    "clip_sample_range": 1.0,
}
"""What DeepFloyd IF's folders say."""


def t5() -> dict[str, Any]:
    """A T5 encoder that reads letters."""
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *((letter, -1.0 - i / 100) for i, letter in enumerate(LETTERS))]
    tokenizer = transformers.T5Tokenizer(vocab=vocab, extra_ids=0)
    config = transformers.T5Config(
        d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=len(vocab), relative_attention_num_buckets=8
    )
    return {"text_encoder": transformers.T5EncoderModel(config).eval(), "tokenizer": tokenizer}


def clip(suffix: str = "", projected: bool = False, padding: str = "", **more: Any) -> dict[str, Any]:
    """A CLIP text encoder that reads letters; `padding` is a token of its own for short prompts."""
    ends = ["<|startoftext|>", "<|endoftext|>"]
    symbols = [*string.ascii_lowercase, *(letter + "</w>" for letter in string.ascii_lowercase), *padding]
    vocab = {token: i for i, token in enumerate([*symbols, *ends])}
    own = {"pad_token": padding} if padding else {}
    tokenizer = transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77, **own)
    config = {
        "vocab_size": len(vocab),
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 8,
        "bos_token_id": vocab[ends[0]],
        "eos_token_id": vocab[ends[1]],
        "pad_token_id": vocab[ends[1]],
    }
    kind = transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel
    return {
        f"text_encoder{suffix}": kind(transformers.CLIPTextConfig(**(config | more))).eval(),
        f"tokenizer{suffix}": tokenizer,
    }


def unet(size: int, channels: int = 3, out_channels: int = 6, **more: Any) -> Any:
    """A text U-Net of one resolution step."""
    config: dict[str, Any] = {
        "sample_size": size,
        "in_channels": channels,
        "out_channels": out_channels,
        "block_out_channels": (8, 8),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 8,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    }
    return diffusers.UNet2DConditionModel(**(config | more)).eval()


def vae(channels: int = 4, blocks: int = 2, **more: Any) -> Any:
    """An autoencoder of factor 2^(blocks - 1)."""
    return diffusers.AutoencoderKL(
        block_out_channels=(8,) * blocks,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=4,
        sample_size=16,
        **more,
    ).eval()


def if_stage1(size: int = 16) -> Any:
    parts = {"unet": unet(size), "scheduler": diffusers.DDPMScheduler(**IF_SCHEDULER), **t5()}
    return diffusers.IFPipeline(**parts, **_UNCHECKED)


def if_stage2(size: int = 32) -> Any:
    parts = {
        "unet": unet(size, 6, class_embed_type="timestep"),
        "scheduler": diffusers.DDPMScheduler(**(IF_SCHEDULER | {"sample_max_value": 1.0})),
        "image_noising_scheduler": diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        **t5(),
    }
    return diffusers.IFSuperResolutionPipeline(**parts, **_UNCHECKED)


def checked() -> Any:
    """A stage I whose safety checker objects to everything."""
    from diffusers.pipelines.deepfloyd_if import IFSafetyChecker

    size = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**size, "image_size": 8, "patch_size": 4, "projection_dim": 8}
    config = transformers.CLIPConfig(text_config={**size, "projection_dim": 8}, vision_config=vision, projection_dim=8)
    checker = IFSafetyChecker(config)
    checker.p_head.bias.data.fill_(9e9)
    parts = {"unet": unet(16), "scheduler": diffusers.DDPMScheduler(**IF_SCHEDULER), **t5()}
    seen = transformers.CLIPImageProcessor(size={"shortest_edge": 8}, crop_size=8)
    return diffusers.IFPipeline(**parts, safety_checker=checker, feature_extractor=seen, watermarker=None)


def watermarked() -> Any:
    """A stage I of 64x64 with a watermark, a half transparent pattern."""
    from diffusers.pipelines.deepfloyd_if import IFWatermarker

    marker = IFWatermarker()
    marker.watermark_image.copy_(torch.randint(0, 256, (62, 62, 4), generator=torch.Generator().manual_seed(7)))
    parts = {"unet": unet(64), "scheduler": diffusers.DDPMScheduler(**IF_SCHEDULER), **t5()}
    return diffusers.IFPipeline(**parts, **(_UNCHECKED | {"watermarker": marker}))


_UNCHECKED: dict[str, Any] = {
    "safety_checker": None,
    "feature_extractor": None,
    "watermarker": None,
    "requires_safety_checker": False,
}


def ddpm(**scheduler: Any) -> Any:
    network = diffusers.UNet2DModel(
        sample_size=16,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        norm_num_groups=4,
    ).eval()
    return diffusers.DDPMPipeline(network, diffusers.DDPMScheduler(**({"variance_type": "fixed_large"} | scheduler)))


def class_unet() -> Any:
    """A U-Net of ten classes."""
    return diffusers.UNet2DModel(
        sample_size=16,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        norm_num_groups=4,
        num_class_embeds=10,
    ).eval()


def class_ddpm() -> Any:
    return diffusers.DDPMPipeline(class_unet(), diffusers.DDPMScheduler(variance_type="fixed_large"))


def consistency(**scheduler: Any) -> Any:
    return diffusers.ConsistencyModelPipeline(class_unet(), diffusers.CMStochasticIterativeScheduler(**scheduler))


def dit(legacy: bool = False, **scheduler: Any) -> Any:
    """A DiT; the published folders call its class Transformer2DModel."""
    kind = diffusers.Transformer2DModel if legacy else diffusers.DiTTransformer2DModel
    network = kind(
        num_attention_heads=2,
        attention_head_dim=4,
        in_channels=4,
        out_channels=8,
        num_layers=1,
        norm_num_groups=4,
        sample_size=8,
        patch_size=2,
        num_embeds_ada_norm=1000,
        activation_fn="gelu-approximate",
        attention_bias=True,
        norm_type="ada_norm_zero",
        norm_elementwise_affine=False,
    ).eval()
    made = diffusers.DDIMScheduler(**({"clip_sample": False} | scheduler))
    return diffusers.DiTPipeline(network, vae(), made)


SD_SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}


def stable_diffusion(scheduler: str = "DDIMScheduler", **config: Any) -> Any:
    if scheduler == "DDIMScheduler":
        config = {"clip_sample": False, "set_alpha_to_one": False} | config
    made = getattr(diffusers, scheduler)(**(SD_SCHEDULER | config))
    parts = {"unet": unet(8, 4, 4), "vae": vae(), "scheduler": made, **clip()}
    return diffusers.StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


def stable_diffusion_xl(blocks: int = 4) -> Any:
    added = {"addition_embed_type": "text_time", "addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 32}
    parts = {
        "unet": unet(4, 4, 4, cross_attention_dim=16, **added),
        "vae": vae(blocks=blocks),
        "scheduler": diffusers.EulerDiscreteScheduler(**SD_SCHEDULER),
        **clip(),
        **clip("_2", projected=True),
    }
    return diffusers.StableDiffusionXLPipeline(**parts)


def x4_upscaler() -> Any:
    parts = {
        "unet": unet(32, 7, 4, num_class_embeds=1000),
        "vae": vae(blocks=3, scaling_factor=0.08333),
        "scheduler": diffusers.DDIMScheduler(**(SD_SCHEDULER | {"clip_sample": False, "prediction_type": "v_prediction"})),
        "low_res_scheduler": diffusers.DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.0001, beta_end=0.02),
        **clip(),
    }
    return diffusers.StableDiffusionUpscalePipeline(**parts)


def stable_diffusion_3(**scheduler: Any) -> Any:
    network = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        num_layers=1,
        attention_head_dim=4,
        num_attention_heads=2,
        joint_attention_dim=16,
        caption_projection_dim=8,
        pooled_projection_dim=16,
        out_channels=4,
        pos_embed_max_size=8,
    ).eval()
    language = t5()
    language["text_encoder"] = transformers.T5EncoderModel(
        transformers.T5Config(
            d_model=16, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=3 + len(LETTERS), relative_attention_num_buckets=8
        )
    ).eval()
    parts = {
        "transformer": network,
        "vae": vae(shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(**({"shift": 3.0} | scheduler)),
        **clip(projected=True),
        **clip("_2", projected=True),
        **{f"{name}_3": part for name, part in language.items()},
    }
    return diffusers.StableDiffusion3Pipeline(**parts)


def flux(guidance_embeds: bool = True, **scheduler: Any) -> Any:
    """Flux: -dev with guidance as an input, or -schnell without it."""
    network = diffusers.FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=6,
        num_attention_heads=2,
        joint_attention_dim=8,
        pooled_projection_dim=8,
        guidance_embeds=guidance_embeds,
        axes_dims_rope=(2, 2, 2),
    ).eval()
    parts = {
        "transformer": network,
        "vae": vae(shift_factor=0.1159, scaling_factor=0.3611, use_quant_conv=False, use_post_quant_conv=False),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(**({"shift": 3.0, "use_dynamic_shifting": True} | scheduler)),
        **clip(),
        **{f"{name}_2": part for name, part in t5().items()},
    }
    return diffusers.FluxPipeline(**parts)


def qwen(layers: int = 1) -> dict[str, Any]:
    """A Qwen 3 that reads letters."""
    vocab = {token: i for i, token in enumerate(["<pad>", *string.ascii_lowercase, *string.digits, "Ġ"])}
    config = transformers.Qwen3Config(
        vocab_size=len(vocab),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=4,
    )
    tokenizer = transformers.Qwen2Tokenizer(
        vocab=vocab, merges=[], unk_token="<pad>", pad_token="<pad>", eos_token="<pad>", model_max_length=999
    )
    return {"text_encoder": transformers.Qwen3Model(config).eval(), "tokenizer": tokenizer}


def z_image(**scheduler: Any) -> Any:
    network = diffusers.ZImageTransformer2DModel(
        in_channels=4, dim=12, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=8, axes_dims=[2, 2, 2]
    ).eval()
    language = qwen(layers=3)
    language["tokenizer"].chat_template = "user {% for m in messages %}{{ m['content'] }}{% endfor %} draws"
    parts = {
        "transformer": network,
        "vae": vae(shift_factor=0.1159, scaling_factor=0.3611, use_quant_conv=False, use_post_quant_conv=False),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(**({"shift": 3.0} | scheduler)),
        **language,
    }
    return diffusers.ZImagePipeline(**parts)


def prx_pixel() -> Any:
    network = diffusers.PRXTransformer2DModel(
        in_channels=3,
        patch_size=4,
        context_in_dim=8,
        hidden_size=8,
        mlp_ratio=1.0,
        num_heads=2,
        depth=1,
        axes_dim=[2, 2],
        bottleneck_size=8,
        resolution_embeds=True,
    ).eval()
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1024)
    return diffusers.PRXPixelPipeline(network, scheduler, **qwen(), default_sample_size=16, prompt_max_tokens=8)


BUILDERS = {
    "if-1": if_stage1,
    "if-2": if_stage2,
    "ddpm": ddpm,
    "class-ddpm": class_ddpm,
    "consistency": consistency,
    "dit": dit,
    "sd-ddim": stable_diffusion,
    "sdxl": stable_diffusion_xl,
    "x4": x4_upscaler,
    "sd3": stable_diffusion_3,
    "flux": flux,
    "z-image": z_image,
    "prx": prx_pixel,
}


@cache
def saved(name: str, root: Path) -> Path:
    """Return the folder of one of `BUILDERS`, which is made once under `root` with random weights from one seed."""
    return save(BUILDERS[name], root / name)


def save(builder: Any, folder: Path, **options: Any) -> Path:
    """Save a pipeline into a folder with random weights, also where training starts at zero."""
    pipe = builder(**options)
    for name, part in pipe.components.items():  # a component's weights depend on its name: both stages of IF share their T5
        draw = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        for parameter in part.parameters() if isinstance(part, torch.nn.Module) else ():
            parameter.data.normal_(0, 0.2, generator=draw)
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder
