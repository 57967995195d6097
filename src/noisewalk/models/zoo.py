"""Models by name: the bundled ones, and folders of training runs."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError, unknown
from ..walk.noise import Rescaled
from .checkpoint import fingerprint, load_tensors, single
from .kinds import SCHEDULES, build, prompts
from .network import NetworkModel
from .pretrained import Defaults as Defaults
from .pretrained import Pretrained as Pretrained

WEIGHTS = Path(str(files("noisewalk") / "weights"))


def bundled() -> dict[str, dict[str, Any]]:
    """The cards of the models that come with the package, by name."""
    cards = {path.stem: json.loads(path.read_text()) for path in sorted(WEIGHTS.glob("*.json"))}
    return {name: card for name, card in cards.items() if card.get("kind") == "model"}


def load(name: str) -> Pretrained:
    """A model by name; kept, so that asking again costs nothing while its file is the same.

    Args:
        name: a bundled model ("digits"), or the path of a .safetensors file or run folder that `noisewalk train` wrote.

    Raises:
        UserError: there is no such model (the nearest name is suggested), or its weights are missing or damaged.
    """
    cards = bundled()
    card = cards.get(name, {})
    path = WEIGHTS / f"{name}.safetensors" if card else Path(name)
    if path.is_dir():
        path = path / "checkpoint.safetensors"
    if not card and path.suffix != ".safetensors" and path.parent == Path("."):
        raise unknown("model", name, cards)
    if not path.is_file():
        raise UserError(f"the model '{name}' has no weights at {path}; `noisewalk models` lists the models there are")
    model = _read(name, path.resolve(), path.stat().st_mtime_ns)
    if card and model.fingerprint != card["sha256"][:16]:
        raise UserError(
            f"the bundled weights {path} are damaged (SHA-256 {model.fingerprint}…, not {card['sha256'][:16]}…); "
            "reinstall noisewalk"
        )
    return replace(model, card=card, defaults=replace(model.defaults, **card.get("defaults", {})))


@lru_cache(maxsize=4)
def _read(name: str, path: Path, changed: int) -> Pretrained:
    tensors, config = load_tensors(path)
    averaged = {k.removeprefix("averaged."): v for k, v in tensors.items() if k.startswith("averaged.")}
    try:
        network = build(config)
        network.load_state_dict(single(averaged or tensors))
        return pretrained(name, network, config, fingerprint(path))
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path} is not a picture model of this version of noisewalk: {str(error).splitlines()[0]}") from error


def pretrained(name: str, network: torch.nn.Module, config: dict[str, Any], fingerprint: str = "") -> Pretrained:
    """A network and what its checkpoint says about it, as a model to draw with."""
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    schedule = SCHEDULES[config["schedule"]]()
    unit = (0.5, 0.5) if config.get("unit_range") else (1.0, 0.0)
    shape = config["config"]
    return Pretrained(
        name,
        NetworkModel(network, schedule, config["prediction_type"], 0, 4, *unit),
        prompts(config),
        Rescaled(schedule, 2.0) if config.get("unit_range") else schedule,
        (shape["in_channels"], shape["image_size"], shape["image_size"]),
        replace(Defaults(), **config.get("defaults", {})),
        dark_background=shape["in_channels"] == 1,
        fingerprint=fingerprint,
    )
