"""CLIP as a scorer: any CLIP that transformers can load, from a local folder or the hub."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, install
from ..models.names import missing, read_name

FILES = ["*.json", "*.txt", "model*.safetensors"]
"""The files of a repository that a CLIP is read from."""


class ClipScorer:
    """The logits of a CLIP: the cosine of picture and prompt, divided by CLIP's own temperature.

        score = exp(logit_scale) <picture, prompt> / (|picture| |prompt|)

    Args:
        source: a folder with config, safetensors weights, tokenizer and preprocessor, or a hub id. Only safetensors are loaded.
        offline: look for a hub id only in the cache of the hub.

    Raises:
        UserError: transformers is not installed, or there is no CLIP at the source.

    Reference: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021, figure 3,
    https://arxiv.org/abs/2103.00020.
    """

    def __init__(self, source: str, offline: bool = False) -> None:
        self.model, self.tokenizer, processor = _load(source, offline)
        self.size = int(self.model.config.vision_config.image_size)
        self.mean = torch.tensor(processor.image_mean).view(1, 3, 1, 1)
        self.std = torch.tensor(processor.image_std).view(1, 3, 1, 1)

    @torch.no_grad()
    def score(self, pictures: Tensor, prompts: Sequence[str]) -> Tensor:
        """Return the scores (N, P) of every picture for every prompt, see `Scorer`."""
        vision = self.model.visual_projection(self.model.vision_model(pixel_values=self.seen(pictures)).pooler_output)
        words = self.tokenizer(list(prompts), padding=True, truncation=True, return_tensors="pt")
        text = self.model.text_projection(self.model.text_model(**words).pooler_output)
        scale = self.model.logit_scale.exp()
        logits: Tensor = scale * F.normalize(vision, dim=1) @ F.normalize(text, dim=1).T
        return logits.float()

    def seen(self, pictures: Tensor) -> Tensor:
        """Prepare pictures as CLIP expects them: the middle square, resized bicubically and normalised.

        Args:
            pictures: (N, C, H, W) in [-1, 1].

        Returns:
            (N, 3, size, size).
        """
        unit = (pictures.float().cpu().clamp(-1, 1) + 1) / 2
        unit = unit.expand(-1, 3, -1, -1) if unit.shape[1] == 1 else unit
        side = min(unit.shape[2:])
        top, left = (unit.shape[2] - side) // 2, (unit.shape[3] - side) // 2
        square = unit[:, :, top : top + side, left : left + side]
        resized = F.interpolate(square, size=(self.size, self.size), mode="bicubic", antialias=True, align_corners=False)
        return (resized.clamp(0, 1) - self.mean) / self.std


@lru_cache(maxsize=2)
def _load(source: str, offline: bool) -> tuple[Any, Any, Any]:
    try:
        from huggingface_hub import snapshot_download
        from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel
    except ModuleNotFoundError:
        raise UserError(f"a CLIP needs transformers: {install('clip')}") from None
    if not source:
        raise UserError("write clip:FOLDER or clip:HUB/ID, for example clip:openai/clip-vit-base-patch32")
    meant = read_name(source)
    if meant.kind != "hub" and not meant.path.is_dir():
        raise missing(meant.text)
    try:
        folder = meant.text
        if meant.kind == "hub":  # asks once, where transformers repeats itself for a minute
            folder = snapshot_download(meant.text, allow_patterns=FILES, local_files_only=offline)
        model: Any = CLIPModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        processor = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        where = (
            "in the folder"
            if meant.kind != "hub"
            else "in the hub's cache"
            if offline
            else "on the hub, or it cannot be reached"
        )
        why = str(error).splitlines()[0][:120]
        raise UserError(f"there is no CLIP '{meant.text}' {where} ({why}); give clip:FOLDER or another clip:HUB/ID") from error
    return model.eval().requires_grad_(False), tokenizer, processor
