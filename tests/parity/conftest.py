"""diffusers in double precision, so that parity can be tested to 1e-9."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from doubled import Doubled, doubled
from oracles import F64
from torch import Tensor

from noisewalk.walk import Noise, SeededNoise


@pytest.fixture(autouse=True, scope="module")
def _small(one_thread: None) -> None:
    """See `one_thread`."""


Double = Callable[..., Any]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Double:
    """Make a scheduler from (class, noise=None, **config), which computes in float64 and draws from `noise`."""

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


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """(pipeline class, folder, noises) -> the pipeline in float64, drawing from the noises, the last for all the rest."""

    def make(kind: type, folder: Path, *noises: SeededNoise, **replaced: Any) -> Any:
        doubled(monkeypatch)
        queue = list(noises)

        def draw(shape: Any, **_: Any) -> Tensor:
            noise = queue.pop(0) if len(queue) > 1 else queue[0]
            return noise(torch.empty(tuple(shape), dtype=F64))

        for name, module in list(sys.modules.items()):
            if name.startswith("diffusers.") and "randn_tensor" in vars(module):
                monkeypatch.setattr(module, "randn_tensor", draw)
        pipe = kind.from_pretrained(folder, torch_dtype=F64, **replaced)  # type: ignore[attr-defined]
        pipe.set_progress_bar_config(disable=True)
        return pipe

    return make
