"""diffusers' scheduler configurations as schedules, grids and step rules."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.noise import Schedule
from ...walk.prediction import TARGETS
from ...walk.schedules import DiscreteVP, LinearPath, WithGrid, cosine_betas, linear_betas, scaled_linear_betas

Config = Mapping[str, Any]

SCHEDULER_STEP_RULES = {
    "DDPMScheduler": "ddpm",
    "DDIMScheduler": "ddim",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "ddim-ancestral",
    "DPMSolverMultistepScheduler": "dpmpp-2m",
    "PNDMScheduler": "dpmpp-2m",
    "UniPCMultistepScheduler": "dpmpp-2m",
    "LMSDiscreteScheduler": "dpmpp-2m",
    "FlowMatchEulerDiscreteScheduler": "euler",
}
"""Scheduler classes and the step rule each stands for. PNDM, UniPC and LMS are walked by the nearest rule there is."""

_VARIANCES = {
    "fixed_small": "ddpm-small",
    "fixed_small_log": "ddpm-small",
    "fixed_large": "ddpm-large",
    "learned_range": "ddpm",
}
_SIGMA_GRIDS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")


_SHIFTS = {"base_shift": 0.5, "max_shift": 1.15}
_REFUSED = ("use_flow_sigmas", "stochastic_sampling", "invert_sigmas", "shift_terminal")


@dataclass(frozen=True, eq=False)
class Sampling:
    """What a scheduler configuration says.

    Args:
        schedule: the path, with the scheduler's own grid.
        prediction_type: a key of `TARGETS`.
        learned_variance: whether half of the output's channels are a variance.
        time_conditioning: time -> the timestep the network is told, of the type of the time.
        num: number of timesteps.
        step_rule, threshold: keys of `SCHEDULER_STEP_RULES` and `THRESHOLDS`.
        dynamic: quantile and greatest value of dynamic thresholding.
        unit_start: see `Pretrained`.
    """

    schedule: Schedule
    prediction_type: str
    learned_variance: bool
    time_conditioning: Callable[[Tensor], Tensor]
    num: int
    step_rule: str
    threshold: str
    dynamic: tuple[float, float]
    unit_start: bool


def read_scheduler(config: Config, tokens: int = 0, even: bool = False) -> Sampling:
    """A scheduler_config.json as what it means.

    Args:
        tokens: of a picture in a transformer, which some flow schedulers shift their grid by.
        even: a flow grid starts from even steps 1, ..., 1 / steps, as some pipelines set it, not from the scheduler's own.

    Raises:
        UserError: the scheduler, or an option of it, is not known; it is named.
    """
    name = str(config.get("_class_name", "without a name"))
    if name not in SCHEDULER_STEP_RULES:
        raise UserError(f"the scheduler {name} is not known to noisewalk; known are {', '.join(sorted(SCHEDULER_STEP_RULES))}")
    ignored = [option for option in _SIGMA_GRIDS if config.get(option)]
    if ignored:
        warnings.warn(f"the scheduler's {', '.join(ignored)} is not followed; its plain grid is walked", stacklevel=2)
    refused = [option for option in _REFUSED if config.get(option)]
    if refused:
        raise UserError(f"the scheduler's {', '.join(refused)} is not known to noisewalk, and would change the pictures")
    if name == "FlowMatchEulerDiscreteScheduler":
        flow_times(config, 2, tokens, even)  # now, rather than when it is walked
        schedule = WithGrid(LinearPath(), lambda steps: flow_times(config, steps, tokens, even))
        num = int(config.get("num_train_timesteps", 1000))
        return Sampling(schedule, "flow_prediction", False, lambda t: t * num, num, "euler", "none", (0.95, 1.5), False)
    return _variance_preserving(name, config)


def _variance_preserving(name: str, config: Config) -> Sampling:
    target = config.get("prediction_type", "epsilon")
    if target not in TARGETS:
        raise UserError(f"the scheduler's prediction_type '{target}' is not known; known are {', '.join(TARGETS)}")
    variance = config.get("variance_type") or "fixed_small"
    if name == "DDPMScheduler" and variance not in _VARIANCES:
        raise UserError(f"the scheduler's variance_type '{variance}' is not known; known are {', '.join(_VARIANCES)}")
    table = read_table(name, config)
    if target == "epsilon" and table[-1] == 0:
        raise UserError(
            "the scheduler's rescale_betas_zero_snr starts at pure noise, where a network of prediction_type epsilon says "
            "nothing of the picture; set it to false in scheduler_config.json, or prediction_type to what the network says"
        )
    if not bool((torch.cat([table.new_ones(1), table]).diff() < 0).all()) or not bool(table[-1] >= 0):
        raise UserError(
            "the scheduler's betas do not make noise grow at every timestep; see beta_start, beta_end and trained_betas"
        )
    num = len(table)
    start = name not in ("EulerDiscreteScheduler",) or config.get("timestep_spacing", "linspace") == "leading"
    clip = config.get("clip_sample", name in ("DDPMScheduler", "DDIMScheduler"))
    if clip and not config.get("thresholding") and (config.get("clip_sample_range") or 1.0) != 1.0:
        raise UserError(f"the scheduler's clip_sample_range is {config['clip_sample_range']}; noisewalk clips pictures at 1")
    return Sampling(
        WithGrid(DiscreteVP(table), lambda steps: vp_times(name, config, steps, num)),
        target,
        variance == "learned_range",
        lambda t: t * num - 1,
        num,
        _VARIANCES[variance] if name == "DDPMScheduler" else SCHEDULER_STEP_RULES[name],
        "dynamic" if config.get("thresholding") else "clip" if clip else "none",
        (float(config.get("dynamic_thresholding_ratio", 0.995)), float(config.get("sample_max_value", 1.0))),
        start,
    )


def read_table(name: str, config: Config) -> Tensor:
    """alphas_cumprod of a scheduler configuration, float64.

    With `rescale_betas_zero_snr`, sqrt(abar) is shifted and scaled to keep its first value and to end at 0, so that a walk
    starts from pure noise and brightness is the model's to choose; schedulers that divide by alpha keep abar = 2^-24 there.

    Reference: Lin et al. 2024, algorithm 1.
    """
    abar = torch.cumprod(1 - read_betas(config), 0)
    if not config.get("rescale_betas_zero_snr"):
        return abar
    root = abar.sqrt()
    abar = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    if name not in ("DDIMScheduler", "DDPMScheduler"):
        abar[-1] = 2**-24
    return abar


def read_betas(config: Config) -> Tensor:
    """The table of betas of a scheduler configuration as it is before any rescaling, float64.

    Raises:
        UserError: a beta schedule that is not known.
    """
    if (trained := config.get("trained_betas")) is not None:
        return torch.tensor(trained, dtype=torch.float64)
    num, kind = int(config.get("num_train_timesteps", 1000)), config.get("beta_schedule", "linear")
    start, end = float(config.get("beta_start", 1e-4)), float(config.get("beta_end", 0.02))
    tables: dict[str, Callable[[], Tensor]] = {
        "linear": lambda: linear_betas(num, start, end),
        "scaled_linear": lambda: scaled_linear_betas(num, start, end),
        "squaredcos_cap_v2": lambda: cosine_betas(num),
        "sigmoid": lambda: torch.sigmoid(torch.linspace(-6, 6, num, dtype=torch.float64)) * (end - start) + start,
    }
    if kind not in tables:
        raise UserError(f"the scheduler's beta_schedule '{kind}' is not known; known are {', '.join(tables)}")
    return tables[kind]()


def vp_times(name: str, config: Config, steps: int, num: int) -> Tensor:
    """The times of a variance-preserving scheduler: (timestep + 1) / num of each of its timesteps, then where it ends.

    Spacings as in Lin et al. 2024, table 2. A DDIM of `set_alpha_to_one: false` ends on timestep 0, the others clean.
    """
    if steps > num:
        raise UserError(f"this model has {num} timesteps, a walk of {steps} steps was asked for; lower --steps")
    multistep = int(name in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler"))
    last = num - _clipped(name, config) if multistep else num  # the solver leaves out where log(alpha / sigma) is too small
    spacing = config.get("timestep_spacing", "linspace" if multistep or "Discrete" in name else "leading")
    count = torch.arange(steps, 0, -1, dtype=torch.float64)
    if spacing == "linspace":
        index = torch.linspace(last - 1, 0, steps + multistep, dtype=torch.float64)[:steps]
        index = index if "Discrete" in name else index.round()
    elif spacing == "leading":
        index = (count - 1 + multistep) * (last // (steps + multistep)) + int(config.get("steps_offset", 0))
    elif spacing == "trailing":
        index = torch.round(last - (steps - count) * (num / steps)) - 1
    else:
        raise UserError(f"the scheduler's timestep_spacing '{spacing}' is not known; known are leading, linspace, trailing")
    if not bool((index >= 0).all()) or not bool((index < num).all()):
        raise UserError(
            f"{steps} steps with this scheduler's timestep_spacing, steps_offset and lambda_min_clipped leave its {num}"
        )
    ends_noisy = name == "DDIMScheduler" and not config.get("set_alpha_to_one", True) and index[-1] > 0
    end = torch.tensor([1 / num if ends_noisy else 0.0], dtype=torch.float64)
    return torch.cat([(index + 1) / num, end])


def _clipped(name: str, config: Config) -> int:
    """How many of the noisiest timesteps lie below `lambda_min_clipped`."""
    least = config.get("lambda_min_clipped")
    if least is None or least == -math.inf or least == "-inf":
        return 0
    abar = read_table(name, config)
    return int((0.5 * torch.log(abar / (1 - abar)) < float(least)).sum())


def flow_times(config: Config, steps: int, tokens: int, even: bool) -> Tensor:
    """The times of a flow-matching scheduler: evenly spaced, then shifted towards noise, then clean.

    t <- s t / (1 + (s - 1) t) with a fixed shift s, or with s = exp(mu) and mu linear in the number of tokens.

    Reference: Esser et al., *Scaling Rectified Flow Transformers*, 2024, section 5.3.2.
    """
    num = config.get("num_train_timesteps", 1000)
    if config.get("use_dynamic_shifting"):
        least, most = config.get("base_image_seq_len") or 256, config.get("max_image_seq_len") or 4096
        low, high = (own if config.get(key) is None else config[key] for key, own in _SHIFTS.items())
        if most <= least:
            raise UserError(f"the scheduler's max_image_seq_len {most} must be more than its base_image_seq_len {least}")
        mu = low + (high - low) * (tokens - least) / (most - least)
        shift = math.exp(min(mu, 50)) if config.get("time_shift_type", "exponential") == "exponential" else mu
        if shift <= 0:
            raise UserError(
                f"the scheduler shifts its times by {shift:.3g}, which must be more than 0; see base_shift, max_shift"
            )
        smallest = 1 / num
    else:
        shift = float(config.get("shift", 1.0))
        smallest = _shifted(torch.tensor(1 / num, dtype=torch.float64), shift).item()
    times = _shifted(torch.linspace(1, 1 / steps if even else smallest, steps, dtype=torch.float64), shift)
    return torch.cat([times, torch.zeros(1, dtype=torch.float64)])


def _shifted(t: Tensor, shift: float) -> Tensor:
    return shift * t / (1 + (shift - 1) * t)
