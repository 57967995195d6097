"""Schedulers that count in log(alpha / sigma): DPM-Solver, UniPC and DEIS."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.ratio_table import RatioTable
from ...walk.schedules import DiscreteVP, LinearPath, WithGrid
from .sampling import Sampling, times_of
from .scheduler_fields import instead
from .scheduler_grids import clipped, converted, solver_flow_times, spaced
from .tables import Settings, ratios_of, read_table


def read_solver(name: str, settings: Settings, tokens: int) -> Sampling:
    """Read a scheduler that counts in log(alpha / sigma): DPM-Solver, UniPC or DEIS."""
    abar = read_table(name, settings)
    table, num = ratios_of(abar), len(abar)
    rule, lines = _solver_rule(name, settings)
    _check(settings)
    learned = settings.get("variance_type") in ("learned", "learned_range")
    sampling = Sampling(
        DiscreteVP(abar),
        settings["prediction_type"],
        lambda t: t * num - 1,
        num,
        rule,
        learned,
        "dynamic" if settings["thresholding"] else "none",
        lines=tuple(lines),
    )
    if settings["use_flow_sigmas"]:
        times = partial(solver_flow_times, name, settings, tokens=tokens, first=float(table[0]))
        return replace(sampling, schedule=WithGrid(LinearPath(), times), time_conditioning=lambda t: (t * num + 1e-9).floor())
    if converted(settings, 2.0, 1.0, 2) is None:
        return replace(sampling, schedule=WithGrid(DiscreteVP(abar), partial(_plain_times, name, settings, abar)))
    path = RatioTable(table, logarithmic=True)
    told = partial(_told, num=num, rounds=_rounds(name, settings))
    return replace(sampling, schedule=WithGrid(path, partial(_times_of_sigmas, name, settings, path)), time_conditioning=told)


def _check(settings: Settings) -> None:
    """Raise a `UserError` for values that no scheduler has, or that do not go together."""
    target, final = settings["prediction_type"], _final(settings)
    if final not in ("zero", "sigma_min"):
        raise UserError(f"the scheduler's final_sigmas_type '{final}' is not known; known are zero, sigma_min")
    if settings.get("shift_terminal") and not settings["use_flow_sigmas"]:
        raise UserError("the scheduler's shift_terminal needs use_flow_sigmas")
    if settings.get("variance_type") in ("learned", "learned_range") and target != "epsilon":
        raise UserError(f"the scheduler's variance_type goes with prediction_type epsilon, and not with {target}")
    if settings["use_flow_sigmas"] and (converted(settings, 2.0, 1.0, 2) is not None or target == "v_prediction"):
        raise UserError("the scheduler's use_flow_sigmas goes with neither other sigmas nor prediction_type v_prediction")


def _final(settings: Settings) -> str:
    return str(settings.get("final_sigmas_type", "sigma_min"))  # DEIS has no such field, and never ends clean


def _plain_times(name: str, settings: Settings, abar: Tensor, steps: int) -> Tensor:
    """Return the times of the table's own timesteps, and the end."""
    num = len(abar)
    last = num - clipped(abar, settings.get("lambda_min_clipped"))
    end = torch.tensor([0.0 if _final(settings) == "zero" else 1 / num], dtype=torch.float64)
    return torch.cat([(spaced(name, settings, steps, num, last) + 1) / num, end])


def _times_of_sigmas(name: str, settings: Settings, path: RatioTable, steps: int) -> Tensor:
    """Return the times of the sigmas that take the place of the table's, and the end."""
    table = path.ratios
    spaced(name, settings, steps, len(table), len(table))  # so that as many steps as the class allows are allowed
    ratios = converted(settings, float(table[-1]), float(table[0]), steps)
    assert ratios is not None
    lowest = float(table[0] if name == "DPMSolverMultistepScheduler" else ratios[-1])
    end = torch.tensor([0.0 if _final(settings) == "zero" else lowest], dtype=torch.float64)
    return times_of(path, torch.cat([ratios, end]))


def _rounds(name: str, settings: Settings) -> bool:
    """Return whether a network is told the nearest timestep of a sigma, and not the one below it."""
    if name == "DPMSolverMultistepScheduler" and settings["beta_schedule"] == "squaredcos_cap_v2":
        return False
    return bool(settings["use_karras_sigmas"] or settings.get("use_lu_lambdas"))


def _told(t: Tensor, num: int, rounds: bool) -> Tensor:
    index = (t * num - 1).clamp(0, num - 1)
    return index.round() if rounds else (index + 1e-9).floor()


def _solver_rule(name: str, settings: Settings) -> tuple[str, list[str]]:
    """Return the step rule of a solver, and a line for each field that is not followed."""
    lines: list[str] = []
    order, kind = int(settings["solver_order"]), settings["solver_type"]
    if order < 1:
        raise UserError(f"the scheduler's solver_order is {order}; it must be at least 1")
    if name == "UniPCMultistepScheduler":
        if order > 3:
            lines.append(instead("solver_order", order, "order 3 is walked, the greatest that noisewalk has"))
        if not settings["lower_order_final"]:
            lines.append(instead("lower_order_final", False, "the last steps are of lower order"))
        kind = kind if kind in ("bh1", "bh2") else "bh2"
        return f"unipc-{min(order, 3)}" + ("-bh1" if kind == "bh1" else ""), lines
    order = min(order, 3)  # diffusers' own steps go no further
    ends_early = order == 3 or settings.get("final_sigmas_type", "sigma_min") == "sigma_min"
    if not settings["lower_order_final"] and order > 1 and ends_early:
        lines.append(instead("lower_order_final", False, "the last steps of fewer than 15 are of lower order"))
    if name == "DEISMultistepScheduler":
        return "ddim" if order == 1 else f"deis-{order}", lines
    if settings["euler_at_final"] and order > 1 and settings["final_sigmas_type"] == "sigma_min":
        lines.append(instead("euler_at_final", True, "the last of 15 or more steps has the order of the others"))
    algorithm, kind = settings["algorithm_type"], "heun" if kind == "heun" else "midpoint"
    families = {"dpmsolver++": "dpmpp", "deis": "dpmpp", "dpmsolver": "dpm", "sde-dpmsolver++": "sde", "sde-dpmsolver": "sde"}
    if algorithm not in families:
        raise UserError(f"the scheduler's algorithm_type '{algorithm}' is not known; known are {', '.join(families)}")
    if algorithm == "sde-dpmsolver":
        lines.append(instead("algorithm_type", algorithm, "sde-dpmsolver++ is walked, on x0 instead of eps"))
    if families[algorithm] == "sde":
        if order == 3:
            lines.append(instead("solver_order", order, "order 2 is walked; diffusers' third order of the SDE is none"))
        return "ddim-ancestral" if order == 1 else "dpmpp-2m-sde" + ("-heun" if kind == "heun" else ""), lines
    if order == 3 and kind == "heun":
        lines.append(instead("solver_type", kind, "the second step of order 3 is walked as midpoint"))
    suffix = "-heun" if order == 2 and kind == "heun" else ""
    return "ddim" if order == 1 else f"{families[algorithm]}-{order}m{suffix}", lines
