"""Models by name: the bundled ones, those of training runs, and those in the format of diffusers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError, unknown
from ..plugins import load_plugins
from ..walk.schedules import LinearPath, Rescaled
from .bundled import WEIGHTS as WEIGHTS
from .bundled import left_out, present
from .checkpoint import RUN_CHECKPOINT, fingerprint, network_weights, verified_card
from .diffusers.deepfloyd import NAMED, NamedModel, cascade
from .diffusers.hub import locate
from .diffusers.memory import Placement, placement
from .diffusers.pipeline import open_pipeline
from .names import is_repository, is_there, missing, read_name
from .nets.build import SCHEDULES, prompts
from .nets.from_checkpoint import CheckpointMismatch, build_from_checkpoint, read_defaults
from .nets.prepacked import prepack
from .nets.text_unet import TextUNet
from .nets.upscaler_unet import UpscalerUNet
from .network import NetworkModel
from .precision import convert_precision, dtype_of, fastest_dtype
from .pretrained import Defaults as Defaults
from .pretrained import Pretrained as Pretrained
from .pretrained import Upscaler
from .text.prompts import DigitPrompts
from .text.text_prompts import TextPrompts
from .text.vocabulary import Vocabulary

log = logging.getLogger("noisewalk")
_CPU = torch.device("cpu")

UPSCALERS = {("unet-text", 32): "emoji-upscaler.safetensors", ("unet-text", 64): "emoji-upscaler-256.safetensors"}
"""The bundled next stage after a network, by its kind and its size in pixels."""


def bundled() -> dict[str, dict[str, Any]]:
    """Return the cards of the models that come with the package, by name."""
    cards = {path.stem: json.loads(path.read_text()) for path in sorted(WEIGHTS.glob("*.json"))}
    return {name: card for name, card in cards.items() if card.get("kind") == "model"}


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
            with the extra "diffusers", a short name ("deepfloyd"), a hub id, or a folder that diffusers saved.
        upscaler: hub ids or folders of the stages after the model; () for its own.
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
        return _open(name, tuple(upscaler), place, offline, safety_checker, watermark)
    if safety_checker or watermark:
        raise UserError(f"'{name}' has no safety checker and no watermark; leave out --safety-checker and --watermark")
    path = weights_path(name)
    where = placement(memory, "cpu" if device == "auto" else device).device
    kind = kind or fastest_dtype(where)
    model = _read(name, path.resolve(), path.stat().st_mtime_ns, where, kind)
    if not upscaler:
        return model
    if len(upscaler) > 1:
        raise UserError(f"only one --upscaler can follow '{name}'; {len(upscaler)} were given")
    weights_path(upscaler[0])  # an error is raised now, and not after the first stage was walked
    return replace(model, upscaler=partial(load_upscaler, upscaler[0], where, kind), upscalers=tuple(upscaler))


def model_for(prompts: Sequence[str]) -> str:
    """Return the name of the bundled model for prompts: "digits" if they name digits, and "emoji" otherwise.

    >>> model_for(["6", "a handwritten nine"]), model_for(["a rocket"]), model_for([""])
    ('digits', 'emoji', 'emoji')
    """
    said = [prompt for prompt in prompts if prompt.strip()]
    try:
        labels = [DigitPrompts().label(prompt) for prompt in said]
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
        return meant.path.is_dir() and not (meant.path / RUN_CHECKPOINT).is_file()
    return meant.kind == "hub" or name in NAMED


@lru_cache(maxsize=2)
def _open(
    name: str, upscalers: tuple[str, ...], place: Placement, offline: bool, safety_checker: bool, watermark: bool
) -> Pretrained:
    """Return a model in diffusers' format, with the stages after it."""
    known = NAMED.get(name, NamedModel(name))

    def find(hub: str) -> Path:
        return locate(hub, offline, half=place.dtype.itemsize == 2)

    model = open_pipeline(find(known.hub), name, place, safety_checker=safety_checker, watermark=watermark)
    return replace(cascade(model, upscalers or known.upscalers, find, place), upscalers=upscalers)


@lru_cache(maxsize=4)
def _read(name: str, path: Path, changed: int, device: torch.device, dtype: torch.dtype) -> Pretrained:
    card = verified_card(path)
    tensors, config = network_weights(path)
    try:
        network = build_from_checkpoint(config, tensors)
        model = pretrained(name, network, config, fingerprint(path), device, dtype)
        defaults = read_defaults(card, model.defaults)
    except (CheckpointMismatch, KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path} is not a picture model of this version of noisewalk: {str(error).splitlines()[0]}") from error
    encode = model.encode
    if isinstance(encode, TextPrompts) and "known" in card:
        vocabulary = Vocabulary(encode.table, card["known"], card.get("filler", ()))
        encode = replace(encode, vocabulary=vocabulary)
    return replace(model, card=card, encode=encode, defaults=defaults)


def load_upscaler(name: str, device: torch.device, dtype: torch.dtype) -> Upscaler:
    """Load the upscaler of a run folder or a .safetensors file, as the next stage of a cascade.

    Args:
        name: the folder or the file.
        device: the device to compute on.
        dtype: the dtype of the network.

    Raises:
        UserError: there is none, or its weights are missing or damaged.
    """
    return Upscaler(load(str(present(Path(name))), device=str(device), dtype=dtype), LinearPath())


def pretrained(
    name: str,
    network: torch.nn.Module,
    config: dict[str, Any],
    fingerprint: str = "",
    device: torch.device = _CPU,
    dtype: torch.dtype = torch.float32,
) -> Pretrained:
    """Return a network, with the configuration of its checkpoint, as a model that makes pictures."""
    network = network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    cast = convert_precision(network, dtype, name)
    prepack(network)
    encode, call = prompts(config), cast(network)
    if isinstance(encode, TextPrompts) and isinstance(network, TextUNet | UpscalerUNet):
        encode, call = replace(encode, encode_text=cast(network.encode_text), device=device), cast(network.denoise)
    multiple = 1 if dtype == torch.bfloat16 else 4 if torch.get_num_threads() > 1 else 16
    schedule = SCHEDULES[config["schedule"]]()
    unit = (0.5, 0.5) if config.get("unit_range") else (1.0, 0.0)
    shape = config["config"]
    next_stage = WEIGHTS / UPSCALERS.get((config["network"], shape["image_size"]), "none")
    return Pretrained(
        name,
        NetworkModel(call, schedule, config["prediction_type"], 0, multiple, *unit),
        encode,
        Rescaled(schedule, 2.0) if config.get("unit_range") else schedule,
        (shape["in_channels"], shape["image_size"], shape["image_size"]),
        read_defaults(config, Defaults()),
        dark_background=shape["in_channels"] == 1,
        fingerprint=fingerprint,
        upscaler=partial(load_upscaler, str(next_stage), device, dtype)
        if next_stage.is_file() or left_out(next_stage)
        else None,
        device=device,
        compute_dtype=dtype,
    )
