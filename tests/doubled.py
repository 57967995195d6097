"""diffusers' schedulers in float64."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest


class Doubled:
    """A module whose `float32` is its `float64`.

    diffusers keeps its tables and the inside of some steps in float32, which alone differs from the exact formulas by
    1e-6. Its scheduler modules are shown this in place of torch and numpy: every digit is then compared, and nothing of
    diffusers' formulas is replaced by ours.
    """

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, "float64" if name == "float32" else name)


def doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show every loaded scheduler module of diffusers a torch and a numpy whose float32 is float64."""
    for name, module in list(sys.modules.items()):
        if name.startswith("diffusers.schedulers.scheduling_"):
            for library in ("torch", "np"):
                if library in vars(module) and not isinstance(vars(module)[library], Doubled):
                    monkeypatch.setattr(module, library, Doubled(vars(module)[library]))
