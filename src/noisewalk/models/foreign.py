"""What a .safetensors file is that noisewalk did not write, by the names of its tensors."""

from __future__ import annotations

from collections.abc import Iterable

_READ = "; of single files, those of Stable Diffusion 1, 2 and XL are read: give the folder of this model, or its hub id"
_ALONE = " alone; give --model a whole model"
_INSIDE = "is the network of a folder that diffusers saved; give --model the folder, with its model_index.json"
VARIANTS = {
    "control_model.": "is a ControlNet, which noisewalk does not use" + _READ,
    "edm_mean": "is Playground 2.5, whose noise levels are of another kind" + _READ,
    "edm_vpred.": "is CosXL, whose noise levels are of another kind" + _READ,
    ".time_stack.": "is a model of videos, which noisewalk does not draw" + _READ,
    "low_scale_model.": "is an upscaler" + _READ,
    "model.diffusion_model.label_emb.weight": "is an upscaler" + _READ,
}
"""Part of the name of a tensor -> what the file is and what to do, for models that are whole but not what they seem."""
FOREIGN = {
    "lora": "is a LoRA adapter; give it to --lora, and a pipeline to --model",
    **VARIANTS,
    "double_blocks.": "is a single file of Flux" + _READ,
    "joint_blocks.": "is a single file of Stable Diffusion 3" + _READ,
    "conditioner.embedders.0.model.": "is the refiner of Stable Diffusion XL, which only finishes pictures" + _READ,
    "model.diffusion_model.input_blocks.": "is a Stable Diffusion without its autoencoder or its text encoder" + _READ,
    "model.diffusion_model.": "is a single file of another kind" + _READ,
    "net.blocks.": "is a checkpoint of JiT, whose network is in no package that noisewalk reads; prxpixel and deepfloyd work",
    "decoder.up": "is an autoencoder" + _ALONE,
    "SelfAttention.q.": "is a text encoder (T5)" + _ALONE,
    "text_model.encoder.": "is a text encoder (CLIP)" + _ALONE,
    "transformer.resblocks.": "is a text encoder (OpenCLIP)" + _ALONE,
    "emb_params": "is an embedding of textual inversion, which noisewalk does not use" + _READ,
    "down_blocks.": _INSIDE,
    "transformer_blocks.": _INSIDE,
}
"""Part of the name of a tensor -> what the file is, as the end of a sentence about it, and what to do."""


def foreign(names: Iterable[str]) -> str:
    """Return what a file with tensors of these names is, as the end of a sentence about it."""
    names = list(names)
    for part, what in FOREIGN.items():
        if any(part in name for name in names):
            return what
    return "is a safetensors file, but noisewalk did not write it (it has no configuration)"
