"""Layers whose weights are kept in oneDNN's own order, for networks that are only evaluated."""

from __future__ import annotations

import platform

import torch
from torch import Tensor, nn

from ..precision import fastest_dtype

_ABLE = (
    platform.machine() in ("x86_64", "AMD64")
    and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    and hasattr(torch.ops.mkldnn, "_reorder_convolution_weight")
)

_ROWS = 4


class PrepackedConv2d(nn.Conv2d):
    """`nn.Conv2d`, without gradients, whose weights are put into oneDNN's order once instead of in every call.

    For the few rows of a walk, this reordering costs more than the products: 256 channels on 4x4 positions of two pictures take
    166 microseconds with it and 65 without (bfloat16, two cores). The operators are those that torch.compile emits. In bfloat16
    the result is the same to the bit; in float32 oneDNN may sum in another order.
    """

    prepacked: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Compute what `nn.Conv2d` computes, without gradients and from prepacked weights."""
        if _differentiated(x, self.weight):
            return super().forward(x)
        x = x.to(self.weight.dtype)  # as autocast would
        how = (self.padding, self.stride, self.dilation, self.groups)
        if self.prepacked is None:
            shape = (
                _ROWS,
                *x.shape[1:],
            )  # a fixed number of rows, because the order, and so the last digits of float32, may depend on it
            self.prepacked = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *how, shape)
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(x, self.prepacked, self.bias, *how, "none", [], "")
        return out


class PrepackedLinear(nn.Linear):
    """`nn.Linear` in bfloat16 with prepacked weights; the result is the same to the bit."""

    prepacked: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Compute what `nn.Linear` computes, without gradients and from prepacked weights."""
        if _differentiated(x, self.weight):
            return super().forward(x)
        if self.prepacked is None:
            self.prepacked = torch.ops.mkldnn._reorder_linear_weight(self.weight)
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x.to(self.weight.dtype), self.prepacked, self.bias, "none", [], "")
        return out


def prepack(network: nn.Module) -> None:
    """Prepack the weights of a network that is only evaluated, in place; its parameters and their names stay.

    The weights must not change afterwards. In float32 only convolutions are prepacked, because PyTorch's matrix products are
    not oneDNN's there, and their last digits differ. Nothing changes on GPUs (where PyTorch has no oneDNN), on processors other
    than x86, and in bfloat16 on processors that do not multiply it.
    """
    types = (torch.float32, fastest_dtype(torch.device("cpu")))
    for module in network.modules() if _ABLE else ():
        if not isinstance(module, nn.Conv2d | nn.Linear) or module.weight.device.type != "cpu":
            continue
        if type(module) is nn.Conv2d and module.padding_mode == "zeros" and module.weight.dtype in types:
            module.__class__ = PrepackedConv2d
        elif type(module) is nn.Linear and module.weight.dtype == torch.bfloat16 and torch.bfloat16 in types:
            module.__class__ = PrepackedLinear


def _differentiated(x: Tensor, weight: Tensor) -> bool:
    return torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
