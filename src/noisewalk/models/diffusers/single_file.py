"""A single file of Stable Diffusion, in the layout of the original programs, as the parts of a pipeline of diffusers.

The converters of diffusers rename the weights. The vocabulary of the tokenizer and, for Stable Diffusion 2, the target of the
network are not in the file: they are in a folder of the same name beside it, or in the cache of the hub.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from ...errors import UserError
from ..foreign import foreign
from ..header import Header, read_header
from .classes import quiet, require
from .configs import first_line
from .original_kinds import UNET, VAE, Kind, TextEncoder, kind_of
from .original_shapes import Configs, read_configs
from .saved_folder import SavedFolder, has_words

_FLOATS = ("F64", "F32", "F16", "BF16")
_VAE_PARTS = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
_EXTRA = ("embeddings.position_ids", "logit_scale")
"""Ends of the names of tensors that a text encoder does not use."""
TOKENIZERS = (
    ("openai/clip-vit-large-patch14", ""),
    ("stable-diffusion-v1-5/stable-diffusion-v1-5", "tokenizer"),
    ("stabilityai/stable-diffusion-xl-base-1.0", "tokenizer"),
)
"""Repositories of the hub, and folders in them, with the vocabulary of CLIP, which all these text encoders share."""
VOCABULARY = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json")
"""The files of a vocabulary."""


def is_single_file(path: Path) -> bool:
    """Return whether a path is a .safetensors file with a network of Stable Diffusion's layout, whole or not."""
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    try:
        names = read_header(path).shapes
    except UserError:
        return False
    return any(name.startswith(UNET) for name in names)


