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
    final = settings.get("final_sigmas_type", "sigma_min")  # DEIS has no such field, and never ends clean
    if final not in ("zero", "sigma_min"):
        raise UserError(f"the scheduler's final_sigmas_type '{final}' is not known; known are zero, sigma_min")
    if settings.get("shift_terminal") and not settings["use_flow_sigmas"]:
        raise UserError("the scheduler's shift_terminal needs use_flow_sigmas")
    target, learned = settings["prediction_type"], settings.get("variance_type") in ("learned", "learned_range")
    if learned and target != "epsilon":
        raise UserError(f"the scheduler's variance_type goes with prediction_type epsilon, and not with {target}")
    sampling = Sampling(
        DiscreteVP(abar),
        target,
        lambda t: t * num - 1,
        num,
        rule,
        learned,
        "dynamic" if settings["thresholding"] else "none",
        lines=tuple(lines),
    )
    other = converted(settings, float(table[-1]), float(table[0]), 2)
    if settings["use_flow_sigmas"]:
        if other is not None or target == "v_prediction":
            raise UserError("the scheduler's use_flow_sigmas goes with neither other sigmas nor prediction_type v_prediction")
        times = partial(solver_flow_times, name, settings, tokens=tokens, first=float(table[0]))
        return replace(sampling, schedule=WithGrid(LinearPath(), times), time_conditioning=lambda t: (t * num + 1e-9).floor())
    if other is None:
        last = num - clipped(abar, settings.get("lambda_min_clipped"))
        end = torch.tensor([0.0 if final == "zero" else 1 / num], dtype=torch.float64)

        def plain_times(steps: int) -> Tensor:
            return torch.cat([(spaced(name, settings, steps, num, last) + 1) / num, end])

        return replace(sampling, schedule=WithGrid(DiscreteVP(abar), plain_times))
    path = RatioTable(table, logarithmic=True)

    def times_of_sigmas(steps: int) -> Tensor:
        spaced(name, settings, steps, num, num)  # so that as many steps as the class allows are allowed
        ratios = converted(settings, float(table[-1]), float(table[0]), steps)
        assert ratios is not None
        last = {"zero": 0.0, "sigma_min": float(table[0] if name == "DPMSolverMultistepScheduler" else ratios[-1])}[final]
        return times_of(path, torch.cat([ratios, torch.tensor([last], dtype=torch.float64)]))

    rounds = settings["use_karras_sigmas"] or settings.get("use_lu_lambdas")
    if name == "DPMSolverMultistepScheduler" and settings["beta_schedule"] == "squaredcos_cap_v2":
        rounds = False

    def told(t: Tensor) -> Tensor:
        index = (t * num - 1).clamp(0, num - 1)
        return index.round() if rounds else (index + 1e-9).floor()

    return replace(sampling, schedule=WithGrid(path, times_of_sigmas), time_conditioning=told)


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
