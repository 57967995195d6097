"""LoRA adapters on the parts of a pipeline, through diffusers and peft.

    W x  becomes  W x + scale (alpha / r) B A x,     A (r, n),     B (m, r)

Reference: Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, 2022, https://arxiv.org/abs/2106.09685.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...errors import UserError
from ..adapters import Adapter
from .classes import quiet, require
from .components import ModelFiles
from .configs import first_line

_PARTS = ("unet", "transformer", "text_encoder", "text_encoder_2")
_T5 = ("text_encoder_3.", "lora_te3_")
"""Beginnings of the names of tensors for the third text encoder of Stable Diffusion 3."""
_METADATA = {"r", "lora_alpha", "rank_pattern", "alpha_pattern", "target_modules", "lora_bias", "peft_type", "bias"}
"""What of an adapter's own configuration is used: how large it is, and how strong."""


@dataclass(frozen=True, eq=False)
class Loras:
    """The adapters of a pipeline.

    Args:
        folder: the folder of the pipeline.
        adapters: the adapters, in order; what they change is summed.

    Raises:
        UserError: the pipeline's class has no adapters, peft is not installed, or a file is none.
    """

    folder: ModelFiles
    adapters: tuple[Adapter, ...] = ()

    def __post_init__(self) -> None:
        if not self.adapters:
            return
        if not hasattr(self._class, "lora_state_dict"):
            raise UserError(f"a {self.folder.pipeline} takes no LoRA adapters; leave out --lora")
        require("peft")
        for adapter in self.adapters:
            _check_file(adapter)
        self._states  # noqa: B018 - what is wrong with a file is said now, and not after prompts were encoded

    def change(self, part: str) -> str:
        """Return what tells the adapters of a part from others; "" if they do not change it."""
        changing = [a for a, state in zip(self.adapters, self._states, strict=True) if _of(part, state[0])]
        return "".join(f"+{each.fingerprint}:{each.scale:g}" for each in changing)

    def apply(self, part: str, module: nn.Module) -> None:
        """Put the adapters on a part that was loaded.

        Args:
            part: the name of the component.
            module: the component.

        Raises:
            UserError: an adapter is for another model.
        """
        names: list[str] = []
        for i, (adapter, (state, alphas, metadata)) in enumerate(zip(self.adapters, self._states, strict=True)):
            own = _of(part, state)
            if not own:
                continue
            given = {"state_dict": state, "network_alphas": alphas, "metadata": metadata, "adapter_name": f"lora{i}"}
            role = "text_encoder" if part.startswith("text_encoder") else part
            put = getattr(self._class, f"load_lora_into_{role}")
            given |= {role: module, "prefix": part}
            before = _count(module)
            try:
                with quiet():
                    put(**{key: value for key, value in given.items() if key in inspect.signature(put).parameters})
            except Exception as error:  # a file of another model fails in many ways
                raise _another(adapter, self.folder, first_line(error)) from error
            if (taken := _count(module) - before) != len(own):
                raise _another(adapter, self.folder, f"its {part} takes {taken} of {len(own)} tensors")
            names.append(f"lora{i}")
        if names:
            scales = [self.adapters[int(name.removeprefix("lora"))].scale for name in names]
            require("diffusers.utils").set_weights_and_activate_adapters(module, names, scales)
            module.requires_grad_(False)

    @property
    def _class(self) -> Any:
        return getattr(require("diffusers"), self.folder.pipeline)

    @cached_property
    def _states(self) -> list[tuple[dict[str, Tensor], Any, Any]]:
        """For each adapter: its tensors under the names of diffusers, its alphas, and its configuration."""
        return [self._read(adapter) for adapter in self.adapters]

    def _read(self, adapter: Adapter) -> tuple[dict[str, Tensor], Any, Any]:
        read = self._class.lora_state_dict
        how: dict[str, Any] = {"weight_name": adapter.path.name, "use_safetensors": True, "local_files_only": True}
        if self.folder.pipeline == "StableDiffusionXLPipeline":  # other programs count its blocks in another way
            how["unet_config"] = SimpleNamespace(**{"layers_per_block": 2, **self.folder.config("unet")})
        if "return_alphas" in inspect.signature(read).parameters:
            how["return_alphas"] = True
        try:
            with quiet():
                found = read(str(adapter.path.parent), return_lora_metadata=True, **how)
        except Exception as error:  # formats of other programs fail in many ways
            raise _another(adapter, self.folder, first_line(error)) from error
        state, alphas, metadata = found if len(found) == 3 else (found[0], None, found[1])
        strange = [key for key in state if not any(word in key for word in ("lora", ".alpha"))]
        elsewhere = [key for key in state if key.partition(".")[0] not in _PARTS or not self.folder.has(key.partition(".")[0])]
        if strange or not state:
            raise _another(adapter, self.folder, f"it has {strange[0] if strange else 'nothing'}, which is not LoRA")
        if any(key.startswith(_T5) for key in elsewhere):
            raise _another(adapter, self.folder, "it changes the third text encoder, a T5, which diffusers does not change")
        if elsewhere:
            raise _another(adapter, self.folder, f"it changes {elsewhere[0].partition('.')[0]}, which there is not")
        if metadata:
            metadata = {key: value for key, value in metadata.items() if key.rpartition(".")[2] in _METADATA}
        return state, alphas, metadata or None


def _check_file(adapter: Adapter) -> None:
    try:
        with safe_open(adapter.path, framework="pt") as opened:
            names = list(opened.keys())
    except (OSError, SafetensorError) as error:
        raise UserError(f"the adapter {adapter.path} is cut short or damaged; download it again") from error
    if not any("lora" in name for name in names):
        raise UserError(f"{adapter.path} is no LoRA adapter, because it has no tensor of one; a whole model goes to --model")


def _of(part: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a part of the pipeline."""
    return {key: value for key, value in state.items() if key.startswith(f"{part}.") and not key.endswith(".alpha")}


def _count(module: nn.Module) -> int:
    return sum("lora_" in name for name, _ in module.named_parameters())


def _another(adapter: Adapter, folder: ModelFiles, why: str) -> UserError:
    return UserError(f"the adapter {adapter.path.name} does not fit {folder.path.name}, a {folder.pipeline} ({why})")
