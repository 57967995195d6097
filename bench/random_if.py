"""A random U-Net with the shape of DeepFloyd IF-M, and diffusers' pipeline around it.

Its blocks, attention and text vectors are those of IF-M. The widths of IF-M are 192 times 1, 2, 3 and 4.
"""

from __future__ import annotations

from typing import Any

import torch

IF_SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "beta_schedule": "squaredcos_cap_v2",
    "variance_type": "learned_range",
    "thresholding": True,
    "dynamic_thresholding_ratio": 0.95,
    "sample_max_value": 1.5,
}
SHAPE = (3, 64, 64)


def build(width: int, device: str, dtype: torch.dtype) -> Any:
    """Return a U-Net with the blocks of IF-M, whose widths are `width` times 1, 2, 3 and 4."""
    from diffusers import UNet2DConditionModel

    down = ("ResnetDownsampleBlock2D", *("SimpleCrossAttnDownBlock2D",) * 3)
    up = (*("SimpleCrossAttnUpBlock2D",) * 3, "ResnetUpsampleBlock2D")
    network = UNet2DConditionModel(
        sample_size=64,
        in_channels=3,
        out_channels=6,
        down_block_types=down,
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=up,
        block_out_channels=tuple(width * k for k in (1, 2, 3, 4)),
        layers_per_block=3,
        attention_head_dim=min(64, width),
        encoder_hid_dim=512,
        cross_attention_dim=4 * width,
        act_fn="gelu",
        norm_num_groups=32 if width % 32 == 0 else 8,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=min(64, width) // 8 or 1,
        only_cross_attention=False,
        cross_attention_norm="group_norm",
    )
    return network.eval().requires_grad_(False).to(device, dtype)


def pipeline(network: Any) -> Any:
    """Return diffusers' pipeline around the network."""
    from diffusers import DDPMScheduler, IFPipeline

    scheduler = DDPMScheduler(**{k: v for k, v in IF_SCHEDULER.items() if k != "_class_name"})
    absent = dict.fromkeys(("tokenizer", "text_encoder", "safety_checker", "feature_extractor", "watermarker"))
    pipe = IFPipeline(unet=network, scheduler=scheduler, **absent, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe
