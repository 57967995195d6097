"""Preparing a request for a model: the only place where defaults are filled in, files are read and sizes are chosen."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache, partial
from typing import Any, TypeVar

from torch import Tensor

from ..checking import checked
from ..errors import UserError
from ..images import Opened, Picture, Shape, draw_mask, open_picture, prepare_at_sizes, prepare_mask, prepare_picture
from ..models.pretrained import Defaults, Pretrained, Upscaler
from ..techniques import TECHNIQUES
from ..techniques.requests import Request, scaled, seeds, with_seeds
from ..techniques.stages import Prepared, Stage
from ..techniques.view_files import with_digests
from ..walk.tables import STEP_RULES

R = TypeVar("R", bound=Request)
STEERED = "ddim-ancestral"
"""The step rule of steered walks, if the chosen one draws no noise."""


def prepare(request: R, model: Pretrained) -> Prepared[R]:
    """Fill in everything that a request leaves open.

    Args:
        request: the request.
        model: the model of the first stage.

    Raises:
        UserError: a field has a wrong value, a picture cannot be read, or the cascade has too few stages.
    """
    request = _pinned(checked(request))
    settings = _settings(request, _defaults(request, model))
    _check_guidance(model, settings)
    stages = _stages(request, _remembering(model), settings)
    pictures = _pictures(request, model, [stage.model.shape for stage in stages])
    stages = tuple(replace(stage, pictures=_tensors(pictures, stage.model)) for stage in stages)
    chosen = seeds(request)
    filled: dict[str, Any] = {f.name: getattr(settings, f.name) for f in fields(settings) if hasattr(request, f.name)}
    record = replace(with_seeds(request, chosen), **(filled | pictures))
    return Prepared(request, record, chosen, stages)


def _pinned(request: R) -> R:
    """Return the request with the digests of its permutation files."""
    views = getattr(request, "views", None)
    own: dict[str, Any] = {} if views is None else {"views": with_digests(views)}
    return replace(request, **own)


def _defaults(request: Request, model: Pretrained) -> Defaults:
    """Return the model's defaults of the technique that a request is of."""
    return model.defaults_of(next((name for name, row in TECHNIQUES.items() if row.request is type(request)), ""))


def _settings(request: Request, defaults: Defaults) -> Defaults:
    """Return the settings of a walk: what the user set, and the model's defaults for the rest."""
    given = {f.name: getattr(request, f.name, None) for f in fields(defaults)}
    settings = replace(defaults, **{name: value for name, value in given.items() if value is not None})
    if getattr(request, "reduction", "") == "alternate" and given["balance"] is None:  # it has no mean to balance
        settings = replace(settings, balance="none")
    if getattr(request, "steer", 0) and not STEP_RULES[settings.step_rule].random:
        warnings.warn(
            f"steering needs a step rule that draws noise, so that copies of a walk become different: {STEERED} replaces "
            f"{settings.step_rule}",
            stacklevel=2,
        )
        return replace(settings, step_rule=STEERED)
    return settings


def _check_guidance(model: Pretrained, settings: Defaults) -> None:
    built_in, asked = model.built_in_guidance, settings.guidance_scale
    if built_in is not None and asked != 1:
        raise UserError(
            f"'{model.name}' has a guidance of {built_in:g} built in, and no other one: --guidance-scale {asked:g} cannot be "
            "used with it; leave it out, or use the model that it was distilled from"
        )


def _remembering(model: Pretrained) -> Pretrained:
    """Return the model with a memory of encoded prompts, so that each is encoded once."""
    return replace(model, encode=cache(model.encode))


