"""Models by name: the bundled ones, and folders of training runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError, unknown
from ..walk.noise import LinearPath, Schedule
from ..walk.prediction import Bound, Condition, Model
from .checkpoint import fingerprint, load_tensors, single
from .network import NetworkModel
from .text import DigitPrompts
from .text_unet import TextUNet, text_unet_config
from .unet import UNet, unet_config
from .words import TextPrompts, load_words

WEIGHTS = Path(str(files("noisewalk") / "weights"))
SCHEDULES: dict[str, Callable[[], Schedule]] = {"linear": LinearPath}


@dataclass(frozen=True)
class Defaults:
    """What a technique uses where the user is silent.

    Args:
        steps, step_rule, grid: of a walk.
        guidance_scale: of a plain prompt; 1 is no guidance.
        threshold: a key of `THRESHOLDS`.
    """

    steps: int = 20
    step_rule: str = "ddim"
    grid: str = "linspace"
    guidance_scale: float = 1.0
    threshold: str = "none"


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model one can draw with: the network, its words, the shape of its pictures, and where to start.

    Args:
        name: what it was loaded by.
        model: the network as a `Model`.
        encode: prompt -> condition; "" is unconditional.
        schedule: the path walked by default (the one it was trained on).
        shape: (C, H, W) of its pictures.
        defaults: of walks.
        dark_background: pictures are light strokes on black, so that an input on white is inverted.
        fingerprint: first 16 hexadecimal digits of the weights' SHA-256, kept in every picture's metadata.
        card: data, licence, recipe, seed, steps, measured quality.
    """

    name: str
    model: Model
    encode: Callable[[str], Condition]
    schedule: Schedule
    shape: tuple[int, int, int]
    defaults: Defaults = Defaults()
    dark_background: bool = False
    fingerprint: str = ""
    card: dict[str, Any] = field(default_factory=dict)

    def bind(self, prompt: str) -> Bound:
        """The model with a prompt bound.

        Raises:
            UserError: the model does not know the prompt.
        """
        return Bound(self.model, self.encode(prompt))

    def __repr__(self) -> str:
        return f"<noisewalk model '{self.name}', {'x'.join(map(str, self.shape))}, weights {self.fingerprint}>"


Shape = tuple[int, int, int]
Built = tuple[Shape, torch.nn.Module, Callable[[str], Condition]]


@dataclass(frozen=True)
class Kind:
    """A kind of network that checkpoints name: how to build it, and what is usual with it."""

    build: Callable[[dict[str, Any]], Built]
    defaults: Defaults = Defaults()
    dark_background: bool = False


def _fast(fields: dict[str, Any]) -> Built:
    shape = unet_config(fields)
    return (shape.in_channels, shape.image_size, shape.image_size), UNet(shape), DigitPrompts()


def _text(fields: dict[str, Any]) -> Built:
    shape = text_unet_config(fields)
    prompts = TextPrompts(load_words(), shape.max_tokens)
    return (shape.in_channels, shape.image_size, shape.image_size), TextUNet(shape), prompts


NETWORKS: dict[str, Kind] = {
    "unet-fast": Kind(_fast, dark_background=True),
    "unet-text": Kind(_text, Defaults(guidance_scale=3.0)),
}
"""By the name in a checkpoint's configuration."""


def bundled() -> dict[str, dict[str, Any]]:
    """The cards of the models that come with the package, by name."""
    cards = {path.stem: json.loads(path.read_text()) for path in sorted(WEIGHTS.glob("*.json"))}
    return {name: card for name, card in cards.items() if card.get("kind") == "model"}


@cache
def load(name: str) -> Pretrained:
    """A model by name, loaded once and kept.

    Args:
        name: a bundled model ("digits"), or the path of a .safetensors file or run folder that `noisewalk train` wrote.

    Raises:
        UserError: there is no such model (the nearest name is suggested), or its weights are missing or damaged.
    """
    cards = bundled()
    if name in cards:
        path = WEIGHTS / f"{name}.safetensors"
        model = _read(name, path, cards[name])
        if (found := model.fingerprint) != (expected := cards[name]["sha256"][:16]):
            raise UserError(f"the bundled weights {path} are damaged (SHA-256 {found}…, not {expected}…); reinstall noisewalk")
        return model
    path = Path(name)
    if path.is_dir():
        path = path / "checkpoint.safetensors"
    if path.suffix == ".safetensors" or path.parent != Path("."):
        return _read(name, path, {})
    raise unknown("model", name, cards)


def _read(name: str, path: Path, card: dict[str, Any]) -> Pretrained:
    if not path.is_file():
        raise UserError(f"the model '{name}' has no weights at {path}; `noisewalk models` lists the models there are")
    tensors, config = load_tensors(path)
    averaged = {k.removeprefix("averaged."): v for k, v in tensors.items() if k.startswith("averaged.")}
    try:
        kind = NETWORKS[config.get("network", "unet-fast")]
        shape, network, encode = kind.build(config["config"])
        network.load_state_dict(single(averaged or tensors))
        schedule = SCHEDULES[config["schedule"]]()
        prediction_type = config["prediction_type"]
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path} is not a picture model of this version of noisewalk: {str(error).splitlines()[0]}") from error
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Pretrained(
        name,
        NetworkModel(network, schedule, prediction_type, row_multiple=4),
        encode,
        schedule,
        shape,
        replace(kind.defaults, **card.get("defaults", {})),
        dark_background=kind.dark_background,
        fingerprint=fingerprint(path),
        card=card,
    )
