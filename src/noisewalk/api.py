"""The Python functions: one for each technique, with arrays as pictures, models by name, and keywords in the messages."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .checking import checked
from .errors import UserError, as_keywords, unknown
from .images import to_image
from .models import own, zoo
from .models.precision import dtype_name
from .models.pretrained import Pretrained
from .requests import CascadeLoading, OwnNetwork
from .run import replay as replaying
from .run.make import run
from .run.progress import Progress, ignore
from .run.progress import progress as show_progress
from .run.result import Result
from .techniques import TECHNIQUES, requests
from .techniques.requests import Request

P = ParamSpec("P")
R = TypeVar("R")


def naming_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with messages that name keywords instead of flags; wrong arguments raise a `UserError` too."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound(function.__name__, function, args, kwargs)
            return function(*args, **kwargs)
        except UserError as error:
            raise UserError(as_keywords(str(error))) from error

    return called


def shown(title: str, progress: object) -> AbstractContextManager[Progress]:
    """Return the progress bar that a user asked for, or one that shows nothing."""
    if not isinstance(progress, bool):
        raise UserError(f"progress must be True or False, but {progress!r:.60} was asked for")
    return show_progress(title) if progress else nullcontext(ignore)


class TechniqueFunction(Generic[P]):
    """A technique as a function: `generate(model, *fields, **fields) -> Result`, with the fields of its request.

    The model is a loaded model or its name. A picture is a file, a PIL image, a tensor (C, H, W) or (1, C, H, W) in [-1, 1], or
    a NumPy array (H, W) or (H, W, C) of uint8.
    """

    def __init__(self, name: str, request: Callable[P, Request]) -> None:
        self.name, self.request = name, cast("Callable[..., Request]", request)
        self.__name__, self.__doc__ = name, request.__doc__
        model = inspect.Parameter("model", inspect.Parameter.POSITIONAL_ONLY, annotation=Pretrained | str)
        progress = inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=True, annotation=bool)
        parameters = [model, *inspect.signature(request).parameters.values(), progress]
        self.__signature__ = inspect.Signature(parameters, return_annotation=Result)

    @overload
    def __call__(self, model: Pretrained | str, /, *args: P.args, **kwargs: P.kwargs) -> Result: ...
    @overload
    def __call__(self, model: Pretrained | str, /, *args: Any, progress: bool, **kwargs: Any) -> Result: ...
    def __call__(self, model: Any = None, /, *args: Any, **kwargs: Any) -> Result:
        """Make the pictures; a terminal or a notebook shows the progress, unless `progress` is False."""
        return naming_keywords(self._make)((model, *args), kwargs)

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        given = bound(self.name, self, args, kwargs)
        model, progress = _loaded(given.pop("model")), given.pop("progress", True)
        roles = {f.name for f in fields(TECHNIQUES[self.name].request) if f.metadata.get("role")}
        request = self.request(**{name: picture(value, name) if name in roles else value for name, value in given.items()})
        with shown(self.name, progress) as watch:
            return run(self.name, request, model, watch)


def bound(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name.

    Raises:
        UserError: the function does not take these arguments; the nearest name is suggested.
    """
    signature = inspect.signature(function)
    for keyword in kwargs:
        if keyword not in signature.parameters:
            raise unknown(f"argument of {name}", keyword, signature.parameters)
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise UserError(f"{name}: {error}; its arguments are {', '.join(signature.parameters)}") from None


def picture(value: Any, name: str = "picture") -> Any:
    """Return a tensor or an array as a PIL image, and anything else as it is.

    Args:
        value: a tensor (C, H, W) or (1, C, H, W) in [-1, 1], or an array (H, W) or (H, W, C) of uint8; C is 1 or 3.
        name: the name of the argument, for the message.

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
    """Return a model, given the model or its name."""
    if isinstance(model, str):
        return zoo.load(model)
    if not isinstance(model, Pretrained):
        raise UserError(
            f"a model must be what noisewalk.load(NAME) returns, or its name, but it has the type {type(model).__name__}"
        )
    return model


def options_checked(function: Callable[P, R], request: type[CascadeLoading | OwnNetwork], first: type) -> Callable[P, R]:
    """Return the function with checks of its arguments: of the first one's type, and of the fields of a request."""
    names, call = {f.name for f in fields(request)}, cast("Callable[..., R]", function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        given = bound(function.__name__, function, args, kwargs)
        argument, value = next(iter(given.items()))
        if not isinstance(value, first):
            kind = "text" if first is str else f"a {first.__name__}"
            raise UserError(f"{argument} must be {kind}, but it has the type {type(value).__name__}")
        if isinstance(given.get("dtype"), torch.dtype):
            given["dtype"] = dtype_name(given["dtype"])
        asked = asdict(checked(request(**{name: value for name, value in given.items() if name in names})))
        return call(**(given | {name: asked[name] for name in given if name in names}))

    return called


@naming_keywords
def replay(
    path: str | Path,
    watch: Progress | None = None,
    model: str | Path | Pretrained | None = None,
    *,
    progress: bool = True,
) -> replaying.Replay:
    """Make a saved picture again, and compare it pixel by pixel with the file; see `noisewalk.run.replay.replay`.

    Args:
        path: a PNG that noisewalk saved.
        watch: a function that is called with (steps done, steps in all) after each step.
        model: the model, its name or its place; None looks for it.
        progress: whether a terminal or a notebook shows the progress; a `watch` is used instead.
    """
    if not isinstance(path, str | Path):
        raise UserError(f"path must be the name of a file, but it has the type {type(path).__name__}")
    if not isinstance(model, str | Path | Pretrained | None):
        raise UserError(f"model must be a model, or its name or place, but it has the type {type(model).__name__}")
    with shown("replay", progress and watch is None) as bar:
        return replaying.replay(path, watch or bar, model)


load = naming_keywords(options_checked(zoo.load, CascadeLoading, str))
from_network = naming_keywords(options_checked(own.from_network, OwnNetwork, torch.nn.Module))

generate = TechniqueFunction("generate", requests.Generate)
forward = TechniqueFunction("forward", requests.Forward)
denoise = TechniqueFunction("denoise", requests.Denoise)
edit = TechniqueFunction("edit", requests.Edit)
inpaint = TechniqueFunction("inpaint", requests.Inpaint)
anagram = TechniqueFunction("anagram", requests.Anagram)
hybrid = TechniqueFunction("hybrid", requests.Hybrid)
factorize = TechniqueFunction("factorize", requests.Factorize)
inverse = TechniqueFunction("inverse", requests.Inverse)