def _stages(request: R, model: Pretrained, settings: Defaults) -> tuple[Stage[R], ...]:
    """Return the first stage and the upsampling stages after it, with their models loaded.

    A step rule or threshold that differs from the first model's default is the user's choice, and holds for all stages.
    """
    made = [Stage(1, model, request, settings, {})]
    kept = {
        key: getattr(settings, key)
        for key in ("step_rule", "threshold")
        if getattr(settings, key) != getattr(_defaults(request, model), key)
    }
    kept["balance"] = settings.balance
    wanted = settings.upsample if hasattr(request, "upsample") else 0
    for i in range(wanted):
        upscaler = made[-1].model.upscaler
        if upscaler is None:
            remedy = f"lower --upsample to {i}" if i else "name one with --upscaler, or leave out --upsample"
            raise UserError(f"--upsample {wanted} needs more upscalers than the model '{model.name}' has ({i}); {remedy}")
        made.append(_upsampling(request, upscaler(), i, kept, model.shape[-1]))
    return tuple(made)


def _upsampling(request: R, upscaler: Upscaler, i: int, kept: dict[str, Any], width: int) -> Stage[R]:
    upscaler = replace(upscaler, pretrained=_remembering(upscaler.pretrained))
    model = upscaler.pretrained
    own = {"steps": _nth(request, "upsample_steps", i), "guidance_scale": _nth(request, "upsample_guidance_scale", i)}
    settings = replace(model.defaults, **kept, **{name: value for name, value in own.items() if value is not None})
    level = _noise_level(request, upscaler, i)
    return Stage(i + 2, model, scaled(request, model.shape[-1] / width), settings, {}, upscaler, level)


def _noise_level(request: Request, upscaler: Upscaler, i: int) -> int:
    asked = _nth(request, "noise_level", i)
    level = upscaler.noise_level if asked is None else asked
    if level > upscaler.max_noise_level:
        name = upscaler.pretrained.name
        raise UserError(f"--noise-level of '{name}' must be at most {upscaler.max_noise_level}, but {level} was asked for")
    return level


def _nth(request: Request, name: str, i: int) -> Any:
    values: Sequence[Any] = getattr(request, name)
    return values[i] if i < len(values) else None


def _pictures(request: Request, model: Pretrained, shapes: Sequence[Shape]) -> dict[str, Picture]:
    """Return the pictures of a request at the size of the first stage, and those that are held at the sizes of all stages."""
    read: dict[str, Picture] = {}
    size: tuple[int, int] | None = None
    for f in fields(request):
        source, role = getattr(request, f.name), f.metadata.get("role")
        if role == "mask" and hasattr(request, "box"):
            source = _drawn(request, source, size)
        if not role or source is None:
            continue
        opened = source if isinstance(source, Picture) else open_picture(source, role)
        at = partial(prepare_picture, dark_background=model.dark_background)
        if role == "mask":
            at = partial(_mask, shapes[0], size)
        else:
            size = opened.image.size
        read[f.name] = prepare_at_sizes(at, opened, shapes if f.metadata.get("held") else shapes[:1])
    return read


def _drawn(request: Request, mask: Any, size: tuple[int, int] | None) -> Any:
    """Return the mask of a request: the picture that was given, or one with white boxes and ellipses."""
    boxes, ellipses = (getattr(request, name) for name in ("box", "ellipse"))
    if isinstance(mask, Picture):  # it was drawn when the request was prepared first
        return mask
    if mask is None and not (boxes or ellipses):
        raise UserError("the place to repaint is missing; give a mask, --box or --ellipse")
    if mask is not None and (boxes or ellipses):
        raise UserError(f"the mask {mask} and --box or --ellipse were given; give only one of them")
    return mask if size is None or mask is not None else draw_mask(size, boxes, ellipses)


def _mask(first: Shape, original: tuple[int, int] | None, source: Opened | Picture, shape: Shape) -> Picture:
    """Return a mask at the size of a stage; only the first stage compares its size with the size of the picture."""
    return prepare_mask(source, shape, original if shape == first else None)


def _tensors(pictures: dict[str, Picture], model: Pretrained) -> dict[str, Tensor]:
    """Return the pictures as tensors for the model; pictures that are not held have the size of the first stage."""
    held = {name: picture.at(model.shape) if picture.larger else picture.tensor for name, picture in pictures.items()}
    return {name: tensor.to(model.device, model.dtype) for name, tensor in held.items()}
