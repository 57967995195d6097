"""What a .safetensors file is that noisewalk did not write, by the names of its tensors."""

from __future__ import annotations

from collections.abc import Sequence

_FOLDER = "; noisewalk reads folders that diffusers saved: convert it once, see 'Single files' in docs/models.md"
FOREIGN = {
    "lora": "is a LoRA adapter; give it to --lora, and a pipeline to --model",
    "model.diffusion_model.": "is a single file of Stable Diffusion" + _FOLDER,
    "double_blocks.": "is a single file of Flux" + _FOLDER,
    "joint_blocks.": "is a single file of Stable Diffusion 3" + _FOLDER,
    "net.blocks.": "is a checkpoint of JiT, whose network is in no package that noisewalk reads; prxpixel and deepfloyd work",
}
"""Part of the name of a tensor -> what the file is, and what to do with it."""


def foreign(names: Sequence[str]) -> str:
    """Return what a file with tensors of these names is, as the end of a sentence about it."""
    for part, what in FOREIGN.items():
        if any(part in name for name in names):
            return what
    return "is a safetensors file, but noisewalk did not write it (it has no configuration)"
