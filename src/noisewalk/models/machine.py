"""The memory of this machine: what is free, and what this process has used."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import psutil
import torch


def free_memory(device: torch.device) -> int:
    """Return the free memory of a device in bytes; of the CPU, as much of the machine's as a container's limit leaves."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(int(psutil.virtual_memory().available), _of_container())


def _of_container() -> int:
    """Return what the limit of a container leaves (version 2 of Linux's control groups); without a limit, a huge number."""
    with suppress(OSError, ValueError):
        groups = Path("/sys/fs/cgroup")
        return max(1, int((groups / "memory.max").read_text()) - int((groups / "memory.current").read_text()))
    return sys.maxsize


def peak_memory(device: torch.device) -> int:
    """Return the most bytes that this process has held, on the device or, on the CPU, in main memory."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return int(psutil.Process().memory_info().peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
