"""The tables of noise in diffusers' scheduler configurations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.schedules import cosine_betas, linear_betas, scaled_linear_betas

Settings = Mapping[str, Any]
"""Every field of a scheduler's configuration, with its default where the folder does not give it."""
SOLVERS = ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "DEISMultistepScheduler")
"""Schedulers that count in log(alpha / sigma)."""


def read_table(name: str, settings: Settings) -> Tensor:
    """Return alphas_cumprod (T,) of a scheduler configuration, in float64.

    With `rescale_betas_zero_snr`, sqrt(abar) is shifted and scaled so that it keeps its first value and ends at 0. A walk then
    starts from pure noise, and the model chooses the brightness. Schedulers that divide by alpha keep abar = 2^-24 there.

    Args:
        name: the class of the scheduler.
        settings: its configuration.

    Raises:
        UserError: noise does not grow at every timestep, or a network of eps is asked at pure noise.

    Reference: Lin et al., *Common Diffusion Noise Schedules and Sample Steps are Flawed*, 2024, algorithm 1,
    https://arxiv.org/abs/2305.08891.
    """
    abar = torch.cumprod(1 - read_betas(settings), 0)
    if settings.get("rescale_betas_zero_snr"):
        root = abar.sqrt()
        abar = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
        if name in SOLVERS or "Discrete" in name:
            abar[-1] = 2**-24
    if settings.get("prediction_type", "epsilon") == "epsilon" and abar[-1] == 0:
        raise UserError(
            "the scheduler's rescale_betas_zero_snr starts at pure noise, where a network of prediction_type epsilon says "
            "nothing about the picture; set it to false in scheduler_config.json, or correct prediction_type"
        )
    if not bool((torch.cat([abar.new_ones(1), abar]).diff() < 0).all()) or not bool(abar[-1] >= 0):
        raise UserError(
            "the scheduler's betas do not increase the noise at every timestep; see beta_start, beta_end and trained_betas"
        )
    if len(abar) != settings["num_train_timesteps"]:
        raise UserError(
            f"the scheduler's num_train_timesteps is {settings['num_train_timesteps']}, its trained_betas has {len(abar)}; "
            "correct one of them in scheduler_config.json"
        )
    return abar


def read_betas(settings: Settings) -> Tensor:
    """Return the betas (T,) of a scheduler configuration before any rescaling, in float64.

    Raises:
        UserError: the beta schedule is unknown.
    """
    if (trained := settings.get("trained_betas")) is not None:
        return torch.tensor(trained, dtype=torch.float64)
    num, kind = int(settings.get("num_train_timesteps", 1000)), settings.get("beta_schedule", "linear")
    start, end = float(settings.get("beta_start", 1e-4)), float(settings.get("beta_end", 0.02))
    tables: dict[str, Callable[[], Tensor]] = {
        "linear": lambda: linear_betas(num, start, end),
        "scaled_linear": lambda: scaled_linear_betas(num, start, end),
        "squaredcos_cap_v2": lambda: cosine_betas(num),
        "sigmoid": lambda: torch.sigmoid(torch.linspace(-6, 6, num, dtype=torch.float64)) * (end - start) + start,
    }
    if kind not in tables:
        raise UserError(f"the scheduler's beta_schedule '{kind}' is not known; known are {', '.join(tables)}")
    return tables[kind]()


def ratios_of(abar: Tensor) -> Tensor:
    """Return sigma / alpha of a table of alphas_cumprod."""
    return ((1 - abar) / abar).sqrt()
