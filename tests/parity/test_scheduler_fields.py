"""Every scheduler class of the installed diffusers, with every field changed: noisewalk agrees to 1e-9, or says a difference.

diffusers runs as in its pipelines. A walk that differs without a message is a failure.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import diffusers
import pytest
import torch
from doubled import doubled
from oracles import F64, TinyNet, tape, walked
from torch import Tensor

from noisewalk.errors import UserError
from noisewalk.guidance import THRESHOLDS, clip, dynamic_threshold
from noisewalk.models.diffusers.sampling import Sampling
from noisewalk.models.diffusers.scheduler_fields import SCHEDULERS
from noisewalk.models.diffusers.schedulers import read_scheduler
from noisewalk.models.network import NetworkModel
from noisewalk.walk import STEP_RULES, levels

TOKENS = 1024
pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = {
    name: kind
    for name in dir(diffusers)
    if name.endswith("Scheduler") and isinstance(kind := getattr(diffusers, name), type) and "dummy" not in kind.__module__
}
VALUES: dict[str, tuple[Any, ...]] = {
    "num_train_timesteps": (500,),
    "beta_schedule": ("scaled_linear", "squaredcos_cap_v2", "sigmoid", "exp", "laplace"),
    "trained_betas": (torch.linspace(0.0002, 0.03, 1000).tolist(),),
    "prediction_type": ("epsilon", "sample", "v_prediction", "flow_prediction"),
    "variance_type": (None, "fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"),
    "timestep_spacing": ("leading", "trailing", "linspace"),
    "timestep_type": ("continuous",),
    "interpolation_type": ("log_linear",),
    "final_sigmas_type": ("sigma_min",),
    "algorithm_type": ("dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver", "deis", "data_prediction"),
    "solver_type": ("midpoint", "heun", "bh1", "bh2", "logrho"),
    "solver_order": (1, 2, 3, 4),
    "lambda_min_clipped": (-3.0,),
    "disable_corrector": ([0],),
    "time_shift_type": ("linear",),
    "sigma_min": (0.1,),
    "sigma_max": (20.0,),
    "shift_terminal": (0.0205,),
    "steps_offset": (1,),
    "original_inference_steps": (100,),
    "sample_max_value": (1.5,),
    "base_shift": (0.3,),
    "max_image_seq_len": (2048,),
}
TOGETHER: dict[str, dict[str, Any]] = {
    "dynamic_thresholding_ratio": {"thresholding": True},
    "sample_max_value": {"thresholding": True},
    "thresholding": {"sample_max_value": 1.5},
    "clip_sample_range": {"clip_sample": True},
    "sigma_min": {"use_karras_sigmas": True},
    "sigma_max": {"use_exponential_sigmas": True},
    "flow_shift": {"use_flow_sigmas": True, "prediction_type": "flow_prediction"},
    "shift_terminal": {"use_flow_sigmas": True, "prediction_type": "flow_prediction"},
    "use_flow_sigmas": {"prediction_type": "flow_prediction"},
    "use_dynamic_shifting": {"use_flow_sigmas": True, "prediction_type": "flow_prediction"},
    "time_shift_type": {"use_dynamic_shifting": True},
    "base_shift": {"use_dynamic_shifting": True},
    "max_shift": {"use_dynamic_shifting": True},
    "base_image_seq_len": {"use_dynamic_shifting": True},
    "max_image_seq_len": {"use_dynamic_shifting": True},
    "timestep_type": {"prediction_type": "v_prediction", "use_karras_sigmas": True, "sigma_min": 0.002, "sigma_max": 80.0},
    "rescale_betas_zero_snr": {
        "prediction_type": "v_prediction",
        "timestep_spacing": "trailing",
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
    },
    "solver_type": {"final_sigmas_type": "sigma_min"},
    "algorithm_type": {"final_sigmas_type": "sigma_min"},
    "disable_corrector": {"final_sigmas_type": "sigma_min"},
}
"""A field that does nothing alone -> the fields that it is moved together with."""


def fields(kind: type) -> dict[str, Any]:
    """Return the fields of a class with their defaults."""
    found = inspect.signature(kind.__init__).parameters.values()
    return {p.name: p.default for p in found if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"}


def moved(key: str, default: Any) -> tuple[Any, ...]:
    """Return values of a field other than its default."""
    if key in VALUES:
        return tuple(v for v in VALUES[key] if v != default)
    if isinstance(default, bool):
        return (not default,)
    if isinstance(default, int | float) and math.isfinite(default):
        return (type(default)(default * 0.8) if default > 1 else default * 0.8 if default else 1,)
    return ("another",)


BASES: dict[str, tuple[dict[str, Any], ...]] = {
    "PNDMScheduler": ({}, {"skip_prk_steps": True}),
    "DPMSolverMultistepScheduler": ({}, {"final_sigmas_type": "sigma_min", "algorithm_type": "dpmsolver", "solver_order": 3}),
}
"""Classes some of whose fields do nothing, or are substituted, at the defaults: from where else they are moved."""


def configurations() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in CLASSES:
        for base in BASES.get(name, ({},)):
            yield from ((name, {**base, **config}) for config in moved_from_defaults(name))


def moved_from_defaults(name: str) -> Iterator[dict[str, Any]]:
    """Change one field at a time, alone and together with the fields that it needs."""
    own = fields(CLASSES[name])
    yield {}
    for key, default in own.items():
        for value in moved(key, default):
            yield {key: value}
            more = {k: v for k, v in TOGETHER.get(key, {}).items() if k in own}
            if more:
                yield {**more, key: value}


def told(network: TinyNet, x: Tensor, timestep: Tensor, channels: int) -> Tensor:
    said = network(x, torch.as_tensor(timestep, dtype=F64).reshape(1).expand(len(x)) / 1000)
    return said if channels == 3 else said.repeat(1, 2, 1, 1)


def theirs(kind: Any, config: dict[str, Any], steps: int, channels: int, moved: float = 0) -> Tensor:
    """diffusers' own walk, from noise that is moved by this share; an error if it refuses the configuration."""
    scheduler = kind(**config)
    own = fields(kind)
    flow = config.get("use_dynamic_shifting")
    wants_mu = flow and "mu" in inspect.signature(scheduler.set_timesteps).parameters
    scheduler.set_timesteps(steps, **({"mu": mu_of(config)} if wants_mu else {}))
    x = tape(7)(torch.empty(2, 3, 6, 6)) * getattr(scheduler, "init_noise_sigma", 1.0)
    x = x * (1 + moved * tape(8)(torch.empty(2, 3, 6, 6)))
    extra = {"eta": 0.0} if "eta" in inspect.signature(scheduler.step).parameters and own else {}
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        x = scheduler.step(told(TinyNet(), seen, t, channels), t, x, **extra).prev_sample
    return x


