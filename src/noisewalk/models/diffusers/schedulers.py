"""The scheduler configurations of diffusers as schedules, grids and step rules."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.prediction import TARGETS
from ...walk.ratio_table import RatioTable
from ...walk.schedules import DiscreteVP, LinearPath, WithGrid
from .consistency import read_consistency
from .sampling import Sampling, times_of
from .scheduler_fields import SCHEDULERS, class_named, instead, settings_of
from .scheduler_grids import (
    converted,
    flow_times,
    spaced,
    table_times,
)
from .solvers import read_solver
from .tables import Settings, ratios_of, read_table

Config = Mapping[str, Any]
_VARIANCES = {
    "fixed_small": "ddpm-small",
    "fixed_small_log": "ddpm-small",
    "fixed_large": "ddpm-large",
    "learned_range": "ddpm",
}
_RULES = {
    "PNDMScheduler": "plms",
    "LCMScheduler": "lcm",
    "TCDScheduler": "ddim",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "ddim-ancestral",
    "LMSDiscreteScheduler": "lms",
    "HeunDiscreteScheduler": "heun-ratio",
    "FlowMatchEulerDiscreteScheduler": "euler",
    "FlowMatchHeunDiscreteScheduler": "heun",
    "FlowMatchLCMScheduler": "lcm",
}


def read_scheduler(config: Config, tokens: int = 0, even: bool = False) -> Sampling:
    """Return the meaning of a scheduler_config.json.

    A warning for each field that is not followed says what is walked instead.

    Args:
        config: its content.
        tokens: the number of tokens of a picture in a transformer, by which some flow schedulers shift their grid; 0 for other
            networks.
        even: whether a flow grid is even, 1, ..., 1 / steps, as some pipelines set it, and not the scheduler's own.

    Raises:
        UserError: the scheduler, or one of its fields or their values, is unknown; the message names it.
    """
    name = class_named(config)
    settings, lines = settings_of(config)
    kind = SCHEDULERS[name].read
    readers: dict[str, Callable[[str, Settings], Sampling]] = {"table": _table, "sigmas": _sigmas}
    if kind == "flow":
        sampling = _flow(name, settings, tokens, even)
    elif kind == "consistency":
        sampling = read_consistency(settings)
    else:
        target = settings["prediction_type"]
        if target not in TARGETS:
            raise UserError(f"the scheduler's prediction_type '{target}' is not known; known are {', '.join(TARGETS)}")
        read = readers.get(kind, partial(read_solver, tokens=tokens))
        if target == "flow_prediction" and not settings.get("use_flow_sigmas"):
            raise UserError("the scheduler's prediction_type is flow_prediction, which needs use_flow_sigmas")
        sampling = replace(
            read(name, settings),
            dynamic=(float(settings.get("dynamic_thresholding_ratio", 0.995)), float(settings.get("sample_max_value", 1.0))),
            clip=float(settings.get("clip_sample_range", 1.0)),
        )
    for line in (*lines, *sampling.lines):
        warnings.warn(line, stacklevel=2)
    return sampling


def _flow(name: str, settings: Settings, tokens: int, even: bool) -> Sampling:
    num = int(settings["num_train_timesteps"])
    times = partial(flow_times, name, settings, tokens=tokens, even=even)
    times(2)  # now, rather than when it is walked
    rule = "lcm" if settings.get("stochastic_sampling") else _RULES[name]
    return Sampling(WithGrid(LinearPath(), times), "flow_prediction", lambda t: t * num, num, rule, unit_start=False)


def _table(name: str, settings: Settings) -> Sampling:
    """Read a scheduler that walks the entries of its table: DDPM, DDIM, PNDM or a few-step one."""
    table, lines = read_table(name, settings), []
    num, clip, thresholding = len(table), settings.get("clip_sample"), settings.get("thresholding")
    threshold = "dynamic" if thresholding else "clip" if clip else "none"
    variance = settings.get("variance_type")
    if name.startswith("DDPM"):
        if variance not in _VARIANCES:
            raise UserError(f"the scheduler's variance_type '{variance}' is not known; known are {', '.join(_VARIANCES)}")
        rule = _VARIANCES[variance]
    else:
        rule = _RULES.get(name, "ddim" if threshold == "none" else "ddim-raw")
    boundary = None
    if name == "PNDMScheduler" and not settings["skip_prk_steps"]:
        lines.append(instead("skip_prk_steps", False, "plms is walked from the first step; noisewalk has no Runge-Kutta start"))
    if name == "PNDMScheduler" and settings["prediction_type"] != "epsilon":
        what = "plms extrapolates eps, and diffusers' extrapolates what the network says"
        lines.append(instead("prediction_type", settings["prediction_type"], what))
    if name == "TCDScheduler" and threshold != "none":
        lines.append(instead("thresholding" if thresholding else "clip_sample", True, "diffusers' TCD does not read it"))
        threshold = "none"
    if name == "LCMScheduler":
        boundary = partial(_boundary, float(settings["timestep_scaling"]), num)
        if threshold != "none":
            key = "thresholding" if thresholding else "clip_sample"
            lines.append(instead(key, True, "x0 is kept in range after it is mixed with x_t, and not before"))
    return Sampling(
        WithGrid(DiscreteVP(table), lambda steps: table_times(name, settings, steps, num)),
        settings["prediction_type"],
        lambda t: t * num - 1,
        num,
        rule,
        variance == "learned_range",
        threshold,
        boundary=boundary,
        lines=tuple(lines),
    )


def _boundary(scaling: float, num: int, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return c_skip and c_out of a consistency model, which is the identity at timestep 0 (Song et al. 2023, equation 5)."""
    scaled, data = (t * num - 1) * scaling, 0.5
    return data**2 / (scaled**2 + data**2), scaled / (scaled**2 + data**2).sqrt()


