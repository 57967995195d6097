"""Any pipeline that diffusers saved, as a model to draw with.

The text encoder is loaded when a prompt is not in the cache, and freed before the network is loaded, which happens at the first
step. Everything that can be checked without loading (files whole, scheduler known, memory enough) is checked at once.
"""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError, unknown
from ..walk.noise import Rescaled, WithGrid
from ..walk.prediction import Condition
from .components import Folder
from .embeddings import EmbeddingCache, cache_folder
from .families import FAMILIES, Family
from .finishing import Finishing
from .memory import Placement
from .network import NetworkModel
from .pretrained import Codec, Pretrained
from .schedulers import Sampling, read_scheduler

log = logging.getLogger("noisewalk")


@dataclass(eq=False)
class Parts:
    """The parts of a pipeline, loaded when first needed.

    Args:
        folder, family: of the pipeline.
        place: where and in which type they compute.
        finishing: what is done with finished pictures.
    """

    folder: Folder
    family: Family
    place: Placement
    finishing: Finishing
    _loaded: dict[str, Any] = field(default_factory=dict)
    _prompts: dict[str, Condition] = field(default_factory=dict)

    def network(self) -> Any:
        """The network; text encoders are freed first."""
        name = self.family.network
        if name not in self._loaded:
            self.free_encoders()
            self._loaded[name] = self.place.put(self.folder.load(name, self.place.dtype), self.family.network)
        return self._loaded[name]

    def ask(self, x: Tensor, t: Tensor, *cond: Tensor) -> Tensor:
        """The network's answer, asked in its own type."""
        network, dtype = self.network(), self.place.dtype
        told = [c.to(x.device, dtype if c.is_floating_point() else c.dtype) for c in cond]
        said: Tensor = self.family.call(network, x.to(dtype), t, *told)
        return said

    def vae(self) -> Any:
        if "vae" not in self._loaded:
            self._loaded["vae"] = self.place.put(self.folder.load("vae", self.place.dtype), "vae")
        return self._loaded["vae"]

    def encode(self, prompt: str) -> Condition:
        """A prompt's condition, from memory, from the cache on disk, or from the text encoder."""
        if self.family.encode is None:
            if prompt:
                raise UserError(f"this model was trained without prompts, so it takes none but ''; '{prompt}' was asked for")
            return ()
        prompt = self.family.normalise(prompt)
        if prompt not in self._prompts:
            found = self.cached(prompt)
            self._prompts[prompt] = self._encode(prompt) if found is None else found
        return self._prompts[prompt]

    def caches(self) -> tuple[EmbeddingCache, EmbeddingCache]:
        """The embeddings this encoder made, and those imported for this model."""
        folder = cache_folder() / "prompts"
        try:
            own = "-".join(self.folder.fingerprint(part) for part in self.encoder_names())
        except UserError:  # its weights are not here; imported embeddings may be
            own = f"no weights at {self.folder.path.resolve()}"
        return EmbeddingCache(own, folder), EmbeddingCache(f"imported for {self.folder.pipeline}, {self.width}", folder)

    @property
    def width(self) -> int:
        """Length of a prompt's vectors, as the network wants them; 0 if its configuration does not say."""
        config = self.folder.config(self.family.network)
        return int(config.get("encoder_hid_dim") or config.get("cross_attention_dim") or 0)

    def where(self, prompt: str) -> Path:
        """The file that keeps a prompt's embedding."""
        own, imported = (cache.path(self.family.normalise(prompt)) for cache in self.caches())
        return own if own.is_file() else imported

    def keep(self, prompt: str, embedding: Tensor) -> Path:
        """Import an embedding (1, L, D) that was made elsewhere.

        Raises:
            UserError: the model's prompts are not one tensor, or of another length.
        """
        if len(self.family.text) > 2 or embedding.shape[2] != self.width:
            wanted = self.width if len(self.family.text) <= 2 else "several tensors"
            raise UserError(
                f"embeddings of {embedding.shape[2]} numbers a token were given, {self.folder.path.name} takes {wanted}; "
                "import them for the model they were made for"
            )
        return self.caches()[1].put(self.family.normalise(prompt), (embedding.float(),))

    def encoder_names(self) -> list[str]:
        return [part for part in self.family.text if part.startswith("text_encoder") and self.folder.has(part)]

    def cached(self, prompt: str) -> Condition | None:
        own, imported = self.caches()
        return found if (found := own.get(prompt)) is not None else imported.get(prompt)

    def _encode(self, prompt: str) -> Condition:
        if "text" not in self._loaded:
            log.info(
                "loading the text encoder of %s (its embeddings are then kept in %s)", self.folder.path.name, cache_folder()
            )
            dtype = self.place.dtype
            self._loaded["text"] = self.place.put_encoder(self.folder.encoders(self.family.text, dtype))
        pipe = self._loaded["text"]
        self.warn_of_cut(pipe, prompt)
        assert self.family.encode is not None
        with torch.no_grad():
            cond = tuple(c.cpu().contiguous() for c in self.family.encode(pipe, prompt))
        self.caches()[0].put(prompt, cond)
        return cond

    def warn_of_cut(self, pipe: Any, prompt: str) -> None:
        """Say which words of a prompt the encoder never sees."""
        for name, limit in self.family.limits:
            tokenizer: Any = getattr(pipe, name, None)
            ids = tokenizer(prompt).input_ids if tokenizer is not None else []
            if len(ids) > limit:
                dropped = tokenizer.decode(ids[limit - 1 : -1])
                warnings.warn(f"the prompt is cut at {limit} of its {len(ids)} tokens; dropped: '{dropped}'", stacklevel=2)

    def free_encoders(self) -> None:
        if self._loaded.pop("text", None) is not None:
            log.info("freeing the text encoder")
            gc.collect()
            if self.place.device.type == "cuda":
                torch.cuda.empty_cache()


