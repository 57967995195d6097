"""One function a verb."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec

from .errors import UserError, as_keywords, unknown
from .models.zoo import Pretrained, load
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

    def __call__(self, model: Pretrained | str, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        """Make what the fields ask for.

        Raises:
            UserError: a field does not hold what it should, or the model cannot do it.
        """
        try:
            self._fit(args, kwargs)
            return make(self.name, self.spec(*args, **kwargs), _loaded(model))
        except UserError as error:
            raise UserError(as_keywords(str(error))) from error

    def _fit(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Raise a `UserError` for arguments that the technique does not have, or that are missing."""
        known = list(inspect.signature(self.spec).parameters)
        for name in kwargs:
            if name not in known:
                raise unknown(f"argument of {self.name}", name, known)
        try:
            inspect.signature(self.spec).bind(*args, **kwargs)
        except TypeError as error:
            raise UserError(f"{self.name}: {error}; its arguments are model, {', '.join(known)}") from None


def _loaded(model: object) -> Pretrained:
    """A model, or the model of that name."""
    if isinstance(model, str):
        return load(model)
    if not isinstance(model, Pretrained):
        raise UserError(f"a model is what noisewalk.load(NAME) gives, or its name; a {type(model).__name__} was given")
    return model


generate = Verb("generate", Generate)
forward = Verb("forward", Forward)
denoise = Verb("denoise", Denoise)
edit = Verb("edit", Edit)
inpaint = Verb("inpaint", Inpaint)
anagram = Verb("anagram", Anagram)
hybrid = Verb("hybrid", Hybrid)
factorize = Verb("factorize", Factorize)
inverse = Verb("inverse", Inverse)
