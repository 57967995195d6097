"""noisewalk: the experiments of diffusion-model courses and papers as real software.

Names are loaded when they are first used, so that `import noisewalk` costs nothing.

>>> import noisewalk as nw
>>> model = nw.load("digits")
>>> nw.generate(model, "7", seed=0).tensor.shape
torch.Size([1, 1, 28, 28])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import UserError as UserError
from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import guidance as guidance
    from . import walk as walk
    from .api import anagram as anagram
    from .api import denoise as denoise
    from .api import edit as edit
    from .api import factorize as factorize
    from .api import forward as forward
    from .api import from_network as from_network
    from .api import generate as generate
    from .api import hybrid as hybrid
    from .api import inpaint as inpaint
    from .api import inverse as inverse
    from .api import load as load
    from .api import replay as replay
    from .models.pretrained import Pretrained as Pretrained
    from .run.result import Result as Result

_FUNCTIONS = "anagram denoise edit factorize forward from_network generate hybrid inpaint inverse load replay"
_WHERE = {"Pretrained": "models.pretrained", "Result": "run.result", **dict.fromkeys(_FUNCTIONS.split(), "api")}
_PACKAGES = ("guidance", "walk")


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f".{name}", __name__)
    if name not in _WHERE:
        raise AttributeError(f"module 'noisewalk' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f".{_WHERE[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, *_PACKAGES})
