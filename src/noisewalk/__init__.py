"""noisewalk: the experiments of diffusion-model courses and papers as real software.

Names are loaded when they are first used, so that `import noisewalk` costs nothing.

>>> import noisewalk as nw
>>> model = nw.load("digits")
>>> nw.generate(model, "7", seed=0).tensor.shape
torch.Size([1, 1, 28, 28])
"""

from __future__ import annotations

from typing import Any

from .lazy import attach

_exported, __dir__ = attach(__name__)


def __getattr__(name: str) -> Any:
    try:
        return _exported(name)
    except AttributeError:
        from .techniques import TECHNIQUES  # techniques that a package or a script added are functions too

        if name.startswith("_") or name not in TECHNIQUES:
            raise
        from .api import TechniqueFunction

        return TechniqueFunction(name, TECHNIQUES[name].request)
