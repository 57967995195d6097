"""What a training run needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from .data import Data
from .loop import Loss, TrainConfig
from .objectives import Objective


@dataclass(frozen=True)
class Recipe:
    """A network, its data, its loss and its default configuration.

    Args:
        network: makes the network.
        data: reads the training data.
        loss: the loss of each picture.
        config: how to train.
        card: what checkpoints say about the network.
        objective: the objective of the loss; None for networks that do not make pictures.
    """

    network: Callable[[], nn.Module]
    data: Callable[[], Data]
    loss: Loss
    config: TrainConfig
    card: dict[str, Any]
    objective: Objective | None = None