def _sigmas(name: str, settings: Settings) -> Sampling:
    """Read a scheduler that counts in sigma / alpha, between the entries of its table too: Euler, LMS or Heun."""
    table = ratios_of(read_table(name, settings))
    num = len(table)
    kind, final = settings.get("timestep_type", "discrete"), settings.get("final_sigmas_type", "zero")
    if kind not in ("discrete", "continuous") or final not in ("zero", "sigma_min"):
        raise UserError(f"the scheduler's timestep_type '{kind}' or final_sigmas_type '{final}' is not known")
    if settings.get("interpolation_type", "linear") not in ("linear", "log_linear"):
        raise UserError(f"the scheduler's interpolation_type '{settings['interpolation_type']}' is not known")
    lines = []
    if final == "sigma_min":
        lines.append(instead("final_sigmas_type", final, "its last level is walked to, but diffusers then scales by 1 / alpha"))
    plain = converted(settings, 2.0, 1.0, 2) is None
    path = RatioTable(table, logarithmic=settings.get("interpolation_type") == "log_linear" or not plain)

    def told(t: Tensor) -> Tensor:
        if kind == "continuous" and settings["prediction_type"] == "v_prediction":
            level = path(t)
            return 0.25 * torch.log(level.sigma / level.alpha)
        return (t * num - 1).clamp(0, num - 1)

    return Sampling(
        WithGrid(path, partial(_sigma_times, name, settings, path)),
        settings["prediction_type"],
        told,
        num,
        _RULES[name],
        threshold="clip" if settings.get("clip_sample") else "none",
        unit_start=settings["timestep_spacing"] == "leading",
        lines=tuple(lines),
    )


def _sigma_times(name: str, settings: Settings, path: RatioTable, steps: int) -> Tensor:
    """Return the times of a scheduler that counts in sigma / alpha, and the end."""
    table, num = path.ratios, len(path.ratios)
    index = spaced(name, settings, steps, num, num)
    log_linear = settings.get("interpolation_type") == "log_linear"
    if log_linear:
        ratios = torch.exp(torch.linspace(float(table[-1].log()), float(table[0].log()), steps + 1, dtype=torch.float64))
    else:
        level = RatioTable(table)((index + 1) / num)
        ratios = level.sigma / level.alpha
    other = converted(settings, float(ratios[0]), float(ratios[-1]), steps)
    if other is None and not log_linear:
        found = (index + 1) / num
    else:
        found = times_of(path, ratios[:steps] if other is None else other)
    end = 1 / num if settings.get("final_sigmas_type", "zero") == "sigma_min" else 0.0
    return torch.cat([found, torch.tensor([end], dtype=torch.float64)])
