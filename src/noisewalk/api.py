"""One function a verb."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec

from .models.zoo import Pretrained
from .run.make import make
from .run.result import Result
from .techniques import TECHNIQUES
from .techniques.anagram import Anagram
from .techniques.denoise import Denoise
from .techniques.edit import Edit
from .techniques.factorize import Factorize
from .techniques.forward import Forward
from .techniques.generate import Generate
from .techniques.hybrid import Hybrid
from .techniques.inpaint import Inpaint
from .techniques.inverse import Inverse

P = ParamSpec("P")


class Verb(Generic[P]):
    """A technique as a function: `verb(model, *fields, **fields) -> Result`, with the fields of its spec."""

    def __init__(self, name: str, spec: Callable[P, Any]) -> None:
        self.name, self.spec = name, spec
        self.__doc__ = TECHNIQUES[name].spec.__doc__
        self.__name__ = name
        model = inspect.Parameter("model", inspect.Parameter.POSITIONAL_ONLY, annotation=Pretrained)
        fields = inspect.signature(TECHNIQUES[name].spec).parameters.values()
        self.__signature__ = inspect.Signature([model, *fields], return_annotation=Result)

    def __call__(self, model: Pretrained, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return make(self.name, self.spec(*_tuples(args), **{k: _tuple(v) for k, v in kwargs.items()}), model)


def _tuple(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _tuples(values: tuple[object, ...]) -> Any:
    return tuple(_tuple(value) for value in values)


generate = Verb("generate", Generate)
forward = Verb("forward", Forward)
denoise = Verb("denoise", Denoise)
edit = Verb("edit", Edit)
inpaint = Verb("inpaint", Inpaint)
anagram = Verb("anagram", Anagram)
hybrid = Verb("hybrid", Hybrid)
factorize = Verb("factorize", Factorize)
inverse = Verb("inverse", Inverse)
