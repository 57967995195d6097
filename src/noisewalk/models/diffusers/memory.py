"""Where a large model computes, in which dtype, and whether it fits into memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch

from ...errors import UserError, shorten, unknown
from ..machine import free_memory, peak_memory
from ..precision import dtype_name
from .classes import require
from .components import ModelFiles
from .configs import first_line
from .families import Family
from .named import WORKING

log = logging.getLogger("noisewalk")
Mode = Literal["auto", "full", "offload", "sequential"]
MODES = ("auto", "full", "offload", "sequential")
GIB = 2**30


class GPU(NamedTuple):
    """A kind of GPU: what it is called, and whether there is one."""

    what: str
    there: Callable[[], bool]


GPUS = {
    "cuda": GPU("CUDA GPU", lambda: torch.cuda.is_available()),
    "mps": GPU("GPU of Apple (MPS)", lambda: torch.backends.mps.is_available()),
    "xpu": GPU("GPU of Intel (XPU)", lambda: torch.xpu.is_available()),
}


@dataclass(frozen=True)
class Placement:
    """Where a model computes.

    Args:
        device: the device of the pictures, and of the network while it computes.
        dtype: the dtype of the network: float16 or bfloat16 on CUDA; float32 on the CPU and on Apple's GPU, where half
            precision is slow or wrong.
        mode: "full" keeps everything on the device, "offload" only the part in use, "sequential" only the layer in use.
    """

    device: torch.device
    dtype: torch.dtype
    mode: Mode = "auto"

    def check(self, name: str, folder: ModelFiles, family: Family) -> None:
        """Say what a model will need, before anything is loaded.

        Args:
            name: the name of the model.
            folder: its folder.
            family: its family.

        Raises:
            UserError: it does not fit, or one of its files is missing.
        """
        needed, free = self.estimate(folder, family) / GIB, free_memory(self.device) / GIB
        kind = dtype_name(self.dtype)
        if self.mode != "sequential" and needed > free:
            way = "--memory sequential, or a smaller model" if self.device.type == "cuda" else "a smaller model"
            there = f"{free:.1f} GiB are free on {self.device}"
            raise UserError(f"'{name}' needs about {needed:.1f} GiB in {kind}, and {there}; try {way}")
        log.info("%s: about %.2f GiB of %.1f GiB free on %s, %s", name, needed, free, self.device, kind)

    def estimate(self, folder: ModelFiles, family: Family) -> int:
        """Return the bytes at the peak of all but "sequential": of the text encoders, or of the network and the autoencoder.

        These two groups are never loaded together. "offload" moves the network away before the autoencoder works.
        """
        drawing = [folder.parameters(part) for part in (family.network, "vae")[: 1 + bool(family.latent)] if folder.has(part)]
        encoders = [part for part in family.text if part.startswith("text_encoder") and folder.has(part)]
        reading = sum(folder.parameters(part) for part in encoders if _weights(folder, part))
        drawing_size = max(drawing) if self.mode == "offload" else sum(drawing)
        return int(max(drawing_size, reading) * self.dtype.itemsize * WORKING)

    def to_device(self, module: Any, part: str) -> Any:
        """Move a loaded part to where it computes.

        U-Nets are kept in channels-last order, because convolutions compute in it and would otherwise copy every picture.

        Args:
            module: the part.
            part: its name.
        """
        if part == "unet":
            module = module.to(memory_format=torch.channels_last)
        if self.mode in ("auto", "full") or self.device.type != "cuda":
            return module.to(self.device)
        accelerate = require("accelerate")
        if self.mode == "sequential":
            return accelerate.cpu_offload(module, self.device)
        return accelerate.cpu_offload_with_hook(module, self.device)[0]

    def encoder_to_device(self, pipe: Any) -> Any:
        """Move a pipeline of text encoders to where it computes."""
        if self.mode == "sequential" and self.device.type == "cuda":
            pipe.enable_sequential_cpu_offload(device=self.device)
            return pipe
        return pipe.to(self.device)


def placement(mode: str = "auto", device: str = "auto", dtype: torch.dtype | None = None) -> Placement:
    """Return the best placement that the device allows.

    Args:
        mode: one of `MODES`.
        device: the device, or "auto".
        dtype: the dtype; None for the usual one of the device.

    Raises:
        UserError: there is no such mode or device.
    """
    if mode not in MODES:
        raise unknown("memory mode", mode, MODES)
    try:
        where = torch.device(_best() if device == "auto" else device)
    except RuntimeError as error:
        raise UserError(f"there is no device '{shorten(device)}'; devices are cpu, {', '.join(GPUS)}, and auto") from error
    missing = f"the device '{device}' was asked for, but PyTorch"
    if where.type in GPUS and not GPUS[where.type].there():
        raise UserError(f"{missing} sees no {GPUS[where.type].what} on this machine; use --device cpu")
    try:
        torch.zeros(1, device=where).item()
    except (
        RuntimeError,
        AssertionError,
        ImportError,
        NotImplementedError,
    ) as error:  # which error depends on the kind of device
        raise UserError(f"{missing} cannot compute there ({shorten(first_line(error), 80)}); use --device cpu") from error
    if mode in ("offload", "sequential") and where.type != "cuda":
        raise UserError(f"--memory {mode} moves parts between a GPU and main memory; on {where}, use --memory full")
    dtype = _usual(where) if dtype is None else dtype
    return Placement(where, dtype, mode)  # type: ignore[arg-type]


def _usual(device: torch.device) -> torch.dtype:
    """Return the usual dtype: bfloat16 on CUDA, float16 on older GPUs that only emulate it, and float32 elsewhere."""
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def log_peak_memory(device: torch.device) -> None:
    """Log how much memory was really used."""
    log.info("peak memory %.2f GiB on %s", peak_memory(device) / GIB, device)


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _weights(folder: ModelFiles, part: str) -> bool:
    try:
        return bool(folder.weights(part))
    except UserError:
        return False
