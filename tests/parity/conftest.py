"""diffusers in double precision, so that parity can be asked to 1e-9."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from doubled import Doubled

from noisewalk.walk import Noise


@pytest.fixture(autouse=True, scope="module")
def _small(one_thread: None) -> None:
    """See `one_thread`."""


Double = Callable[..., Any]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Double:
    """(scheduler class, noise=None, **config) -> the scheduler, computing in float64 and drawing from `noise`."""

    def make(scheduler: type, noise: Noise | None = None, **config: Any) -> Any:
        module = sys.modules[scheduler.__module__]
        for name in ("torch", "np"):
            monkeypatch.setattr(module, name, Doubled(getattr(module, name)))
        if noise is not None:  # its own draws come from a function that takes a shape
            monkeypatch.setattr(
                module, "randn_tensor", lambda shape, **_: noise(torch.empty(shape, dtype=torch.float64)), raising=False
            )
        return scheduler(**config)

    return make
