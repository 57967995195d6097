"""Networks from checkpoints: what a file says about its network is checked before any memory is taken for it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields, replace
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import torch
from torch import Tensor, nn

from ...checking import checked
from ...errors import UserError, as_keywords
from ...walk.prediction import TARGETS
from ..defaults import Defaults
from .build import NETWORKS, SCHEDULES, build
from .course import CourseUNetConfig
from .text_unet import TextUNetConfig
from .unet import UNetConfig

LARGEST = 65_536
"""The greatest number in the configuration of a network: a width, a count of classes."""

LARGEST_SIDE = 4096
"""The greatest side of a picture, pixels."""

MAY_BE_ZERO = ("num_classes", "dropout", "attention", "attention_heads", "beside_channels")

_SHAPES: dict[str, Any] = {
    "unet-fast": UNetConfig,
    "unet-course": CourseUNetConfig,
    "unet-text": TextUNetConfig,
    "unet-upscaler": TextUNetConfig,
}


class CheckpointConfig(TypedDict):
    """What a checkpoint says about its network.

    Args:
        network: a key of `NETWORKS`.
        config: its shape, the fields of a dataclass in the network's file.
        schedule: a key of `SCHEDULES`.
        prediction_type: a key of `TARGETS`.
        unit_range: whether it was trained on pictures in [0, 1].
        labels: the names of its classes.
        defaults: the defaults of walks.
        built_in_guidance: the guidance scale that a distilled network has learned.
    """

    network: str
    config: dict[str, Any]
    schedule: str
    prediction_type: str
    unit_range: NotRequired[bool]
    labels: NotRequired[Annotated[list[str], msgspec.Meta(max_length=LARGEST)]]
    defaults: NotRequired[dict[str, Any]]
    built_in_guidance: NotRequired[Annotated[float, msgspec.Meta(ge=-100, le=100)]]


class CheckpointMismatch(ValueError):
    """A checkpoint does not describe the network that its tensors belong to."""


def build_from_checkpoint(config: Mapping[str, Any], tensors: Mapping[str, Tensor], trusted: bool = False) -> nn.Module:
    """Return the network that a checkpoint describes, with its weights.

    The network is first built with shapes but no memory, so that no number in a file can ask for more than its tensors have.

    Args:
        config: the configuration of the checkpoint.
        tensors: its weights by name.
        trusted: whether the file is one of the package, so that nothing has to be tried first. That takes a second, because
            PyTorch imports its compiler for tensors without memory.

    Raises:
        CheckpointMismatch: a field is missing, has another type or is out of bounds, or the tensors belong to another network.
    """
    if not trusted:
        _tried(config, tensors)
    network = build(dict(config))
    network.load_state_dict(dict(tensors))
    return network


def _tried(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raise `CheckpointMismatch` if a network of this configuration has no tensors of these shapes, or cannot be called."""
    try:
        said = msgspec.convert(config, CheckpointConfig)
        _known(said)
        shape = asdict(msgspec.convert(said["config"], _SHAPES[said["network"]]))
        _bounded(shape, len(tensors))
        _labelled(said, shape)
        with torch.device("meta"):
            empty = build(dict(config))
            wanted = {name: tensor.shape for name, tensor in empty.state_dict().items()}
            _called(empty, said["network"], shape)
    except (msgspec.ValidationError, KeyError, TypeError, ValueError, ArithmeticError, IndexError, RuntimeError) as error:
        raise CheckpointMismatch(str(error) or type(error).__name__) from error
    except (AssertionError, AttributeError) as error:
        raise CheckpointMismatch(f"the network cannot be built from its configuration ({error})") from error
    there = {name: tensor.shape for name, tensor in tensors.items()}
    if differ := sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)):
        raise CheckpointMismatch(
            f"{len(differ)} of its tensors are missing, unknown or of another shape, such as '{differ[0]}'"
        )


def _known(said: CheckpointConfig) -> None:
    tables: dict[Literal["network", "schedule", "prediction_type"], Any] = {
        "network": NETWORKS,
        "schedule": SCHEDULES,
        "prediction_type": TARGETS,
    }
    for field, table in tables.items():
        if said[field] not in table:
            raise CheckpointMismatch(f"unknown {field} '{said[field][:40]}'")


def _bounded(shape: dict[str, Any], count: int) -> None:
    """Check that numbers are such as a network has; of parts that have tensors, there are at most `count`."""
    for name, value in shape.items():
        most = count if name in ("blocks", "text_layers") else LARGEST_SIDE if name == "image_size" else LARGEST
        least = 0 if name in MAY_BE_ZERO or isinstance(value, bool) else 1
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, int | float) and not (math.isfinite(number) and least <= number <= most):
                raise CheckpointMismatch(f"{name} is {number:g}, which no network can have")
        if isinstance(value, list | tuple) and len(value) > 16:
            raise CheckpointMismatch(f"{name} has {len(value)} entries")


def read_defaults(said: dict[str, Any], otherwise: Defaults) -> Defaults:
    """Return the defaults of walks that a card or a checkpoint states, checked, and others where it says nothing.

    Args:
        said: the card or the configuration of the checkpoint.
        otherwise: the other defaults.

    Raises:
        CheckpointMismatch: a value has another type, or is out of bounds.
    """
    stated = said.get("defaults", {})
    own = stated.get("techniques", otherwise.techniques)
    if not isinstance(own, dict):
        raise CheckpointMismatch("its defaults are damaged: they must name techniques")
    defaults = _with(otherwise, {name: value for name, value in stated.items() if name != "techniques"})
    return replace(defaults, techniques={name: _only(_with(defaults, each), each) for name, each in own.items()})


def _with(defaults: Defaults, stated: Any) -> Defaults:
    """Return defaults with some of them stated anew, checked."""
    if not isinstance(stated, dict):
        raise CheckpointMismatch("its defaults are damaged: they must name settings")
    if unknown_names := stated.keys() - ({field.name for field in fields(Defaults)} - {"techniques"}):
        raise CheckpointMismatch(f"its defaults name '{min(unknown_names)}', which is not a setting of walks")
    try:
        return checked(replace(defaults, **stated))
    except UserError as error:
        raise CheckpointMismatch(f"its defaults are damaged: {as_keywords(str(error))}") from error


def _only(defaults: Defaults, names: Collection[str]) -> dict[str, Any]:
    return {name: getattr(defaults, name) for name in names}


def _labelled(said: CheckpointConfig, shape: dict[str, Any]) -> None:
    """See that every name of a class has a label in the network."""
    names = len(said.get("labels", range(10)))
    if "num_classes" in shape and names > shape["num_classes"]:
        raise CheckpointMismatch(f"it names {names} classes, and its network has {shape['num_classes']}")


def _called(network: nn.Module, kind: str, shape: dict[str, Any]) -> None:
    """Call a network without memory on one picture: sizes that do not divide, and heads that do not fit, are found here."""
    x, one = torch.zeros(1, shape["in_channels"], shape["image_size"], shape["image_size"]), torch.zeros(1)
    if kind in ("unet-text", "unet-upscaler"):
        low_res = (torch.zeros(1, shape["beside_channels"], *x.shape[2:]), one) if kind == "unet-upscaler" else ()
        length = shape["max_tokens"]
        rest = (*low_res, torch.zeros(1, length, shape["word_dim"]), torch.ones(1, length, dtype=torch.bool))
    else:
        rest = (torch.zeros(1, dtype=torch.long),)
    if (made := network.eval()(x, one, *rest).shape) != x.shape:
        raise CheckpointMismatch(f"its network makes {tuple(made)} of a picture of {tuple(x.shape)}")
