"""What noisewalk makes of every field of every scheduler class that it knows.

A field that is not named as substituted or refused is followed: the walk equals the scheduler's to 1e-9. Some values of a
followed field are not; the reading code says so in one line. A class that is not here is refused by its name.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from ...errors import UserError


@dataclass(frozen=True, kw_only=True)
class SchedulerClass:
    """A scheduler class of diffusers.

    Args:
        read: the kind of reading code: "table", "sigmas", "solver", "consistency" or "flow".
        fields: every field of its configuration, with its default.
        substituted: a field -> what is walked instead, and why.
        refused: a field -> why.
    """

    read: str
    fields: Mapping[str, Any]
    substituted: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


_BETAS = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear", "trained_betas": None}
_LATENT_BETAS = _BETAS | {"beta_start": 0.00085, "beta_end": 0.012}
_TARGET = {"prediction_type": "epsilon"}
_CLIP = {"clip_sample": True, "clip_sample_range": 1.0}
_DYNAMIC = {"thresholding": False, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0}
_SIGMAS = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
_LEADING = {"timestep_spacing": "leading", "steps_offset": 0}
_LINSPACE = {"timestep_spacing": "linspace", "steps_offset": 0}
_RESCALED = {"rescale_betas_zero_snr": False}
_FLOW = {"use_flow_sigmas": False, "flow_shift": 1.0, "use_dynamic_shifting": False, "time_shift_type": "exponential"}
_SOLVER = _BETAS | _TARGET | _DYNAMIC | _SIGMAS | _LINSPACE | _FLOW | {"solver_order": 2, "lower_order_final": True}
_FEW_STEPS = (
    _LATENT_BETAS
    | _TARGET
    | _CLIP
    | _DYNAMIC
    | _LEADING
    | _RESCALED
    | {"beta_schedule": "scaled_linear", "clip_sample": False, "set_alpha_to_one": True}
    | {"original_inference_steps": 50, "timestep_scaling": 10.0}
)
_SHIFTED = {
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "use_dynamic_shifting": False,
    "base_shift": 0.5,
    "max_shift": 1.15,
    "base_image_seq_len": 256,
    "max_image_seq_len": 4096,
    "invert_sigmas": False,
    "shift_terminal": None,
    "time_shift_type": "exponential",
    **_SIGMAS,
}
_DDPM = SchedulerClass(
    read="table", fields=_BETAS | _TARGET | _CLIP | _DYNAMIC | _LEADING | _RESCALED | {"variance_type": "fixed_small"}
)
_DDIM = SchedulerClass(
    read="table", fields=_BETAS | _TARGET | _CLIP | _DYNAMIC | _LEADING | _RESCALED | {"set_alpha_to_one": True}
)
_INVERTED = {"invert_sigmas": "it walks from clean to noise"}

SCHEDULERS: dict[str, SchedulerClass] = {
    "DDPMScheduler": _DDPM,
    "DDPMParallelScheduler": _DDPM,
    "DDIMScheduler": _DDIM,
    "DDIMParallelScheduler": _DDIM,
    "PNDMScheduler": SchedulerClass(
        read="table",
        fields=_BETAS | _TARGET | _LEADING | {"skip_prk_steps": False, "set_alpha_to_one": False},
    ),
    "LCMScheduler": SchedulerClass(read="table", fields=_FEW_STEPS),
    "TCDScheduler": SchedulerClass(read="table", fields=_FEW_STEPS),
    "EulerDiscreteScheduler": SchedulerClass(
        read="sigmas",
        fields=_BETAS
        | _TARGET
        | _SIGMAS
        | _LINSPACE
        | _RESCALED
        | {"interpolation_type": "linear", "sigma_min": None, "sigma_max": None}
        | {"timestep_type": "discrete", "final_sigmas_type": "zero"},
        substituted={
            "interpolation_type": "its levels are walked, but the network is told the timesteps of these levels, and not those "
            "of other levels, as diffusers' log_linear does"
        },
    ),
    "EulerAncestralDiscreteScheduler": SchedulerClass(read="sigmas", fields=_BETAS | _TARGET | _LINSPACE | _RESCALED),
    "LMSDiscreteScheduler": SchedulerClass(read="sigmas", fields=_BETAS | _TARGET | _LINSPACE | _SIGMAS),
    "HeunDiscreteScheduler": SchedulerClass(
        read="sigmas", fields=_LATENT_BETAS | _TARGET | _LINSPACE | _SIGMAS | _CLIP | {"clip_sample": False}
    ),
    "DPMSolverMultistepScheduler": SchedulerClass(
        read="solver",
        fields=_SOLVER
        | _RESCALED
        | {"algorithm_type": "dpmsolver++", "solver_type": "midpoint", "euler_at_final": False, "use_lu_lambdas": False}
        | {"final_sigmas_type": "zero", "lambda_min_clipped": -math.inf, "variance_type": None},
    ),
    "UniPCMultistepScheduler": SchedulerClass(
        read="solver",
        fields=_SOLVER
        | _RESCALED
        | {"predict_x0": True, "solver_type": "bh2", "disable_corrector": [], "solver_p": None}
        | {"final_sigmas_type": "zero", "sigma_min": None, "sigma_max": None, "shift_terminal": None},
        substituted={
            "predict_x0": "UniPC on x0 is walked; noisewalk has none on eps",
            "disable_corrector": "every step is corrected; noisewalk has no UniPC that corrects some steps only",
        },
        refused={"solver_p": "it is another scheduler"},
    ),
    "DEISMultistepScheduler": SchedulerClass(
        read="solver", fields=_SOLVER | {"algorithm_type": "deis", "solver_type": "logrho"}
    ),
    "CMStochasticIterativeScheduler": SchedulerClass(
        read="consistency",
        fields={"num_train_timesteps": 40, "sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "s_noise": 1.0, "rho": 7.0}
        | {"clip_denoised": True},
        refused={"s_noise": "it adds noise of another deviation than the network is told"},
    ),
    "FlowMatchEulerDiscreteScheduler": SchedulerClass(
        read="flow", fields=_SHIFTED | {"stochastic_sampling": False}, refused=_INVERTED
    ),
    "FlowMatchHeunDiscreteScheduler": SchedulerClass(read="flow", fields={"num_train_timesteps": 1000, "shift": 1.0}),
    "FlowMatchLCMScheduler": SchedulerClass(
        read="flow",
        fields=_SHIFTED | {"scale_factors": None, "upscale_mode": "bicubic"},
        refused=_INVERTED | {"scale_factors": "its pictures grow on the way"},
    ),
}
"""Scheduler classes of diffusers by name."""


def class_named(config: Mapping[str, Any]) -> str:
    """Return the name of the scheduler's class.

    Raises:
        UserError: noisewalk does not know it.
    """
    name = str(config.get("_class_name", "without a name"))
    if name not in SCHEDULERS:
        raise UserError(f"the scheduler {name} is not known to noisewalk; known are {', '.join(sorted(SCHEDULERS))}")
    return name


def settings_of(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return every field of a scheduler's configuration, defaults filled in, and a line for each field that is substituted.

    Keys that the scheduler class does not have are left out, as diffusers leaves them out.

    Raises:
        UserError: the class, or a field of it that is not at its default, is not known or refused.
    """
    name = class_named(config)
    known = SCHEDULERS[name]
    settings = {key: own if config.get(key) is None else config[key] for key, own in known.fields.items()}
    for key, why in known.refused.items():
        if settings[key] != known.fields[key]:
            raise UserError(f"the scheduler's {key} is {settings[key]}, which noisewalk does not follow: {why}")
    for key, own in _new_fields(name).items():
        if key in config and config[key] != own:
            raise UserError(f"the scheduler's {key} is {config[key]!a}, a field of {name} that noisewalk does not know yet")
    lines = [instead(key, settings[key], why) for key, why in known.substituted.items() if settings[key] != known.fields[key]]
    return settings, lines


def instead(key: str, value: Any, what: str) -> str:
    """Return a line that says which field is substituted, by what, and why."""
    return f"the scheduler's {key} {value!a} is not followed: {what}"


def _new_fields(name: str) -> dict[str, Any]:
    """Return the fields of the installed class that the table lacks, with their defaults; none without diffusers."""
    try:
        kind = getattr(import_module("diffusers"), name)
    except (ImportError, AttributeError):
        return {}
    parameters = inspect.signature(kind.__init__).parameters.values()
    named = (p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self")
    return {p.name: p.default for p in named if p.name not in SCHEDULERS[name].fields}
