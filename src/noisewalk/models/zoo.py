"""Models by name: the bundled ones, those of training runs, and those in the format of diffusers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError, unknown
from ..plugins import load_plugins
from .adapters import Adapter, read_adapters
from .bundled import WEIGHTS as WEIGHTS
from .bundled import card_of, present
from .checkpoint import RUN_CHECKPOINT
from .diffusers.deepfloyd import cascade
from .diffusers.hub import locate
from .diffusers.memory import Placement, placement
from .diffusers.named import NAMED, NamedModel
from .diffusers.pipeline import open_pipeline
from .diffusers.single_file import is_single_file
from .names import is_repository, is_there, missing, read_name
from .precision import dtype_of, fastest_dtype
from .pretrained import Defaults as Defaults
from .pretrained import Pretrained as Pretrained
from .text.prompts import DigitPrompts
from .trained import load_upscaler as load_upscaler
from .trained import pretrained as pretrained
from .trained import read_checkpoint

log = logging.getLogger("noisewalk")


def bundled() -> dict[str, dict[str, Any]]:
    """Return the cards of the models that come with the package, by name."""
    cards = {path.stem: card_of(path, path.stat().st_mtime_ns) for path in WEIGHTS.glob("*.json")}
    return {name: card for name, card in sorted(cards.items()) if card.get("kind") == "model"}


PICKLED = (".ckpt", ".pt", ".pth", ".bin")
"""Ends of the names of files that Python's pickle wrote."""
REGISTERED: dict[str, Callable[[], Pretrained]] = {}
"""Models that other packages or scripts made known by `register_model`."""


def register_model(name: str, make: Callable[[], Pretrained]) -> None:
    """Make a model known by a name, so that `load`, the command line and the metadata of pictures can use it.

    Args:
        name: the name.
        make: loads the model, for example by `from_network`; it is called when the model is first used.

    Raises:
        UserError: there is already a model of that name.
    """
    if name in REGISTERED or name in bundled() or name in NAMED:
        raise UserError(f"there is a model '{name}' already; register yours under another name")
    REGISTERED[name] = lru_cache(maxsize=1)(make)


def load(
    name: str,
    *,
    upscaler: Sequence[str] = (),
    lora: Sequence[str] = (),
    memory: str = "auto",
    device: str = "auto",
    dtype: torch.dtype | str = "auto",
    offline: bool = False,
    safety_checker: bool = False,
    watermark: bool = False,
) -> Pretrained:
    """Load a model by its name. A loaded model is kept, so that loading it again costs nothing while its file is the same.

    Args:
        name: a bundled model ("digits"); the path of a .safetensors file or of a run folder that `noisewalk train` wrote; or,
            with the extra "diffusers", a short name ("deepfloyd"), a hub id, a folder that diffusers saved, or a single file of
            Stable Diffusion.
        upscaler: hub ids or folders of the stages after the model; () for its own.
        lora: LoRA adapters, FILE or FILE:SCALE each; what they change is summed.
        memory: see `Placement`; noisewalk's own models are small, and always whole on the device.
        device: the device to compute on. "auto" is the GPU for diffusers models, and the CPU for noisewalk's own.
        dtype: the dtype of the network, or its name. For "auto" see `Placement` for diffusers models; noisewalk's own compute
            in bfloat16 where the hardware has it, and in float32 elsewhere.
        offline: use only what is on this machine.
        safety_checker: show pictures to the pipeline's own safety checker, which reports in the metadata and changes nothing.
        watermark: put the pipeline's own watermark on the pictures that are shown and saved.

    Raises:
        UserError: there is no such model (the nearest name is suggested), its weights are missing or damaged, or it cannot
            compute on this device or in this dtype.
    """
    load_plugins()
    if name in REGISTERED:
        return REGISTERED[name]()
    kind = dtype_of(dtype)
    if is_pipeline(name):
        place = placement(memory, device, kind)
        return _open(name, tuple(upscaler), read_adapters(lora), place, offline, safety_checker, watermark)
    if lora:
        raise UserError(f"'{name}' takes no LoRA adapters, which are for pipelines of diffusers; leave out --lora")
    if safety_checker or watermark:
        raise UserError(f"'{name}' has no safety checker and no watermark; leave out --safety-checker and --watermark")
    path = weights_path(name)
    where = placement(memory, "cpu" if device == "auto" else device).device
    kind = kind or fastest_dtype(where)
    model = read_checkpoint(name, path, where, kind)
    if not upscaler:
        return model
    if len(upscaler) > 1:
        raise UserError(f"only one --upscaler can follow '{name}'; {len(upscaler)} were given")
    next_stage = weights_path(upscaler[0])  # an error is raised now, and not after the first stage was walked
    return replace(model, upscaler=partial(load_upscaler, next_stage, where, kind), upscalers=tuple(upscaler))


