"""Noise of noisewalk for diffusers' pipelines (see `theirs` in `parity/conftest.py`), and how close they must be."""

from __future__ import annotations

import torch
from oracles import F64
from torch import Tensor

from noisewalk.walk import SeededNoise

SEED = 180


def streams(purpose: str = "init") -> tuple[SeededNoise, SeededNoise]:
    noise = SeededNoise([SEED], purpose)
    return noise, noise.stream("step")


def close(mine: Tensor, other: Tensor) -> None:
    assert mine.dtype == other.dtype == F64
    torch.testing.assert_close(mine, other, rtol=0, atol=1e-9)
