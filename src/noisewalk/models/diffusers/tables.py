"""The tables of noise in diffusers' scheduler configurations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.schedules import cosine_betas, linear_betas, scaled_linear_betas

Config = Mapping[str, Any]


def read_table(name: str, config: Config) -> Tensor:
    """Return alphas_cumprod (T,) of a scheduler configuration, in float64.

    With `rescale_betas_zero_snr`, sqrt(abar) is shifted and scaled so that it keeps its first value and ends at 0. A walk then
    starts from pure noise, and the model chooses the brightness. Schedulers that divide by alpha keep abar = 2^-24 there.

    Args:
        name: the class of the scheduler.
        config: its configuration.

    Reference: Lin et al., *Common Diffusion Noise Schedules and Sample Steps are Flawed*, 2024, algorithm 1,
    https://arxiv.org/abs/2305.08891.
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
    """Return the betas (T,) of a scheduler configuration before any rescaling, in float64.

    Raises:
        UserError: the beta schedule is unknown.
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
