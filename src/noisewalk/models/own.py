"""A network of your own as a model, so that every technique works with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..errors import UserError, unknown
from ..walk.noise import Schedule
from ..walk.prediction import TARGETS, Condition
from ..walk.schedules import DiscreteVP
from .nets.build import SCHEDULES
from .network import NetworkModel
from .pretrained import Defaults, Pretrained
from .text.prompts import LabelPrompts


def from_network(
    network: nn.Module,
    *,
    shape: tuple[int, int, int],
    schedule: str | Schedule | Tensor = "linear",
    prediction_type: str = "flow_prediction",
    classes: Sequence[str] = (),
    num_timesteps: int | None = None,
    guidance_scale: float = 1.0,
    steps: int = 20,
    step_rule: str = "ddim",
    dark_background: bool = False,
    name: str = "own",
) -> Pretrained:
    """Make a model of your own trained network, for `generate`, `edit`, `anagram` and all the others.

    The network is called as `network(x_t, t)`, or as `network(x_t, t, label)` if it has classes, without gradients and in
    evaluation mode. Whatever it was trained to predict, y = a x0 + b eps, is turned into x0 by `to_x0`.

    Args:
        network: it takes x_t (N, C, H, W) float32, t (N,) float32 and label (N,) int64, and returns (N, C, H, W). It was
            trained on pictures in [-1, 1].
        shape: (C, H, W) of its pictures.
        schedule: the noise that it was trained with: "linear" (flow matching, x_t = (1 - t) x0 + t eps), "ddpm-1000",
            "ddpm-300", "ve", a `Schedule`, or the tensor `alphas_cumprod` (T,) of a DDPM.
        prediction_type: what it predicts: "flow_prediction" (eps - x0), "epsilon", "sample" (x0) or "v_prediction".
        classes: the names of its classes, in the order of their labels 0, 1, ...; the label after the last one means "no
            class", and belongs to the empty prompt.
        num_timesteps: T if the network takes a timestep 0 ... T - 1; None if it takes the time t in [0, 1] (0 is clean).
        guidance_scale: the default guidance scale of its walks.
        steps: the default number of steps.
        step_rule: the default step rule.
        dark_background: True if its pictures are light strokes on black, so that drawings on white are inverted before they are
            used.
        name: what the metadata of its pictures calls it.

    Raises:
        UserError: an argument is out of range, or the network does not return pictures of this shape.

    >>> class Nothing(nn.Module):
    ...     def forward(self, x, t): return torch.zeros_like(x)
    >>> from_network(Nothing(), shape=(3, 16, 16)).shape
    (3, 16, 16)
    """
    if prediction_type not in TARGETS:
        raise unknown("prediction type", prediction_type, TARGETS)
    _determined(_schedule(schedule), prediction_type)
    first = next(network.parameters(), torch.empty(0))
    network = network.eval()
    encode = LabelPrompts(classes) if classes else no_prompts
    model = Pretrained(
        name,
        NetworkModel(torch.no_grad()(network), _schedule(schedule), prediction_type, time_conditioning=_time(num_timesteps)),
        encode,
        _schedule(schedule),
        shape,
        replace(Defaults(), guidance_scale=guidance_scale, steps=steps, step_rule=step_rule),
        dark_background=dark_background,
        fingerprint=_fingerprint(network),
        device=first.device,
    )
    _tried(network, model)
    return model


def no_prompts(prompt: str) -> Condition:
    """Return the condition of a network that was trained without prompts, which is empty.

    Args:
        prompt: it must be "".

    Raises:
        UserError: another prompt was given.
    """
    if prompt.strip():
        raise UserError(f"this network was trained without classes, so its only prompt is ''; '{prompt}' was asked for")
    return ()


def _schedule(schedule: str | Schedule | Tensor) -> Schedule:
    if isinstance(schedule, Tensor):
        try:
            return DiscreteVP(schedule)
        except ValueError as error:
            raise UserError(f"the schedule cannot be used: {error}") from error
    if isinstance(schedule, str):
        if schedule not in SCHEDULES:
            raise unknown("schedule", schedule, SCHEDULES)
        return SCHEDULES[schedule]()
    if not callable(schedule):
        raise UserError(f"schedule must be a name, a Schedule or a tensor, but it has the type {type(schedule).__name__}")
    return schedule


def _determined(schedule: Schedule, prediction_type: str) -> None:
    """Raise a `UserError` if x0 cannot be computed from the prediction at the noisiest level, where walks start."""
    level = schedule(torch.tensor(1.0, dtype=torch.float64))
    a, b = TARGETS[prediction_type](level)
    if not abs(float(b * level.alpha - a * level.sigma)) > 1e-6:
        raise UserError(
            f"'{prediction_type}' says nothing about x0 where alpha is 0, and this schedule ends there (t = 1); "
            "train with another prediction type, or with a schedule that ends a little earlier"
        )


def _time(num_timesteps: int | None) -> Callable[[Tensor], Tensor]:
    """Return what the network is given: the time itself, or its timestep, t T - 1."""
    return torch.Tensor.float if num_timesteps is None else lambda t: (t * num_timesteps - 1).float()


def _fingerprint(network: nn.Module) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of all weights, with their names."""
    digest = hashlib.sha256()
    for key, value in network.state_dict().items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _tried(network: nn.Module, model: Pretrained) -> None:
    """Call the network once, so that a wrong shape is reported now and not in the middle of a walk."""
    x, time = torch.zeros(1, *model.shape, device=model.device), torch.full((1,), 0.5, device=model.device)
    cond = tuple(each.to(model.device) for each in model.encode(""))
    try:
        with torch.no_grad():
            found = network(x, time, *cond)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        asked = "(x_t, t, label)" if cond else "(x_t, t)"
        raise UserError(
            f"the network cannot be called as network{asked} with x_t of shape {tuple(x.shape)}: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(found, Tensor) or found.shape != x.shape:
        what = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UserError(f"the network must return a tensor of the shape of x_t, {tuple(x.shape)}; it returned {what}")
