"""How much memory a training will take, estimated before any of it is taken."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..models.machine import free_memory
from ..models.nets.course import CourseUNet
from .loop import TrainConfig
from .recipe_type import Recipe

KEPT_OF_WEIGHTS = 5
"""Copies of the weights: themselves, their averages, their gradients, and the two moments of Adam."""

WORKING = 1.3
"""The memory of a step at its peak, as a multiple of what the network keeps for its backward pass."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # in glibc's malloc.h


def tune_allocator(network: nn.Module, config: TrainConfig) -> None:
    """Tune glibc's allocator for training a large course U-Net on a CPU.

    In bfloat16 it keeps freed blocks for the next ones. In float32, where there is no room for that in 2 GiB, it returns those
    of 1 MiB and more to the system at once. By default it keeps ever larger blocks, up to 32 MiB, and activations of many sizes
    then leave holes. Memory that is returned comes back as pages that must be cleared. Measured at D = 128 on two cores: in
    float32, 1.8 GiB and 23 pictures/s if it is returned, 3.1 GiB and 34 pictures/s if it is kept; in bfloat16, 1.1 and 42, 1.9
    and 74. Smaller networks gain nothing either way.
    """
    if not isinstance(network, CourseUNet) or not network.recomputes(config.batch_size):
        return
    with suppress(OSError, AttributeError, TypeError):  # another C library, or Windows
        for threshold in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(threshold, 2**30 if config.bf16 else 2**20)


def check_memory(recipe: Recipe, config: TrainConfig, device: torch.device) -> None:
    """Check that a training fits into memory, before it takes any.

    Raises:
        UserError: it needs more than is free.
    """
    shape = recipe.card.get("config", {})
    if recipe.objective is None or not {"image_size", "in_channels"} <= shape.keys():
        return  # these recipes have one size, which fits
    rows = config.batch_size // config.accumulate
    needed, free = estimate(recipe, rows, shape["image_size"], shape["in_channels"]), free_memory(device)
    if needed > free:
        side, channels = shape["image_size"], shape["in_channels"]
        raise UserError(
            f"this training needs about {needed / 1e9:.1f} GB ({rows} pictures of "
            f"{channels}x{side}x{side}), but {free / 1e9:.1f} GB are free on {device}; use a smaller --size or "
            "--batch-size, or --accumulate"
        )


def estimate(recipe: Recipe, batch: int, size: int, channels: int) -> int:
    """Return the bytes of weights and of what a step keeps of a batch, counted on a network with shapes but no memory."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = recipe.network().train()
        weights = sum(parameter.numel() for parameter in network.parameters()) * 4
        kept = _kept(network, torch.zeros(2, channels, size, size), torch.zeros(2), torch.zeros(2, dtype=torch.long)) / 2
    return int(KEPT_OF_WEIGHTS * weights + WORKING * batch * kept)


def _kept(network: nn.Module, *inputs: Tensor) -> int:
    """Return the bytes that a network keeps of its inputs for the backward pass."""
    seen: dict[int, Tensor] = {}
    own = {id(parameter) for parameter in network.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        if id(tensor) not in own:
            seen[id(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(*inputs)
    return sum(tensor.nbytes for tensor in seen.values())