def open_pipeline(
    path: Path,
    name: str,
    place: Placement,
    size: int | None = None,
    *,
    safety_checker: bool = False,
    watermark: bool = False,
) -> Pretrained:
    """A pipeline folder as a model.

    Args:
        name: what it was asked for by.
        size: side of its pictures, pixels; None for the model's own.
        safety_checker, watermark: see `Finishing`.

    Raises:
        UserError: the folder is no whole model, or one of a kind or with a scheduler not known.
    """
    folder = Folder(path)
    if folder.pipeline not in FAMILIES:
        raise unknown("kind of pipeline", folder.pipeline, FAMILIES)
    family = FAMILIES[folder.pipeline]
    parts = Parts(folder, family, place, Finishing(folder, safety_checker, watermark))
    place.check(name, folder, family)
    config = folder.config(family.network)
    channels, codec, side = _shape(parts, config, size)
    sampling = _sampling(folder, family, config, codec.shape[1] if codec else side)
    return Pretrained(
        name,
        _network(parts, family, sampling),
        parts.encode,
        sampling.schedule,
        (channels, side, side),
        replace(family.defaults, step_rule=sampling.step_rule, threshold=sampling.threshold),
        fingerprint=folder.fingerprint(family.network),
        card={"what": f"{folder.pipeline} from {path}"},
        parts=parts,
        unit_start=sampling.unit_start,
        codec=codec,
        dynamic=sampling.dynamic,
        device=place.device,
        dtype=torch.float64 if place.dtype == torch.float64 else torch.float32,
        computes=place.dtype,
    )


def _shape(parts: Parts, config: dict[str, Any], size: int | None) -> tuple[int, Codec | None, int]:
    """Channels of the pictures, the autoencoder if there is one, and the side of the pictures."""
    folder, family = parts.folder, parts.family
    own = config.get("sample_size") or folder.index.get("default_sample_size") or 64
    own = own if isinstance(own, int) else own[0]
    if not family.latent:
        channels = int(config.get("in_channels", 3)) // (2 if family.upscales else 1)
        return channels, None, size or own
    vae = folder.config("vae")
    factor = 2 ** (len(vae.get("block_out_channels", [1, 1, 1, 1])) - 1)
    if family.network == "transformer" and "sample_size" not in config:
        own = 1024 // factor  # Flux and Z-Image do not say
    side = size or own * factor
    latent = (int(vae.get("latent_channels", 4)), side // factor, side // factor)
    return int(vae.get("out_channels", 3)), _codec(parts, vae, latent), side


def _codec(parts: Parts, config: dict[str, Any], shape: tuple[int, int, int]) -> Codec:
    scale = float(config.get("scaling_factor") or 1.0)
    shift = float(config.get("shift_factor") or 0.0) if parts.family.latent == "shift" else 0.0

    @torch.no_grad()
    def encode(picture: Tensor) -> Tensor:
        seen: Tensor = parts.vae().encode(picture.to(parts.place.dtype)).latent_dist.mode()
        return ((seen - shift) * scale).to(picture.dtype)

    @torch.no_grad()
    def decode(z: Tensor) -> Tensor:
        made: Tensor = parts.vae().decode((z / scale + shift).to(parts.place.dtype), return_dict=False)[0]
        return made.to(z.dtype)

    return Codec(shape, encode, decode)


def _sampling(folder: Folder, family: Family, config: dict[str, Any], side: int) -> Sampling:
    patch = int(config.get("patch_size") or 1) * family.packs
    scheduler = folder.config("scheduler", "scheduler_config.json")
    sampling = read_scheduler(scheduler, (side // patch) ** 2, family.even)
    if (noise := float(folder.index.get("noise_scale", 1.0))) != 1.0 and isinstance(sampling.schedule, WithGrid):
        path = Rescaled(sampling.schedule.schedule, noise)
        sampling = replace(sampling, schedule=WithGrid(path, sampling.schedule.grid))
    return sampling


def _network(parts: Parts, family: Family, sampling: Sampling) -> NetworkModel:
    num = sampling.num
    clocks: dict[str, Callable[[Tensor], Tensor]] = {
        "thousand": sampling.clock,
        "unit": lambda t: sampling.clock(t) / num,
        "reverse": lambda t: 1 - sampling.clock(t) / num,
    }
    told = torch.float64 if parts.place.dtype == torch.float64 else torch.float32
    return NetworkModel(
        parts.ask,
        sampling.schedule,
        family.predicts or sampling.prediction_type,
        clock=lambda t: clocks[family.clock](t).to(told),
        learned_variance=sampling.learned_variance,
    )
