"""The dtype that a trained network computes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError, unknown

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
Call = Callable[..., Tensor]
_PRODUCTS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def dtype_of(name: str | torch.dtype | None) -> torch.dtype | None:
    """Return a dtype by its name.

    Args:
        name: a key of `DTYPES`, or "auto"; a dtype stays as it is.

    Returns:
        The dtype; None for "auto".

    Raises:
        UserError: there is no dtype of that name.
    """
    if name is None or isinstance(name, torch.dtype):
        return name
    if name == "auto":
        return None
    if name not in DTYPES:
        raise unknown("dtype", name, ["auto", *DTYPES])
    return DTYPES[name]


def dtype_name(dtype: torch.dtype) -> str:
    """Return the name of a dtype.

    >>> dtype_name(torch.bfloat16)
    'bfloat16'
    """
    return str(dtype).removeprefix("torch.")


def fastest_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 if the hardware multiplies it (AVX-512 BF16, AMX, NVIDIA GPUs since 2020), and float32 otherwise.

    Versions of PyTorch that cannot tell what a CPU is capable of get float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def autocast_bfloat16(call: Call) -> Call:
    """Wrap the call of a network with bfloat16 weights: its input is rounded where a product takes it.

    bfloat16 has 8 significant bits, and products are summed in float32. On a CPU that multiplies it, it is twice as fast, and
    it has a second advantage over float32: oneDNN chooses the same kernel whatever the number of rows.
    """

    def in_bfloat16(x: Tensor, *rest: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return call(x, *rest)

    return in_bfloat16


def convert_precision(network: nn.Module, dtype: torch.dtype, name: str) -> Callable[[Call], Call]:
    """Make a float32 network compute in `dtype`, in place.

    In bfloat16, convolutions and matrix products have bfloat16 weights, and the rest stays in float32.

    Args:
        network: the network.
        dtype: float32 or bfloat16.
        name: the name of the model, for the message.

    Returns:
        A function that wraps calls of the network and of its parts.

    Raises:
        UserError: `dtype` is neither float32 nor bfloat16.
    """
    if dtype == torch.float32:
        return lambda call: call
    if dtype != torch.bfloat16:
        raise UserError(f"'{name}' computes in float32 or bfloat16, not in {dtype_name(dtype)}")
    for module in network.modules():
        if isinstance(module, _PRODUCTS):
            module.to(torch.bfloat16)
    return autocast_bfloat16