def mu_of(config: dict[str, Any]) -> float:
    low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    least, most = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    return low + (high - low) * (TOKENS - least) / (most - least)


def ours(sampling: Sampling, steps: int, channels: int) -> Tensor:
    network = TinyNet()
    model = NetworkModel(
        lambda x, t: told(network, x, t[0], channels),
        sampling.network_schedule or sampling.schedule,
        sampling.prediction_type,
        time_conditioning=sampling.time_conditioning,
        learned_variance=sampling.learned_variance,
        boundary=sampling.boundary,
    )
    made = {"dynamic": lambda d: dynamic_threshold(d, *sampling.dynamic), "clip": lambda d: clip(d, sampling.clip)}
    denoiser = made.get(sampling.threshold, THRESHOLDS["none"])(model)
    path = levels(sampling.schedule, sampling.schedule.grid(steps))  # type: ignore[attr-defined]
    x = tape(7)(torch.empty(2, 3, 6, 6))
    return walked(denoiser, x if sampling.unit_start else x * path[0].sigma, path, STEP_RULES[sampling.step_rule](), tape(1))


@pytest.fixture
def float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for kind in CLASSES.values():
        __import__(kind.__module__)
    doubled(monkeypatch)
    torch.set_default_dtype(F64)
    yield
    torch.set_default_dtype(torch.float32)


