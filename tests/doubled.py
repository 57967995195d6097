"""diffusers' schedulers in float64."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest


class Doubled:
    """A module that gives its `float64` as `float32`.

    diffusers keeps its tables and parts of some steps in float32, which alone differs from the exact formulas by 1e-6. Its
    scheduler modules get this module instead of torch and numpy. So all digits are compared, with diffusers' own formulas.
    """

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, "float64" if name == "float32" else name)


def doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every loaded scheduler module of diffusers a torch and a numpy whose float32 is float64."""
    for name, module in list(sys.modules.items()):
        if name.startswith("diffusers.schedulers.scheduling_"):
            for library in ("torch", "np"):
                if library in vars(module) and not isinstance(vars(module)[library], Doubled):
                    monkeypatch.setattr(module, library, Doubled(vars(module)[library]))
