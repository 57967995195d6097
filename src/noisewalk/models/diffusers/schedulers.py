"""The scheduler configurations of diffusers as schedules, grids and step rules."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.noise import Schedule
from ...walk.prediction import TARGETS
from ...walk.schedules import DiscreteVP, LinearPath, WithGrid
from .tables import Config, read_table

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
"""The step rule of each class of schedulers. PNDM, UniPC and LMS are walked by the nearest rule."""

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
        time_conditioning: maps the time to the timestep that the network takes, in the dtype of the time.
        num: the number of timesteps.
        step_rule: a key of `STEP_RULES`.
        threshold: a key of `THRESHOLDS`.
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
    """Return the meaning of a scheduler_config.json.

    Args:
        config: its content.
        tokens: the number of tokens of a picture in a transformer, by which some flow schedulers shift their grid.
        even: whether a flow grid is even, 1, ..., 1 / steps, as some pipelines set it, and not the scheduler's own.

    Raises:
        UserError: the scheduler, or one of its options, is unknown; the message names it.
    """
    name = str(config.get("_class_name", "without a name"))
    if name not in SCHEDULER_STEP_RULES:
        raise UserError(f"the scheduler {name} is not known to noisewalk; known are {', '.join(sorted(SCHEDULER_STEP_RULES))}")
    ignored = [option for option in _SIGMA_GRIDS if config.get(option)]
    if ignored:
        warnings.warn(f"the scheduler's {', '.join(ignored)} is not used; its plain grid is walked", stacklevel=2)
    refused = [option for option in _REFUSED if config.get(option)]
    if refused:
        raise UserError(f"the scheduler's {', '.join(refused)} is not known to noisewalk, and would change the pictures")
    if name == "FlowMatchEulerDiscreteScheduler":
        flow_times(config, 2, tokens, even)  # an error is raised now, and not in the walk
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
            "nothing about the picture; set it to false in scheduler_config.json, or correct prediction_type"
        )
    if not bool((torch.cat([table.new_ones(1), table]).diff() < 0).all()) or not bool(table[-1] >= 0):
        raise UserError(
            "the scheduler's betas do not increase the noise at every timestep; see beta_start, beta_end and trained_betas"
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


def vp_times(name: str, config: Config, steps: int, num: int) -> Tensor:
    """Return the times of a variance-preserving scheduler: (timestep + 1) / num of each of its timesteps, and then its end.

    A DDIM scheduler with `set_alpha_to_one: false` ends on timestep 0; the others end at the clean picture.

    Args:
        name: the class of the scheduler.
        config: its configuration.
        steps: the number of steps, from 1 to `num`.
        num: the number of timesteps.

    Reference: Lin et al., *Common Diffusion Noise Schedules and Sample Steps are Flawed*, 2024, table 2 (the spacings),
    https://arxiv.org/abs/2305.08891.
    """
    if steps > num:
        raise UserError(f"this model has {num} timesteps, but a walk of {steps} steps was asked for; lower --steps")
    multistep = int(name in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler"))
    last = num - _clipped(name, config) if multistep else num
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
            f"{steps} steps do not fit this scheduler's {num} timesteps; see timestep_spacing, steps_offset, lambda_min_clipped"
        )
    ends_noisy = name == "DDIMScheduler" and not config.get("set_alpha_to_one", True) and index[-1] > 0
    end = torch.tensor([1 / num if ends_noisy else 0.0], dtype=torch.float64)
    return torch.cat([(index + 1) / num, end])


def _clipped(name: str, config: Config) -> int:
    """Return how many of the noisiest timesteps lie below `lambda_min_clipped`."""
    least = config.get("lambda_min_clipped")
    if least is None or least == -math.inf or least == "-inf":
        return 0
    abar = read_table(name, config)
    return int((0.5 * torch.log(abar / (1 - abar)) < float(least)).sum())


def flow_times(config: Config, steps: int, tokens: int, even: bool) -> Tensor:
    """Return the times of a flow-matching scheduler: evenly spaced, then shifted towards noise, and at last the clean picture.

        t <- s t / (1 + (s - 1) t)

    The shift s is fixed, or s = exp(mu) with mu linear in the number of tokens.

    Args:
        config: the configuration.
        steps: the number of steps.
        tokens: the number of tokens of a picture.
        even: see `read_scheduler`.

    Reference: Esser et al., *Scaling Rectified Flow Transformers for High-Resolution Image Synthesis*, 2024, section 5.3.2,
    https://arxiv.org/abs/2403.03206.
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
