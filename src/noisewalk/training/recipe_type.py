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
    """A network, its data and loss, its default configuration, and what its checkpoints say about it.

    `objective` is the one `loss` comes from, for what draws pictures.
    """

    network: Callable[[], nn.Module]
    data: Callable[[], Data]
    loss: Loss
    config: TrainConfig
    card: dict[str, Any]
    objective: Objective | None = None