@dataclass(frozen=True)
class SingleFile:
    """A single file of Stable Diffusion.

    Args:
        path: the file.
        offline: do not ask the network for the vocabulary.

    Raises:
        UserError: it is another file; the message says what was found.
    """

    path: Path
    offline: bool = False

    @cached_property
    def header(self) -> Header:
        """The header of the file."""
        return read_header(self.path)

    @cached_property
    def kind(self) -> Kind:
        """What kind of Stable Diffusion it is."""
        kind = kind_of(self.header)
        if kind is None:
            raise UserError(f"{self.path} {foreign(self.header.shapes)}")
        return kind

    @property
    def beside(self) -> Path:
        """The folder of the same name, with what is not in the file, in the layout of diffusers."""
        return self.path.with_suffix("")

    @cached_property
    def configs(self) -> Configs:
        """The configurations of the components, and of the pipeline under ""."""
        given = SavedFolder(self.beside).read("scheduler", "scheduler_config.json")
        try:
            return read_configs(self.header, self.kind, given)
        except UserError as error:
            raise UserError(
                f"{self.path}: {error}; put {self.beside / 'scheduler' / 'scheduler_config.json'} beside it"
            ) from error

    def place(self, component: str, name: str = "") -> Path:
        """Return the file, which all components are in."""
        return self.path

    def read(self, component: str, name: str) -> dict[str, Any]:
        """Return the configuration of a component; {} if it has none."""
        return self.configs.get(component, {})

    def weights(self, component: str) -> list[Path]:
        """Return the file."""
        return [self.path] if component in self.configs else []

    def parameters(self, component: str) -> int:
        """Return how many numbers the weights of a component hold."""
        return Header({name: self.header.shapes[name] for name in self._names(component)}, {}, {}).numel()

    def check_files(self, component: str) -> None:
        """Check nothing more: no library opens this file."""

    def build(self, component: str, kind: Any, config: dict[str, Any], dtype: torch.dtype) -> Any:
        """Build a component, and fill it with its weights.

        Args:
            component: its name.
            kind: its class.
            config: its configuration.
            dtype: the dtype of its weights.

        Raises:
            UserError: the weights are not those of the component.
        """
        names = self._names(component)
        strange = {self.header.dtypes[name] for name in names}.difference(_FLOATS)
        if strange:
            raise UserError(f"{self.path} has weights of the dtype {min(strange)}, which noisewalk does not read")
        with require("accelerate").init_empty_weights():
            made = kind.from_config(config) if hasattr(kind, "from_config") else kind(kind.config_class.from_dict(config))
        with safe_open(self.path, framework="pt") as opened:
            held = {name: opened.get_tensor(name) for name in names}
        state = {name: tensor.to(dtype).contiguous() for name, tensor in self._renamed(component, made, held).items()}
        count = sum(tensor.numel() for tensor in state.values())
        try:
            if count != sum(tensor.numel() for tensor in held.values()):
                raise ValueError(f"its {component} has tensors that no network of this kind has")
            made.load_state_dict(state, strict=True, assign=True)
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{self.path} is not a whole {self.kind.name} ({first_line(error)})") from error
        return made

    def build_encoders(self, kind: Any, loaded: dict[str, Any], absent: dict[str, Any], dtype: torch.dtype) -> Any:
        """Return the pipeline with its tokenizers and with the text encoders that were loaded.

        Args:
            kind: its class.
            loaded: the text encoders by their names.
            absent: the components that it is built without.
            dtype: the dtype of the text encoders.

        Raises:
            UserError: the vocabulary is nowhere on this machine.
        """
        config = dict(self.configs["scheduler"])
        scheduler = getattr(require("diffusers"), config["_class_name"]).from_config(config)
        return kind(**absent, **loaded, **self.tokenizers(), scheduler=scheduler)

    def tokenizers(self) -> dict[str, Any]:
        """Return the tokenizers of the text encoders.

        Raises:
            UserError: the vocabulary is nowhere on this machine, and the hub does not give it.
        """
        encoders = self.kind.encoders.items()
        return {name.replace("text_encoder", "tokenizer"): self._tokenizer(encoder) for name, encoder in encoders}

    def _names(self, component: str) -> list[str]:
        """Return the names of the tensors of a component that it uses."""
        if component in ("unet", "vae"):
            prefix = UNET if component == "unet" else VAE
            parts = tuple(prefix + each for each in (_VAE_PARTS if component == "vae" else ("",)))
            return [name for name in self.header.shapes if name.startswith(parts)]
        encoder = self.kind.encoders[component]
        layers = self.configs[component]["num_hidden_layers"]
        unused = tuple(f"{encoder.prefix}transformer.resblocks.{layers + i}." for i in range(encoder.unused))
        unused += () if encoder.projected else (f"{encoder.prefix}text_projection",)
        names = [name for name in self.header.shapes if name.startswith(encoder.prefix) and not name.endswith(_EXTRA)]
        return [name for name in names if not name.startswith(unused)]

    def _renamed(self, component: str, made: Any, held: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights under the names of diffusers."""
        convert, config = require("diffusers.loaders.single_file_utils"), self.configs[component]
        with quiet():
            if component == "unet":
                return dict(convert.convert_ldm_unet_checkpoint(held, config))
            if component == "vae":
                return dict(convert.convert_ldm_vae_checkpoint(held, config))
            encoder = self.kind.encoders[component]
            if encoder.open_clip:
                state = convert.convert_open_clip_checkpoint(made, held, prefix=encoder.prefix)
            else:
                state = convert.convert_ldm_clip_checkpoint(held)
        inner = "" if hasattr(made, "text_model") else "text_model."  # transformers 5.6 took away this part of the names
        return {name.removeprefix(inner): tensor for name, tensor in state.items()}

    def _tokenizer(self, encoder: TextEncoder) -> Any:
        """Return the tokenizer of a text encoder, from the folder beside the file, from the hub's cache, or from the hub."""
        read = partial(require("transformers").CLIPTokenizer.from_pretrained, pad_token=encoder.padding, model_max_length=77)
        beside = SavedFolder(self.beside)
        if (self.beside / "tokenizer").is_dir():
            beside.check_files("tokenizer")
            return read(beside.place("tokenizer"), local_files_only=True)
        local = partial(read, local_files_only=True)
        tries: list[Callable[[], Any]] = [partial(local, repository, subfolder=inside) for repository, inside in TOKENIZERS]
        if not self.offline:
            download = require("huggingface_hub").snapshot_download  # asks once, where transformers repeats itself for minutes
            tries.append(lambda: local(download(TOKENIZERS[0][0], allow_patterns=VOCABULARY)))
        for attempt in tries:
            try:
                made = attempt()
            except Exception:  # there are many kinds of errors for a tokenizer that is not there
                continue
            if has_words(made, self.header.shapes[encoder.vocabulary][0]):
                return made
        raise UserError(
            f"{self.path} does not contain the vocabulary of its text encoder: run `hf download {TOKENIZERS[0][0]} "
            f"{' '.join(VOCABULARY)}`, or put the folder tokenizer of such a model into {self.beside}"
        )