def model_for(prompts: Sequence[str]) -> str:
    """Return the name of the bundled model for prompts: "digits" if they name digits, and "emoji" otherwise.

    >>> model_for(["6", "a handwritten nine"]), model_for(["a rocket"]), model_for([""])
    ('digits', 'emoji', 'emoji')
    """
    named = [prompt for prompt in prompts if prompt.strip()]
    try:
        labels = [DigitPrompts().label(prompt) for prompt in named]
    except UserError:
        return "emoji"
    return "digits" if labels else "emoji"


def weights_path(name: str) -> Path:
    """Return the file of a bundled model, of a run folder, or of a .safetensors file.

    Raises:
        UserError: there is none.
    """
    cards = bundled()
    if name in cards:
        return present(WEIGHTS / f"{name}.safetensors")
    meant = read_name(name)
    if meant.kind == "word":
        raise unknown("model", name, [*cards, *NAMED])
    if meant.kind == "hub":
        raise UserError(f"this needs weights of noisewalk's own, a file or a run folder; '{name}' is a model of the hub")
    path = meant.path / RUN_CHECKPOINT if is_there(meant.text) and meant.path.is_dir() else meant.path
    if not is_there(str(path)):
        raise missing(name)
    if path.suffix in PICKLED:
        raise UserError(
            f"'{name}' may hold code, which is why noisewalk reads no {path.suffix} file; use its .safetensors, or a folder "
            "that diffusers saved"
        )
    if not path.is_file():
        raise UserError(f"'{name}' is neither a file nor a folder; give a .safetensors file, a run folder or a model folder")
    return path


def is_pipeline(name: str) -> bool:
    """Return whether a name is that of a model in diffusers' format, on this machine or on the hub.

    Raises:
        UserError: no model can have such a name.
    """
    if name in bundled():
        return False
    meant = read_name(name)
    if meant.kind == "path" and is_there(meant.text):
        if name == meant.text and is_repository(name):
            log.info("'%s' is read as the folder on this machine; for the hub's model of that name, write hub:%s", name, name)
        is_run = (meant.path / RUN_CHECKPOINT).is_file()
        return (meant.path.is_dir() and not is_run) or is_single_file(meant.path)
    return meant.kind == "hub" or name in NAMED


@lru_cache(maxsize=2)
def _open(
    name: str,
    upscalers: tuple[str, ...],
    adapters: tuple[Adapter, ...],
    place: Placement,
    offline: bool,
    safety_checker: bool,
    watermark: bool,
) -> Pretrained:
    """Return a model in diffusers' format, with the stages after it."""
    known = NAMED.get(name, NamedModel(name))

    def find(hub: str) -> Path:
        return locate(hub, offline, half=place.dtype.itemsize == 2)

    wanted: Any = {"adapters": adapters, "safety_checker": safety_checker, "watermark": watermark, "offline": offline}
    model = open_pipeline(find(known.hub), name, place, **wanted)
    return replace(cascade(model, upscalers or known.upscalers, find, place), upscalers=upscalers)
