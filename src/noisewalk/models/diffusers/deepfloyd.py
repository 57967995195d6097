"""DeepFloyd IF and other cascades: a pipeline, and the upscalers that follow it.

Stage I makes pictures of 64x64 pixels and stage II enlarges them to 256x256. Stable Diffusion's x4 upscaler takes the place of
the unpublished stage III, to 1024x1024. It works in latents, so illusions become weaker there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from ...errors import UserError
from ..pretrained import Pretrained, Upscaler
from .components import open_files
from .families import FAMILIES
from .memory import Placement
from .pipeline import open_pipeline
from .schedulers import read_scheduler

_NOISING = {"IFSuperResolutionPipeline": "image_noising_scheduler", "StableDiffusionUpscalePipeline": "low_res_scheduler"}
_NOISE_LEVELS = {"IFSuperResolutionPipeline": 250, "StableDiffusionUpscalePipeline": 100}


def cascade(model: Pretrained, upscalers: Sequence[str], find: Callable[[str], Path], place: Placement) -> Pretrained:
    """Return a model with the stages after it; each stage is loaded when it is first used.

    Args:
        model: the model.
        upscalers: the names of the stages, in order.
        find: maps a name to its folder.
        place: where the stages compute.
    """
    if not upscalers:
        return model
    name, *rest = upscalers

    @cache
    def load() -> Upscaler:
        stage = open_upscaler(find(name), name, place, model)
        return replace(stage, pretrained=cascade(stage.pretrained, rest, find, place))

    return replace(model, upscaler=load)


def open_upscaler(path: Path, name: str, place: Placement, below: Pretrained) -> Upscaler:
    """Open a pipeline folder as the stage after another model.

    Args:
        path: the folder.
        name: its name.
        place: where it computes.
        below: the model before it.

    Raises:
        UserError: it is not an upscaler.
    """
    folder = open_files(path)
    if folder.pipeline not in _NOISING:
        raise UserError(f"'{name}' ({folder.pipeline}) is not an upscaler; upscalers are {', '.join(_NOISING)}")
    latent = bool(FAMILIES[folder.pipeline].latent)
    stage = open_pipeline(path, name, place, 4 * below.shape[-1] if latent else None)
    if not latent:  # both stages of IF encode prompts with the same encoder
        stage = replace(stage, encode=below.encode)
    schedule = read_scheduler(folder.scheduler(_NOISING[folder.pipeline])).schedule
    most = folder.options.get("max_noise_level") or 999
    return Upscaler(stage, schedule, min(most, _NOISE_LEVELS[folder.pipeline]), most)
