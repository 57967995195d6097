"""Initial weights of a network from another network: weights of the same shape are copied, and patches are widened."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from noisewalk.models.checkpoint import network_weights
from noisewalk.models.zoo import weights_path


def widened(weight: Tensor, by: int, channels: int, side: int) -> Tensor:
    """Return a first convolution for patches `by` times as wide, so that it computes the same from their means.

    Args:
        weight: (out, channels * side^2, k, k).
    """
    out, _, k, _ = weight.shape
    folded = weight.view(out, channels, side, side, k, k)
    wide = folded.repeat_interleave(by, 2).repeat_interleave(by, 3) / by**2
    return wide.reshape(out, channels * (by * side) ** 2, k, k)


def begun(network: Callable[[], nn.Module], name: str) -> Callable[[], nn.Module]:
    """Return a network with the weights of a model wherever the shapes agree; its first convolution is widened.

    The last convolution has another shape or target, so it keeps its initial value, zero.

    Args:
        name: a bundled model, a run folder or a .safetensors file.
    """

    def build() -> nn.Module:
        made = network()
        own = made.state_dict()
        tensors, config = network_weights(weights_path(name))
        shape = config["config"]
        stems = [key for key in own if key.endswith("stem.weight") and tensors[key].shape != own[key].shape]
        for stem in stems:
            by = getattr(made, "config").patch // shape["patch"]  # noqa: B009
            tensors[stem] = widened(tensors[stem], by, shape["in_channels"], shape["patch"])
            tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith("head.")}
        same = {key: tensor for key, tensor in tensors.items() if key in own and own[key].shape == tensor.shape}
        made.load_state_dict(own | same)
        return made

    return build


def count_taken(network: nn.Module, name: str) -> tuple[int, int]:
    """Return how many of a network's numbers come from a model of this name, and how many numbers it has."""
    tensors, _ = network_weights(weights_path(name))
    own = network.state_dict()
    taken = sum(own[key].numel() for key, tensor in tensors.items() if key in own and own[key].shape == tensor.shape)
    return taken, sum(torch.numel(each) for each in own.values())
