"""The tables and the timesteps of diffusers' schedulers, and the sigmas that some make of them."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from .scheduler_fields import instead
from .tables import SOLVERS, Settings

_FLOW_EPS = 1e-6
"""What UniPC takes off a flow sigma of 1."""


def spaced(name: str, settings: Settings, steps: int, num: int, last: int) -> Tensor:
    """Return the timesteps of a walk, from the noisiest down: whole numbers, but for `linspace` of the Discrete schedulers.

    Spacings as in Lin et al. 2024, table 2.

    Args:
        name: the name of the scheduler's class.
        settings: its settings.
        steps: the number of steps of the walk.
        num: the number of timesteps of the table.
        last: how many of them are used; the solvers leave out the noisiest.

    Raises:
        UserError: the spacing is not known, or it leaves the table.
    """
    if steps > num:
        raise UserError(f"this model has {num} timesteps, but a walk of {steps} steps was asked for; lower --steps")
    solver, spacing = int(name in SOLVERS), settings["timestep_spacing"]
    count = torch.arange(steps, 0, -1, dtype=torch.float64)
    if spacing == "linspace":
        index = torch.linspace(last - 1, 0, steps + solver, dtype=torch.float64)[:steps]
        index = index if "Discrete" in name else index.round()
    elif spacing == "leading":
        index = (count - 1 + solver) * (last // (steps + solver)) + int(settings["steps_offset"])
    elif spacing == "trailing":
        index = torch.round(last - (steps - count) * (num / steps)) - 1
    else:
        raise UserError(f"the scheduler's timestep_spacing '{spacing}' is not known; known are leading, linspace, trailing")
    if not bool((index >= 0).all()) or not bool((index < num).all()):
        raise UserError(
            f"{steps} steps with this scheduler's timestep_spacing, steps_offset and lambda_min_clipped leave its {num}"
        )
    return index


def table_times(name: str, settings: Settings, steps: int, num: int) -> Tensor:
    """Return the times of a scheduler that walks its table: (timestep + 1) / num of each of its timesteps, then its end.

    Without `set_alpha_to_one`, DDIM and PNDM end on timestep 0, and the others clean.
    """
    if "original_inference_steps" in settings:
        index, end = _few_steps(settings, steps, num), 1.0 if name == "TCDScheduler" else 0.0
    else:
        index = spaced(name, settings, steps, num, num)
        end = 0.0 if settings.get("set_alpha_to_one", True) else 1.0
    if name.startswith(("DDIM", "PNDM")):  # they take equal steps, whatever their timesteps are
        stride = num // steps
        if bool((index.diff() != -stride).any()) or index[-1] >= stride:
            what = "each step leads to the next timestep; diffusers' steps have equal lengths, and miss the timesteps"
            warnings.warn(instead("timestep_spacing", settings["timestep_spacing"], f"at {steps} steps, {what}"), stacklevel=2)
    if settings.get("variance_type") in ("fixed_large", "learned_range") and index[-1] > 0:
        what = "its last step adds no noise, and diffusers' does, because its last timestep is not 0"
        warnings.warn(instead("variance_type", settings["variance_type"], what), stacklevel=2)
    return torch.cat([(index + 1) / num, torch.tensor([end / num], dtype=torch.float64)])


def _few_steps(settings: Settings, steps: int, num: int) -> Tensor:
    """Return the timesteps of LCM and TCD, some of the `original_inference_steps` of the network's distillation."""
    original = int(settings["original_inference_steps"])
    if steps > original or original > num:
        raise UserError(f"this few-step model has {original} steps of {num} timesteps; {steps} were asked for; lower --steps")
    known = torch.arange(original, 0, -1, dtype=torch.float64) * (num // original) - 1
    return known[(torch.arange(steps, dtype=torch.float64) * (original / steps)).floor().long()]


def clipped(table: Tensor, least: Any) -> int:
    """Return how many of the noisiest timesteps lie below `lambda_min_clipped`."""
    if least is None or float(least) == -math.inf:
        return 0
    return int((0.5 * torch.log(table / (1 - table)) < float(least)).sum())


def converted(settings: Settings, most: float, least: float, steps: int) -> Tensor | None:
    """Return the sigmas that take the place of the plain ones, from the noisiest down, or None for the plain ones.

    Karras et al. 2022, eq. 5; evenly spaced logarithms; or quantiles of the Beta(0.6, 0.6) distribution (Lee et al., *Beta
    Sampling is All You Need*, 2024, https://arxiv.org/abs/2407.12173).

    Raises:
        UserError: more than one kind is asked for.
    """
    kinds = [k for k in ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas") if settings.get(k)]
    if len(kinds) > 1:
        raise UserError(f"the scheduler asks for {' and '.join(kinds)} at once, and only one of them can be followed")
    least = least if settings.get("sigma_min") is None else float(settings["sigma_min"])
    most = most if settings.get("sigma_max") is None else float(settings["sigma_max"])
    u = torch.linspace(0, 1, steps, dtype=torch.float64)
    if kinds == ["use_karras_sigmas"]:
        roots: tuple[float, float] = (most ** (1 / 7), least ** (1 / 7))
        return torch.add(roots[0], u, alpha=roots[1] - roots[0]) ** 7
    if kinds == ["use_exponential_sigmas"] or settings.get("use_lu_lambdas"):
        return torch.exp(math.log(most) + u * (math.log(least) - math.log(most)))
    if kinds == ["use_beta_sigmas"]:
        from scipy.stats import beta

        quantiles: Tensor = torch.as_tensor(beta.ppf(1 - u.numpy(), 0.6, 0.6))
        return least + (most - least) * quantiles
    return None


def flow_times(name: str, settings: Settings, steps: int, tokens: int, even: bool) -> Tensor:
    """Return the times of a flow-matching scheduler: evenly spaced, then shifted towards noise, then clean.

    t <- s t / (1 + (s - 1) t) with a fixed shift s, or with s = exp(mu) and mu linear in the number of tokens.

    Reference: Esser et al., *Scaling Rectified Flow Transformers for High-Resolution Image Synthesis*, 2024, section 5.3.2,
    https://arxiv.org/abs/2403.03206.
    """
    num = settings["num_train_timesteps"]
    if settings.get("use_dynamic_shifting"):
        shift, smallest = dynamic_shift(settings, tokens), 1 / num
    else:
        shift = float(settings["shift"])
        smallest = shifted(torch.tensor(1 / num, dtype=torch.float64), shift).item()
    times = shifted(torch.linspace(1, 1 / steps if even else smallest, steps, dtype=torch.float64), shift)
    times = stretched(times, settings.get("shift_terminal"))
    other = converted(settings, times[0].item(), times[-1].item(), steps)
    return torch.cat([times if other is None else other, torch.zeros(1, dtype=torch.float64)])


def solver_flow_times(name: str, settings: Settings, steps: int, tokens: int, first: float) -> Tensor:
    """Return the times of a solver with `use_flow_sigmas`, then its end: clean, the last time again, or `first`."""
    num = settings["num_train_timesteps"]
    shift = float(settings["flow_shift"])
    if settings["use_dynamic_shifting"] and tokens:
        shift = dynamic_shift(settings, tokens)
    even = torch.linspace(1, 1 / num, steps + 1, dtype=torch.float64)
    unipc = name == "UniPCMultistepScheduler"
    times = shifted(even[:-1] if unipc else (1 - even).flip(0)[:-1], shift)
    times = stretched(times, settings.get("shift_terminal"))
    if unipc and (times[0] - 1).abs() < _FLOW_EPS:
        times[0] -= _FLOW_EPS
    if settings.get("final_sigmas_type") == "zero":
        end = 0.0
    else:
        end = first if name == "DPMSolverMultistepScheduler" else times[-1].item()
    return torch.cat([times, torch.tensor([end], dtype=torch.float64)])


def dynamic_shift(settings: Settings, tokens: int) -> float:
    """Return the shift of a picture of so many tokens.

    Raises:
        UserError: the configuration gives none.
    """
    least, most = settings.get("base_image_seq_len", 256), settings.get("max_image_seq_len", 4096)
    low, high = settings.get("base_shift", 0.5), settings.get("max_shift", 1.15)
    if most <= least:
        raise UserError(f"the scheduler's max_image_seq_len {most} must be more than its base_image_seq_len {least}")
    mu = low + (high - low) * (tokens - least) / (most - least)
    kind = settings["time_shift_type"]
    if kind not in ("exponential", "linear"):
        raise UserError(f"the scheduler's time_shift_type '{kind}' is not known; known are exponential, linear")
    shift = math.exp(min(mu, 50)) if kind == "exponential" else mu
    if shift <= 0:
        raise UserError(f"the scheduler shifts its times by {shift:.3g}, which must be more than 0; see base_shift, max_shift")
    return shift


def shifted(t: Tensor, shift: float) -> Tensor:
    """Return t moved towards noise: s t / (1 + (s - 1) t)."""
    return shift * t / (1 + (shift - 1) * t)


def stretched(t: Tensor, terminal: float | None) -> Tensor:
    """Return times that are stretched so that the last one is `terminal`."""
    return 1 - (1 - t) * (1 - terminal) / (1 - t[-1]) if terminal else t
