"""The safety checker and the watermark that come with a pipeline; each is used only if the user asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from ...errors import UserError
from ...images import to_image, to_tensor
from .classes import quiet
from .components import ModelFiles


@dataclass(eq=False)
class PostProcessing:
    """A pipeline's safety checker and watermark, loaded when they are first needed.

    Args:
        folder: the folder of the pipeline.
        safety_checker: whether pictures are shown to the safety checker.
        watermark: whether the watermark is put on them.

    Raises:
        UserError: the pipeline does not have what was asked for.
    """

    folder: ModelFiles
    safety_checker: bool = False
    watermark: bool = False
    _loaded: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = self.folder.path.name
        if self.safety_checker and not (self.folder.has("safety_checker") and self.folder.has("feature_extractor")):
            raise UserError(f"{name} has no safety checker; leave out --safety-checker")
        if self.watermark and not self.folder.has("watermarker"):
            raise UserError(f"{name} has no watermark of its own; leave out --watermark")

    def flagged(self, images: list[Image.Image]) -> list[bool] | None:
        """Return which pictures the safety checker objects to; None if it is not used. No picture is changed."""
        if not self.safety_checker:
            return None
        if "safety_checker" not in self._loaded:
            with quiet():
                reader = self.folder.component_class("feature_extractor").from_pretrained(
                    self.folder.place("feature_extractor")
                )
            self._loaded |= {"feature_extractor": reader, "safety_checker": self._checker()}
        with quiet(), torch.no_grad():
            pixels = self._loaded["feature_extractor"]([i.convert("RGB") for i in images], return_tensors="pt").pixel_values
            copies = [np.asarray(image.convert("RGB"), dtype=np.float32) / 255 for image in images]
            said = self._loaded["safety_checker"](clip_input=pixels.float(), images=copies)
        return [any(each) for each in zip(*said[1:], strict=True)]

    def stamped(self, x: Tensor) -> Tensor:
        """Return pictures (N, C, H, W) in [-1, 1], in 8 bits and with the watermark in their corner, if it is used.

        Args:
            x: the pictures.

        Raises:
            UserError: they are too small for it.
        """
        if not self.watermark:
            return x
        if "watermarker" not in self._loaded:
            self._loaded["watermarker"] = self.folder.load("watermarker", torch.float32)
        images = [to_image(picture) for picture in x]
        try:
            self._loaded["watermarker"].apply_watermark(images)
        except ValueError as error:  # the watermark's size is a share of the picture's, and less than one pixel here
            raise UserError(f"pictures of {x.shape[3]}x{x.shape[2]} are too small for the watermark; use --upsample") from error
        return torch.cat([to_tensor(image) for image in images])

    def _checker(self) -> Any:
        """Load the safety checker; its `from_pretrained` fails with transformers 5, so its weights are read here."""
        kind, folder = self.folder.component_class("safety_checker"), self.folder.place("safety_checker")
        checker = kind(kind.config_class.from_pretrained(folder))
        for file in self.folder.weights("safety_checker"):
            checker.load_state_dict(load_file(file), strict=False)
        return checker.float().eval()