def draw(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    noise = tape(1)
    module = inspect.getmodule(kind)
    monkeypatch.setattr(module, "randn_tensor", lambda shape, **_: noise(torch.empty(tuple(shape))), raising=False)


def outcome(name: str, config: dict[str, Any], steps: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what happens to a configuration: "followed", "substituted", "refused", or a silent difference.

    Numbers are compared in units of the picture's largest value: a random network draws pictures of thousands.
    """
    channels = 6 if str(config.get("variance_type", "")).startswith("learned") else 3
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            sampling = read_scheduler({"_class_name": name, **config}, TOKENS)
            mine = ours(sampling, steps, channels)
        except UserError:
            return "refused"
    if any("not followed" in str(each.message) for each in said):
        return "substituted"
    draw(monkeypatch, CLASSES[name])
    try:
        other = theirs(CLASSES[name], config, steps, channels)
    except (ValueError, NotImplementedError, AssertionError, ImportError, TypeError, IndexError) as error:
        return f"no scheduler of diffusers: {error}"
    if not bool(other.isfinite().all()):
        return "no picture of diffusers"
    difference = (mine - other).abs().max().item() / max(1.0, other.abs().max().item())
    return "followed" if difference < 1e-9 else f"SILENT {difference:.1e}"


def test_no_field_differs_in_silence(float64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field alone, and with the fields that it needs, at 10 steps."""
    found = [(name, config, outcome(name, config, 10, monkeypatch)) for name, config in configurations()]
    assert [each for each in found if each[2].startswith("SILENT")] == []
    known = [result.split(" ")[0] for name, _, result in found if name in SCHEDULERS]
    assert known.count("followed") > 400
    assert {result for name, _, result in found if name not in SCHEDULERS} == {"refused"}


def pairs(name: str) -> Iterator[dict[str, Any]]:
    """Every two fields of a class, each with each of its values."""
    single = [(key, value) for key, default in fields(CLASSES[name]).items() for value in moved(key, default)]
    yield from ({a: v, b: w} for (a, v), (b, w) in combinations(single, 2) if a != b)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULERS)
def test_no_pair_of_fields_differs_in_silence(name: str, float64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """5,161 pairs of all classes, at 10 steps.

    A difference above 1e-9 is allowed where noise that is moved by 1e-15 moves diffusers' own walk as far. That is one pair:
    Heun with clipping on cosine betas, whose first sigma is 20,000.
    """
    found = [(config, outcome(name, config, 10, monkeypatch)) for config in pairs(name)]
    silent = [(config, float(said.split()[1])) for config, said in found if said.startswith("SILENT")]
    assert [config for config, difference in silent if difference > 3 * shaken(name, config)] == []
    assert any(said == "followed" for _, said in found)


def shaken(name: str, config: dict[str, Any]) -> float:
    """How far diffusers' own walk moves if its noise is moved by 1e-15."""
    still, shaken = (theirs(CLASSES[name], config, 10, 3, moved) for moved in (0, 1e-15))
    return (shaken - still).abs().max().item() / max(1.0, still.abs().max().item())


FOLLOWED: dict[str, tuple[dict[str, Any], ...]] = {
    "EulerDiscreteScheduler": (
        {},
        {"use_karras_sigmas": True},
        {"use_beta_sigmas": True, "timestep_spacing": "trailing"},
        {"use_karras_sigmas": True, "sigma_min": 0.002, "sigma_max": 80.0, "timestep_type": "continuous"}
        | {"prediction_type": "v_prediction"},
    ),
    "DPMSolverMultistepScheduler": (
        {"use_karras_sigmas": True},
        {"use_exponential_sigmas": True},
        {"use_flow_sigmas": True, "flow_shift": 3.0, "prediction_type": "flow_prediction"},
        {"algorithm_type": "sde-dpmsolver++"},
        {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun", "use_karras_sigmas": True},
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min", "solver_order": 3},
        {"solver_order": 1},
        {"solver_order": 3},
        {"solver_type": "heun"},
        {"final_sigmas_type": "sigma_min"},
    ),
    "UniPCMultistepScheduler": (
        {},
        {"solver_order": 3},
        {"solver_order": 1, "use_karras_sigmas": True},
        {"solver_type": "bh1", "final_sigmas_type": "sigma_min"},
        {"use_flow_sigmas": True, "flow_shift": 3.0, "prediction_type": "flow_prediction"},
    ),
    "DEISMultistepScheduler": ({}, {"solver_order": 3}, {"use_karras_sigmas": True}),
    "PNDMScheduler": ({"skip_prk_steps": True, "steps_offset": 1},),
    "LMSDiscreteScheduler": ({}, {"use_karras_sigmas": True}),
    "HeunDiscreteScheduler": ({}, {"use_karras_sigmas": True}),
    "LCMScheduler": ({},),
    "TCDScheduler": ({},),
    "DDIMScheduler": (
        {},
        {"thresholding": True, "sample_max_value": 1.5},
        {"clip_sample_range": 2.0},
        {"set_alpha_to_one": False},
    ),
    "FlowMatchEulerDiscreteScheduler": (
        {"stochastic_sampling": True},
        {"use_karras_sigmas": True, "shift": 3.0},
        {"use_beta_sigmas": True},
        {"shift_terminal": 0.02, "use_dynamic_shifting": True},
    ),
    "FlowMatchHeunDiscreteScheduler": ({"shift": 3.0},),
    "CMStochasticIterativeScheduler": (
        {"num_train_timesteps": 60},
        {"num_train_timesteps": 201, "clip_denoised": False},
        {"num_train_timesteps": 60, "sigma_min": 0.5, "sigma_max": 20.0, "sigma_data": 0.7, "rho": 5.0},
    ),
    "FlowMatchLCMScheduler": ({"shift": 3.0},),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_folders_are_configured_with_is_followed_at_50_steps(name: str, float64: None, monkeypatch: Any) -> None:
    results = {str(config): outcome(name, config, 50, monkeypatch) for config in FOLLOWED[name]}
    assert set(results.values()) == {"followed"}, results


def test_the_table_has_every_field_of_every_class_with_its_default() -> None:
    """Of the classes it knows. LMS is there only where scipy is installed."""
    for name in SCHEDULERS.keys() & CLASSES.keys():
        assert dict(SCHEDULERS[name].fields) == fields(CLASSES[name]), name
        assert {*SCHEDULERS[name].substituted, *SCHEDULERS[name].refused} <= set(SCHEDULERS[name].fields)
    assert SCHEDULERS.keys() <= CLASSES.keys()


def test_a_field_of_a_later_diffusers_is_refused_and_another_class_field_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """diffusers drops the keys that a class does not have, such as those that another class left in a folder."""
    read_scheduler({"_class_name": "EulerDiscreteScheduler", "skip_prk_steps": True, "clip_sample": True, "thresholding": True})

    class EulerDiscreteScheduler:
        def __init__(self, future: float = 0.5) -> None: ...

    monkeypatch.setattr(diffusers, "EulerDiscreteScheduler", EulerDiscreteScheduler)
    read_scheduler({"_class_name": "EulerDiscreteScheduler", "future": 0.5})
    with pytest.raises(UserError, match=r"future is 0\.6, a field of EulerDiscreteScheduler that noisewalk does not know yet"):
        read_scheduler({"_class_name": "EulerDiscreteScheduler", "future": 0.6})
