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


class ClipScorer:
    """The logits of a CLIP: the cosine of picture and prompt, divided by CLIP's own temperature.

        score = exp(logit_scale) <picture, prompt> / (|picture| |prompt|)

    Args:
        source: a folder with config, safetensors weights, tokenizer and preprocessor, or a hub id. Only safetensors are loaded.

    Raises:
        UserError: transformers is not installed, or there is no CLIP at the source.

    Reference: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021, figure 3,
    https://arxiv.org/abs/2103.00020.
    """

    def __init__(self, source: str) -> None:
        self.model, self.tokenizer, processor = _load(source)
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
def _load(source: str) -> tuple[Any, Any, Any]:
    try:
        from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel
    except ModuleNotFoundError:
        raise UserError(f"a CLIP needs transformers: {install('clip')}") from None
    if not source:
        raise UserError("write clip:FOLDER or clip:HUB/ID, for example clip:openai/clip-vit-base-patch32")
    meant = read_name(source)
    local, source = meant.kind != "hub", meant.text
    if local and not meant.path.is_dir():
        raise missing(source)
    try:
        model: Any = CLIPModel.from_pretrained(source, use_safetensors=True, local_files_only=local)
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        processor = CLIPImageProcessor.from_pretrained(source, local_files_only=local)
    except (OSError, ValueError, KeyError) as error:
        where = "in the folder" if local else "on the hub, or it cannot be reached"
        raise UserError(f"there is no CLIP '{source}' {where} ({str(error).splitlines()[0][:120]})") from error
    return model.eval().requires_grad_(False), tokenizer, processor
