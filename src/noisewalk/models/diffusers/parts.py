"""The parts of a pipeline: its network, text encoders and autoencoder, loaded when they are first needed."""

from __future__ import annotations

import gc
import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from ...files import cache_folder
from ...walk.prediction import Condition
from ..cache import TensorCache
from .components import ModelFiles
from .configs import reading
from .families import Family
from .labels import read_labels
from .lora import Loras
from .memory import Placement
from .post_processing import PostProcessing

log = logging.getLogger("noisewalk")


@dataclass(eq=False)
class Parts:
    """The parts of a pipeline, loaded when they are first needed.

    Args:
        folder: the folder of the pipeline.
        family: its family.
        place: where and in which dtype the parts compute.
        post_processing: the safety checker and the watermark.
        loras: the LoRA adapters.
    """

    folder: ModelFiles
    family: Family
    place: Placement
    post_processing: PostProcessing
    loras: Loras
    _loaded: dict[str, Any] = field(default_factory=dict)
    _prompts: dict[str, Condition] = field(default_factory=dict)

    def network(self) -> Any:
        """Return the network; text encoders are freed before it is loaded."""
        name = self.family.network
        if name not in self._loaded:
            self.free_encoders()
            network = self.folder.load(name, self.place.dtype)
            self.loras.apply(name, network)
            self._loaded[name] = self.place.to_device(network, name)
        return self._loaded[name]

    def call_network(self, x: Tensor, t: Tensor, *cond: Tensor) -> Tensor:
        """Call the network in its own dtype."""
        network, dtype = self.network(), self.place.dtype
        inputs = [c.to(x.device, dtype if c.is_floating_point() else c.dtype) for c in cond]
        file = self.folder.place(self.family.network, "config.json")
        with reading(file, "call the network of"):
            size = {"factor": self.factor} if self.family.sized else {}
            output: Tensor = self.family.call(network, x.to(dtype), t, *inputs, **size)
            if output.shape[2:] != x.shape[2:] or output.shape[1] not in (x.shape[1], 2 * x.shape[1]):
                raise UserError(
                    f"the network of {file} returns {tuple(output.shape[1:])} for a picture of {tuple(x.shape[1:])}"
                )
        return output

    @property
    def factor(self) -> int:
        """The number of pixels along a side of a latent of the autoencoder."""
        blocks = self.folder.network("vae").get("block_out_channels", [1, 1, 1, 1])
        return int(2 ** (len(blocks) - 1))

    @property
    def vae_dtype(self) -> torch.dtype:
        """The dtype of the autoencoder: float32 for float16 if its configuration says that it overflows, as SDXL's does."""
        overflows = self.place.dtype == torch.float16 and self.folder.network("vae").get("force_upcast")
        return torch.float32 if overflows else self.place.dtype

    def vae(self) -> Any:
        """Return the autoencoder."""
        if "vae" not in self._loaded:
            self._loaded["vae"] = self.place.to_device(self.folder.load("vae", self.vae_dtype), "vae")
        return self._loaded["vae"]

    def encode(self, prompt: str) -> Condition:
        """Return a prompt's condition, from memory, from the cache on disk, or from the text encoder."""
        if self.family.encode is None:
            return read_labels(self.folder, self.family)(prompt)
        prompt = self.family.normalise(prompt)
        if prompt not in self._prompts:
            found = self.cached(prompt)
            self._prompts[prompt] = self._encode(prompt) if found is None else found
        return self._prompts[prompt]

    def caches(self) -> tuple[TensorCache, TensorCache]:
        """Return the cache of this encoder's embeddings, and the cache of those imported for this model."""
        folder = cache_folder() / "prompts"
        try:
            own = "-".join(self.folder.fingerprint(part) + self.loras.change(part) for part in self.encoder_names())
        except UserError:  # its weights are missing, but there may be imported embeddings
            own = f"no weights at {self.folder.path.resolve()}"
        return TensorCache(own, folder), TensorCache(f"imported for {self.folder.pipeline}, {self.width}", folder)

    @property
    def width(self) -> int:
        """The length of a prompt's vectors that the network takes; 0 if its configuration does not say it."""
        config = self.folder.network(self.family.network)
        width = config.get("encoder_hid_dim") or config.get("cross_attention_dim") or 0
        return width if isinstance(width, int) else width[0]

    def where(self, prompt: str) -> Path:
        """Return the file of a prompt's embedding."""
        own, imported = (cache.path(self.family.normalise(prompt)) for cache in self.caches())
        return own if own.is_file() else imported

    def keep(self, prompt: str, embedding: Tensor) -> Path:
        """Import an embedding that was made elsewhere.

        Args:
            prompt: its prompt.
            embedding: (1, L, D).

        Returns:
            The file that keeps it.

        Raises:
            UserError: the model's prompts are not a single tensor, or have another length.
        """
        if len(self.family.text) > 2 or embedding.shape[2] != self.width:
            wanted = self.width if len(self.family.text) <= 2 else "several tensors"
            raise UserError(
                f"embeddings of {embedding.shape[2]} numbers per token were given, but {self.folder.path.name} takes {wanted}; "
                "import them for the model they were made for"
            )
        return self.caches()[1].put(self.family.normalise(prompt), (embedding.float(),))

    def encoder_names(self) -> list[str]:
        """Return the names of the text encoders that the pipeline has."""
        return [part for part in self.family.text if part.startswith("text_encoder") and self.folder.has(part)]

    def cached(self, prompt: str) -> Condition | None:
        """Return the embedding of a prompt from the cache on disk; None if it is not there."""
        own, imported = self.caches()
        return found if (found := own.get(prompt)) is not None else imported.get(prompt)

    def _encode(self, prompt: str) -> Condition:
        if "text" not in self._loaded:
            log.info("loading the text encoder of %s (its embeddings are kept in %s)", self.folder.path.name, cache_folder())
            pipe = self.folder.encoders(self.family.text, self.place.dtype)
            for part in self.encoder_names():
                self.loras.apply(part, getattr(pipe, part))
            self._loaded["text"] = self.place.encoder_to_device(pipe)
        pipe = self._loaded["text"]
        self.warn_of_truncation(pipe, prompt)
        assert self.family.encode is not None
        with reading(self.folder.path, "encode a prompt with"), torch.no_grad():
            cond = tuple(c.cpu().contiguous() for c in self.family.encode(pipe, prompt))
        try:
            self.caches()[0].put(prompt, cond)
        except UserError as error:
            warnings.warn(f"the embedding of the prompt is used but not kept: {error}", stacklevel=2)
        return cond

    def warn_of_truncation(self, pipe: Any, prompt: str) -> None:
        """Warn about the words of a prompt that the encoder does not see."""
        for name, limit in self.family.limits:
            tokenizer: Any = getattr(pipe, name, None)
            ids = tokenizer(prompt).input_ids if tokenizer is not None else []
            if len(ids) > limit:
                dropped = tokenizer.decode(ids[limit - 1 : -1])
                warnings.warn(f"the prompt is cut at {limit} of its {len(ids)} tokens, without '{dropped}'", stacklevel=2)

    def free_encoders(self) -> None:
        """Free the memory of the text encoders."""
        if self._loaded.pop("text", None) is not None:
            log.info("freeing the text encoder")
            gc.collect()
            if self.place.device.type == "cuda":
                torch.cuda.empty_cache()
