"""What a training run needs to know, and the recipes there are, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..judge.digits import DigitReader, Warp
from ..models.text_unet import TextUNet, TextUNetConfig
from ..models.unet import UNet, UNetConfig
from ..models.words import TextPrompts, load_words
from ..walk.noise import LinearPath
from ..walk.prediction import Condition
from .data import Data, mnist
from .emoji.dataset import World, captioned
from .loop import Loss, TrainConfig
from .objectives import Objective


@dataclass(frozen=True)
class Recipe:
    """A network, its data and loss, its default configuration, and what its checkpoints say about it."""

    network: Callable[[], nn.Module]
    data: Callable[[], Data]
    loss: Loss
    config: TrainConfig
    card: dict[str, Any]


def flow() -> Recipe:
    """Class-conditional flow matching of digits with the fast U-Net (label dropout 0.1)."""
    shape = UNetConfig()
    objective = Objective(LinearPath(), "flow_prediction", dropout=0.1, null=(torch.tensor([shape.num_classes]),))
    card = {"network": "unet-fast", "config": asdict(shape), "schedule": "linear", "prediction_type": "flow_prediction"}
    return Recipe(lambda: UNet(shape), lambda: mnist("train"), objective.loss, TrainConfig(epochs=36), card)


def classifier() -> Recipe:
    """The digit reader, with random affine warps and smoothed labels."""
    warp = Warp()

    def loss(network: nn.Module, pictures: Tensor, cond: Condition, generator: torch.Generator) -> Tensor:
        logits = network(warp(pictures, generator))
        return F.cross_entropy(logits.float(), cond[0], reduction="none", label_smoothing=0.05)

    config = TrainConfig(epochs=14, batch_size=128, learning_rate=3e-3, ema_decay=0.998, weight_decay=0.05)
    return Recipe(DigitReader, lambda: mnist("train"), loss, config, {"network": "digit-reader"})


def emoji() -> Recipe:
    """Flow matching of 32x32 emoji and pictograms from captions with the text U-Net (caption dropout 0.1)."""
    shape, world = TextUNetConfig(), World()
    prompts = TextPrompts(load_words(), shape.max_tokens)
    objective = Objective(LinearPath(), "flow_prediction", dropout=0.1, null=prompts(""))
    card = {
        "network": "unet-text",
        "config": asdict(shape),
        "schedule": "linear",
        "prediction_type": "flow_prediction",
        "world": asdict(world),
    }
    config = TrainConfig(epochs=1200, hold=0.8)
    return Recipe(lambda: TextUNet(shape), lambda: captioned(shape.image_size, world, prompts), objective.loss, config, card)


RECIPES: dict[str, Callable[[], Recipe]] = {"flow": flow, "classifier": classifier, "emoji": emoji}
