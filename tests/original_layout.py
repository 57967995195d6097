"""Tiny Stable Diffusion pipelines with what all of their kind have, and the layout of the original programs in one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import diffusers
import tiny_pipelines as tiny
import torch
from safetensors.torch import save_file
from torch import Tensor

State = dict[str, Tensor]
TEXT: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 32, "num_attention_heads": 1, "projection_dim": 64}
GROUPS = {"norm_num_groups": 32}


def _vae(scale: float) -> Any:
    own = {"norm_num_groups": 32, "layers_per_block": 2, "scaling_factor": scale, "sample_size": 16}
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    return diffusers.AutoencoderKL(block_out_channels=(32, 64), latent_channels=4, **blocks, **own)


def sd1() -> Any:
    unet = tiny.unet(8, 4, 4, block_out_channels=(32, 64), attention_head_dim=8, cross_attention_dim=64, **GROUPS)
    scheduler = {**tiny.SD_SCHEDULER, "skip_prk_steps": True, "set_alpha_to_one": False}
    parts = {"unet": unet, "vae": _vae(0.18215), **tiny.clip(hidden_act="quick_gelu", **TEXT)}
    return _pipeline(parts, diffusers.PNDMScheduler(**scheduler))


def sd2(target: str = "v_prediction") -> Any:
    heads = {"block_out_channels": (64, 128), "attention_head_dim": (1, 2), "use_linear_projection": True}
    unet = tiny.unet(8, 4, 4, cross_attention_dim=64, layers_per_block=2, upcast_attention=True, **heads, **GROUPS)
    scheduler = {**tiny.SD_SCHEDULER, "set_alpha_to_one": False, "clip_sample": False, "prediction_type": target}
    parts = {"unet": unet, "vae": _vae(0.18215), **tiny.clip(padding="!", hidden_act="gelu", **TEXT)}
    return _pipeline(parts, diffusers.DDIMScheduler(**scheduler))


def sdxl(**scheduler: Any) -> Any:
    added = {"addition_embed_type": "text_time", "addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 88}
    heads = {"attention_head_dim": (1, 2), "transformer_layers_per_block": (1, 2), "use_linear_projection": True}
    unet = tiny.unet(8, 4, 4, block_out_channels=(64, 128), cross_attention_dim=128, **heads, **added, **GROUPS)
    parts = {
        "unet": unet,
        "vae": _vae(0.13025),
        "scheduler": diffusers.EulerDiscreteScheduler(**(tiny.SD_SCHEDULER | scheduler)),
        **tiny.clip(padding="!", hidden_act="quick_gelu", **TEXT),
        **tiny.clip("_2", True, "!", hidden_act="gelu", **TEXT),
    }
    parts["tokenizer"].pad_token = "<|endoftext|>"
    return diffusers.StableDiffusionXLPipeline(**parts)


def _pipeline(parts: dict[str, Any], scheduler: Any) -> Any:
    unused = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return diffusers.StableDiffusionPipeline(**parts, scheduler=scheduler, **unused)


def single_file(folder: Path, file: Path, **metadata: str) -> Path:
    """Write the pipeline of a folder into one file in the layout of the original programs."""
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder)
    state = {"model.diffusion_model." + k: v for k, v in _unet(pipe.unet).items()}
    state |= {"first_stage_model." + k: v for k, v in _vae_state(pipe.vae.state_dict()).items()}
    if hasattr(pipe, "text_encoder_2"):
        state |= _clip(pipe.text_encoder, "conditioner.embedders.0.transformer.")
        state |= _open_clip(pipe.text_encoder_2, "conditioner.embedders.1.model.")
    elif pipe.unet.config.use_linear_projection:
        state |= _open_clip(pipe.text_encoder, "cond_stage_model.model.", unused=1)
    else:
        state |= _clip(pipe.text_encoder, "cond_stage_model.transformer.")
    save_file({k: v.contiguous() for k, v in state.items()}, file, {f"modelspec.{k}": v for k, v in metadata.items()})
    return file


_BLOCK = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "conv_in.": "input_blocks.0.0.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
}


def _unet(unet: Any) -> State:
    layers, state = unet.config.layers_per_block, unet.state_dict()
    attends = ["CrossAttn" in kind for kind in unet.config.up_block_types]

    def rename(name: str) -> str:
        for old, new in _ENDS.items():
            if name.startswith(old):
                name = new + name.removeprefix(old)
        if found := re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.", name):
            side, i, what, j = found[1], int(found[2]), found[3], int(found[4])
            first = i * (layers + 1)
            place = {
                ("down", "resnets"): f"input_blocks.{first + j + 1}.0.",
                ("down", "attentions"): f"input_blocks.{first + j + 1}.1.",
                ("down", "downsamplers"): f"input_blocks.{first + layers + 1}.0.op.",
                ("up", "resnets"): f"output_blocks.{first + j}.0.",
                ("up", "attentions"): f"output_blocks.{first + j}.1.",
                ("up", "upsamplers"): f"output_blocks.{first + layers}.{1 + attends[i]}.conv.",
            }[side, what]
            name = place + name[found.end() :].removeprefix("conv." if "samplers" in what else "")
        return name if ".transformer_blocks." in name else _parts(name, _BLOCK)

    return {rename(name): tensor for name, tensor in state.items()}


def _parts(name: str, table: dict[str, str]) -> str:
    return ".".join(table.get(each, each) for each in name.split("."))


def _vae_state(state: State) -> State:
    levels = 1 + max(int(found[1]) for name in state if (found := re.match(r"encoder\.down_blocks\.(\d+)", name)))
    made = {}
    for name, tensor in state.items():
        new = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
        new = re.sub(r"up_blocks\.(\d+)\.", lambda found: f"up.{levels - 1 - int(found[1])}.", new).replace("resnets", "block")
        new = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", new).replace("upsamplers.0", "upsample")
        new = re.sub(r"mid_block\.block\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", new)
        new = new.replace("mid_block.attentions.0", "mid.attn_1").replace("to_out.0", "proj_out")
        table = {"conv_norm_out": "norm_out", "conv_shortcut": "nin_shortcut", "group_norm": "norm"}
        new = _parts(new, table | {"to_q": "q", "to_k": "k", "to_v": "v"})
        made[new] = tensor[:, :, None, None] if "attn_1" in new and tensor.dim() == 2 else tensor
    return made


def _clip(encoder: Any, prefix: str) -> State:
    state = {f"{prefix}text_model." + k.removeprefix("text_model."): v for k, v in encoder.state_dict().items()}
    places = torch.arange(encoder.config.max_position_embeddings)[None]
    return state | {f"{prefix}text_model.embeddings.position_ids": places}


def _open_clip(encoder: Any, prefix: str, unused: int = 0) -> State:
    """Return OpenCLIP's layout, with `unused` layers after those of the encoder, and with what the encoder does not use."""
    state = {k.removeprefix("text_model."): v for k, v in encoder.state_dict().items()}
    made = {
        "token_embedding.weight": state["embeddings.token_embedding.weight"],
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "ln_final.weight": state["final_layer_norm.weight"],
        "ln_final.bias": state["final_layer_norm.bias"],
        "text_projection": state.get("text_projection.weight", torch.zeros(64, 64)).T,
        "logit_scale": torch.zeros(()),
    }
    count = encoder.config.num_hidden_layers
    for i in range(count + unused):
        old, new = f"encoder.layers.{min(i, count - 1)}.", f"transformer.resblocks.{i}."
        for end in ("weight", "bias"):
            heads = [state[f"{old}self_attn.{each}_proj.{end}"] for each in "qkv"]
            made |= {
                f"{new}attn.in_proj_{end}": torch.cat(heads) + (i >= count),
                f"{new}attn.out_proj.{end}": state[f"{old}self_attn.out_proj.{end}"],
                f"{new}ln_1.{end}": state[f"{old}layer_norm1.{end}"],
                f"{new}ln_2.{end}": state[f"{old}layer_norm2.{end}"],
                f"{new}mlp.c_fc.{end}": state[f"{old}mlp.fc1.{end}"],
                f"{new}mlp.c_proj.{end}": state[f"{old}mlp.fc2.{end}"],
            }
    return {prefix + name: tensor.clone() for name, tensor in made.items()}
