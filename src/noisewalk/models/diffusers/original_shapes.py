"""The configurations of a single-file Stable Diffusion, which the file does not contain: read from the shapes of its tensors.

A file in the layout of the original programs (CompVis, Stability AI) holds the U-Net, the autoencoder and the text encoders.
Widths, depths and channels are shapes; what no shape says is in the table `KINDS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from typing import Any

from ...errors import UserError
from ..header import Header, Shape
from .original_kinds import BETAS, UNET, VAE, Kind, TextEncoder

Shapes = Mapping[str, Shape]
Configs = dict[str, dict[str, Any]]
_TIME_IDS = 6
"""Numbers that SDXL is told of a picture's size and place, each as a vector."""


def part(shapes: Shapes, prefix: str) -> dict[str, Shape]:
    """Return the shapes of the tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}


def read_configs(header: Header, kind: Kind, scheduler: dict[str, Any] | None = None) -> Configs:
    """Return the configurations of a file's components, and of the pipeline under "".

    Args:
        header: the header of the file.
        kind: its kind.
        scheduler: the configuration of its scheduler; None or {} for that of its kind.

    Raises:
        UserError: the file does not say what its network predicts; its shapes are not those of the kind.
    """
    try:
        encoders = {name: _encoder(part(header.shapes, it.prefix), it) for name, it in kind.encoders.items()}
        vae = _vae(part(header.shapes, VAE), kind)
        unet = _unet(part(header.shapes, UNET), kind, encoders)
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise UserError(f"the tensors of the file are not those of {kind.name} (see {error})") from error
    side = _side(header, kind) // 2 ** (len(vae["block_out_channels"]) - 1)
    made = {"unet": {**unet, "sample_size": side}, "vae": vae, **encoders}
    names = {name: ["transformers", config["architectures"][0]] for name, config in encoders.items()}
    names |= {name.replace("text_encoder", "tokenizer"): ["transformers", "CLIPTokenizer"] for name in encoders}
    scheduler = scheduler or _scheduler(header, kind)
    index: dict[str, Any] = {
        "_class_name": kind.pipeline,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    if "text_encoder_2" not in names:
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    return {"": {**index, **names, "scheduler": ["diffusers", scheduler["_class_name"]]}, "scheduler": scheduler, **made}


def _unet(shapes: Shapes, kind: Kind, encoders: Configs) -> dict[str, Any]:
    widths, depths, blocks = _levels(shapes)
    contexts = {s[1] for name, s in shapes.items() if name.endswith("transformer_blocks.0.attn2.to_k.weight")}
    (context,) = contexts
    if set(blocks) != {blocks[0]} or not _depth(shapes, "middle_block."):
        raise ValueError(f"{blocks} blocks of its levels")
    attends = [bool(depth) for depth in depths]
    config: dict[str, Any] = {
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "out_channels": shapes["out.2.weight"][0],
        "block_out_channels": widths,
        "layers_per_block": blocks[0],
        "down_block_types": ["CrossAttnDownBlock2D" if one else "DownBlock2D" for one in attends],
        "up_block_types": ["CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(attends)],
        "transformer_layers_per_block": [max(depth, 1) for depth in depths],
        "cross_attention_dim": context,
        "attention_head_dim": [kind.heads or width // 64 for width in widths],  # despite its name, the number of heads
        "use_linear_projection": any(len(s) == 2 for name, s in shapes.items() if name.endswith(".proj_in.weight")),
        "upcast_attention": not kind.target,
    }
    if "label_emb.0.0.weight" in shapes:
        added = shapes["label_emb.0.0.weight"][1]
        pooled = encoders["text_encoder_2"]["projection_dim"]
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": (added - pooled) // _TIME_IDS,
            "projection_class_embeddings_input_dim": added,
        }
    return config


def _levels(shapes: Shapes) -> tuple[list[int], list[int], list[int]]:
    """Return, for each level of a U-Net, its channels, the depth of its transformers, and the number of its blocks."""
    widths: list[int] = []
    depths: list[int] = []
    blocks = [0]
    for i in count(1):
        block = f"input_blocks.{i}."
        if f"{block}0.op.weight" in shapes:
            blocks.append(0)
            continue
        if f"{block}0.out_layers.3.weight" not in shapes:
            return widths, depths, blocks
        if not blocks[-1]:
            widths.append(shapes[f"{block}0.out_layers.3.weight"][0])
            depths.append(_depth(shapes, block))
        blocks[-1] += 1
    raise AssertionError


def _depth(shapes: Shapes, block: str) -> int:
    return next(k for k in count() if f"{block}1.transformer_blocks.{k}.norm1.weight" not in shapes)


def _vae(shapes: Shapes, kind: Kind) -> dict[str, Any]:
    levels = next(i for i in count() if f"encoder.down.{i}.block.0.conv2.weight" not in shapes)
    blocks = next(j for j in count() if f"encoder.down.0.block.{j}.conv2.weight" not in shapes)
    return {
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "latent_channels": shapes["post_quant_conv.weight"][0],
        "block_out_channels": [shapes[f"encoder.down.{i}.block.0.conv2.weight"][0] for i in range(levels)],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": blocks,
        "scaling_factor": kind.scale,
        "force_upcast": "text_encoder_2" in kind.encoders,
    }


def _encoder(shapes: Shapes, it: TextEncoder) -> dict[str, Any]:
    layer, widened, places = (
        ("transformer.resblocks.{}.", "mlp.c_fc.weight", "positional_embedding")
        if it.open_clip
        else ("text_model.encoder.layers.{}.", "mlp.fc1.weight", "text_model.embeddings.position_embedding.weight")
    )
    vocabulary, width = shapes[it.vocabulary.removeprefix(it.prefix)]
    layers = next(i for i in count() if layer.format(i) + widened not in shapes)
    return {
        "architectures": ["CLIPTextModelWithProjection" if it.projected else "CLIPTextModel"],
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": shapes[layer.format(0) + widened][0],
        "num_hidden_layers": layers - it.unused,
        "num_attention_heads": width // 64,
        "max_position_embeddings": shapes[places][0],
        "hidden_act": "gelu" if it.open_clip else "quick_gelu",
        "projection_dim": shapes["text_projection"][1] if it.projected else width,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }


def _side(header: Header, kind: Kind) -> int:
    """Return the side of a model's pictures in pixels, as the file says it, or as it is for its kind."""
    said = re.fullmatch(r"(\d{2,4})x(\d{2,4})", header.metadata.get("modelspec.resolution", ""))
    if said and said[1] != said[2]:
        raise UserError(f"the file is for oblong pictures ({said[0]}); noisewalk makes square ones only")
    own = 768 if not kind.target and _target(header) == "v_prediction" else kind.size
    return int(said[1]) if said else own


def _target(header: Header) -> str:
    """Return what a network predicts, as the metadata says it, or an empty tensor that programs for training write, or "".

    Reference: the keys `modelspec.` of https://github.com/Stability-AI/ModelSpec.
    """
    said = header.metadata.get("modelspec.prediction_type") or header.metadata.get("modelspec.predict_key")
    name = header.metadata.get("modelspec.architecture", "")
    if said == "v" or name.endswith("-v") or "v_pred" in header.shapes:
        return "v_prediction"
    return "epsilon" if said == "epsilon" or name == "stable-diffusion-v2-512" else ""


def _scheduler(header: Header, kind: Kind) -> dict[str, Any]:
    target = _target(header) or kind.target
    if not target:
        raise UserError(
            f"a file of {kind.name} may predict the noise or the velocity, and this one does not say which (its metadata has "
            "no modelspec.prediction_type)"
        )
    name, own = kind.scheduler
    zero = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"} if "ztsnr" in header.shapes else {}
    return {"_class_name": name, **BETAS, **own, "prediction_type": target, **zero}
