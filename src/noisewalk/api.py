"""One function for each technique, as Python speaks: keywords in the messages, arrays as pictures, a model by its name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .errors import UserError, as_keywords, unknown
from .images import to_image
from .models import own, zoo
from .models.pretrained import Pretrained
from .run import replay as replaying
from .run.make import run
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
R = TypeVar("R")


def spoken(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose messages name keywords instead of flags."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise UserError(as_keywords(str(error))) from error

    return called


class Verb(Generic[P]):
    """A technique as a function: `verb(model, *fields, **fields) -> Result`, with the fields of its spec.

    The model is one that was loaded, or its name. A picture is a file, a PIL image, a tensor (C, H, W) or (1, C, H, W) in
    [-1, 1], or a NumPy array (H, W) or (H, W, C) of uint8.
    """

    def __init__(self, name: str, spec: Callable[P, Any]) -> None:
        self.name, self.spec = name, spec
        self.__doc__ = TECHNIQUES[name].spec.__doc__
        self.__name__ = name
        model = inspect.Parameter("model", inspect.Parameter.POSITIONAL_ONLY, annotation=Pretrained | str)
        parameters = inspect.signature(TECHNIQUES[name].spec).parameters.values()
        self.__signature__ = inspect.Signature([model, *parameters], return_annotation=Result)

    def __call__(self, model: Pretrained | str, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return spoken(self._make)(model, args, kwargs)

    def _make(self, model: Pretrained | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        spec = self.spec(**self._given(args, kwargs))  # type: ignore[call-arg]
        return run(self.name, spec, _loaded(model))

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The fields that were given, by name."""
        known = {f.name: f for f in fields(TECHNIQUES[self.name].spec)}
        for name in kwargs:
            if name not in known:
                raise unknown(f"argument of {self.name}", name, known)
        try:
            given = inspect.signature(self.spec).bind(*args, **kwargs).arguments
        except TypeError as error:
            raise UserError(f"{self.name}: {error}; its arguments are model, {', '.join(known)}") from None
        return {name: picture(value, name) if known[name].metadata.get("role") else value for name, value in given.items()}


def picture(value: Any, name: str = "picture") -> Any:
    """A tensor or an array as a PIL image; anything else as it is.

    Args:
        value: (C, H, W) or (1, C, H, W) in [-1, 1], or an array (H, W) or (H, W, C) of uint8; C is 1 or 3.
        name: what it is, for the message.

    Raises:
        UserError: a tensor or an array of another shape, type or range.
    """
    allowed = f"{name} must be a tensor (C, H, W) or (1, C, H, W) in [-1, 1], or an array (H, W) or (H, W, C) of uint8"
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        if value.ndim not in (2, 3) or 0 in value.shape or (value.ndim == 3 and value.shape[2] not in (1, 3, 4)):
            raise UserError(f"{allowed}; one of shape {value.shape} was given")
        return Image.fromarray(value[..., 0] if value.ndim == 3 and value.shape[2] == 1 else np.ascontiguousarray(value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, np.ndarray) or (isinstance(value, Tensor) and not value.is_floating_point()):
        raise UserError(f"{allowed}; one of {value.dtype} was given")
    if not isinstance(value, Tensor):
        return value
    x = value.detach()[0] if value.ndim == 4 and len(value) == 1 else value.detach()
    if x.ndim != 3 or x.shape[0] not in (1, 3) or 0 in x.shape:
        raise UserError(f"{allowed}; one of shape {tuple(value.shape)} was given")
    low, high = float(x.min()), float(x.max())
    if not -1.01 <= low <= high <= 1.01:
        raise UserError(f"{allowed}; one from {low:g} to {high:g} was given")
    return to_image(x)


def _loaded(model: object) -> Pretrained:
    """A model, or the model of that name."""
    if isinstance(model, str):
        return zoo.load(model)
    if not isinstance(model, Pretrained):
        raise UserError(f"a model is what noisewalk.load(NAME) gives, or its name; a {type(model).__name__} was given")
    return model


load = spoken(zoo.load)
replay = spoken(replaying.replay)
from_network = spoken(own.from_network)

generate = Verb("generate", Generate)
forward = Verb("forward", Forward)
denoise = Verb("denoise", Denoise)
edit = Verb("edit", Edit)
inpaint = Verb("inpaint", Inpaint)
anagram = Verb("anagram", Anagram)
hybrid = Verb("hybrid", Hybrid)
factorize = Verb("factorize", Factorize)
inverse = Verb("inverse", Inverse)
