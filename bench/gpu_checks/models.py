"""noisewalk's own models, trainings and seeds on a device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import islice, product

import torch
from torch import Tensor

import noisewalk as nw
from noisewalk.models.zoo import Pretrained, bundled, load
from noisewalk.training.datasets import open_dataset
from noisewalk.training.loop import start, train
from noisewalk.training.recipe import find
from noisewalk.training.recipe_type import Recipe
from noisewalk.walk import SeededNoise

from . import Check, Figure, NotMeasured, Setting, dtype_label, rms

PROMPTS = {"digits": "7", "emoji": "a rocket"}
TRAININGS = (
    *((objective, "course") for objective in ("denoiser", "pure-noise", "ddpm", "flow")),
    *((objective, "fast") for objective in ("ddpm", "flow", "classifier")),
)
ROUNDED = 0.1
"""The largest rms difference of a picture in bfloat16 from the one in float32, of values in [-1, 1]."""


def models(setting: Setting) -> Iterator[Check]:
    """Every bundled model with its next stage, in bfloat16, compiled and not, against itself in float32."""
    for name in bundled():
        for compiled in (False, True):
            what = f"{name}, bfloat16" + (", compiled" if compiled else "")
            yield Check(what, partial(_differs, setting, name, compiled), ROUNDED, "rms from float32")


def _differs(setting: Setting, name: str, compiled: bool) -> Figure:
    rounded, whole = _drawn(setting, name, torch.bfloat16, compiled), _drawn(setting, name, torch.float32, False)
    found = [rms(x, reference) for x, reference in zip(rounded, whole, strict=True)]
    return Figure(max(found), "by stage " + ", ".join(f"{each:.3g}" for each in found))


@cache
def _drawn(setting: Setting, name: str, dtype: torch.dtype, compiled: bool) -> list[Tensor]:
    """Pictures of each stage of a model."""
    model = load(name, device=str(setting.device), dtype=dtype)
    model = _compiled(model, setting.backend) if compiled else model
    steps, later = (3, (2,) * (model.upscaler is not None)) if setting.small else (None, ())
    prompt, upsample = PROMPTS.get(name, ""), int(model.upscaler is not None)
    panels = nw.generate(model, prompt, num=2, upsample=upsample, steps=steps, upsample_steps=later).panels
    return [panel.x for panel in panels]


def _compiled(model: Pretrained, backend: str) -> Pretrained:
    network = torch.compile(model.model.network, backend=backend)  # type: ignore[attr-defined]
    upscaler = model.upscaler
    if upscaler is not None:
        stage = upscaler()
        upscaler = cache(lambda: replace(stage, pretrained=_compiled(stage.pretrained, backend)))
    return replace(model, model=replace(model.model, network=network), upscaler=upscaler)  # type: ignore[type-var]


def trainings(setting: Setting) -> Iterator[Check]:
    """Every training in bfloat16, compiled and not: its losses against those of float32."""
    for (objective, style), compiled in product(TRAININGS, (False, True)):
        what = f"{objective}, {style}, bfloat16" + (", compiled" if compiled else "")
        yield Check(what, partial(_losses_differ, setting, objective, style, compiled), 0.05, "of the loss of float32")


def _losses_differ(setting: Setting, objective: str, style: str, compiled: bool) -> Figure:
    if compiled and setting.device.type != "cuda":
        raise NotMeasured("trainings are compiled on CUDA only")
    mine, reference = (torch.tensor(_losses(setting, objective, style, bf16, compiled and bf16)) for bf16 in (True, False))
    return Figure(((mine - reference).abs() / reference).max().item(), f"loss {mine[0]:.3f} to {mine[-1]:.3f}")


@cache
def _losses(setting: Setting, objective: str, style: str, bf16: bool, compiled: bool) -> list[float]:
    steps, batch = (2, 8) if setting.small else (50, 64)
    sample = open_dataset("mnist-sample")
    recipe: Recipe = replace(find(objective, style, sample), data=sample.load)
    config = replace(recipe.config, batch_size=batch, bf16=bf16, compile=compiled)
    data = recipe.data().to(setting.device)
    torch.manual_seed(config.seed)
    state = start(recipe.network(), data, config, setting.device)
    losses = [state.loss for state in islice(train(state, data, recipe.loss, config), steps)]
    each = max(1, steps // 5)  # means of a few steps, since late steps of one run are not those of another to the digit
    return [sum(losses[i : i + each]) / each for i in range(0, steps, each)]


def seeds(setting: Setting) -> Iterator[Check]:
    """A seed's picture does not depend on the pictures beside it, nor much on the device."""
    yield Check("noise of a seed, beside the CPU's", partial(_noise_differs, setting), 0, "largest difference")
    for name, dtype in product(bundled(), (torch.float32, torch.bfloat16)):
        what = f"{name}, {dtype_label(dtype)}"
        yield Check(f"{what}: alone, beside in a batch of 5", partial(_batch_differs, setting, name, dtype), 2, "of 255")
    for name in bundled():
        yield Check(f"{name}, float32: beside the CPU's picture", partial(_device_differs, setting, name), 8, "of 255")


def _noise_differs(setting: Setting) -> Figure:
    there, here = (SeededNoise([3, 4])(torch.empty(2, 3, 8, 8, device=where)).cpu() for where in (setting.device, "cpu"))
    return Figure((there - here).abs().max().item())


def _seeds(setting: Setting, name: str, dtype: torch.dtype, chosen: tuple[int, ...], device: str) -> Tensor:
    model, steps = load(name, device=device, dtype=dtype), 3 if setting.small else None
    return nw.generate(model, PROMPTS.get(name, ""), seeds=chosen, steps=steps).tensor.cpu()


def _largest(x: Tensor, y: Tensor) -> Figure:
    """The largest difference of two pictures in the 8 bits that are saved, and the share of values that differ."""
    bits = [((each.clamp(-1, 1) + 1) * 127.5).round() for each in (x, y)]
    difference = (bits[0] - bits[1]).abs()
    return Figure(difference.max().item(), f"{(difference > 0).float().mean().item():.2%} of the values differ")


def _batch_differs(setting: Setting, name: str, dtype: torch.dtype) -> Figure:
    together = _seeds(setting, name, dtype, (0, 1, 2, 3, 4), str(setting.device))
    alone = torch.cat([_seeds(setting, name, dtype, (seed,), str(setting.device)) for seed in (0, 4)])
    return _largest(together[[0, 4]], alone)


def _device_differs(setting: Setting, name: str) -> Figure:
    if setting.device.type == "cpu":
        raise NotMeasured("the device is the CPU")
    there, here = (_seeds(setting, name, torch.float32, (0, 1), where) for where in (str(setting.device), "cpu"))
    return _largest(there, here)
