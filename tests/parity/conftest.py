"""diffusers in double precision, so that parity can be asked to 1e-9."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

from noisewalk.walk import Noise


@pytest.fixture(autouse=True, scope="module")
def _small(one_thread: None) -> None:
    """See `one_thread`."""


class _Double:
    """A module whose `float32` is its `float64`.

    diffusers keeps its tables and the inside of some steps in float32, which alone differs from the exact formulas by
    1e-6. Its scheduler modules are shown this in place of torch and numpy: every digit is then compared, and nothing of
    diffusers' formulas is replaced by ours.
    """

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, "float64" if name == "float32" else name)


Double = Callable[..., Any]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Double:
    """(scheduler class, noise=None, **config) -> the scheduler, computing in float64 and drawing from `noise`."""

    def make(scheduler: type, noise: Noise | None = None, **config: Any) -> Any:
        module = sys.modules[scheduler.__module__]
        for name in ("torch", "np"):
            monkeypatch.setattr(module, name, _Double(getattr(module, name)))
        if noise is not None:  # its own draws come from a function that takes a shape
            monkeypatch.setattr(
                module, "randn_tensor", lambda shape, **_: noise(torch.empty(shape, dtype=torch.float64)), raising=False
            )
        return scheduler(**config)

    return make
