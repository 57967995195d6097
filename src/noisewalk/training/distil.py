"""Distillation: a student makes in a few calls, without guidance, the walk that its guided teacher makes in many.

A denoiser is asked at one level and is not told where its step will end, so a student of steps of any length (shortcut models,
mean flows) would need another network. Here the ends are fixed instead: the times are cut into as many equal segments as the
student has calls, and at each time it predicts the mean velocity of the teacher from there to the end of the segment. One call
then makes the step to that end, by the rule ddim. With one segment this is a consistency model's task, and with several it is
the last stage of progressive distillation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..models.checkpoint import network_weights
from ..models.nets.build import build
from ..models.nets.from_checkpoint import build_from_checkpoint
from ..models.pretrained import Pretrained
from ..models.text.prompts import DigitPrompts, LabelPrompts
from ..models.trained import read_checkpoint
from ..models.zoo import is_pipeline, weights_path
from ..walk.noise import NoiseLevel
from ..walk.prediction import Condition, to_target, to_x0
from .datasets import DIGITS, Dataset
from .loop import TrainConfig
from .objectives import Network, Objective, Times, level_on_device
from .recipe_type import Recipe
from .tables import SCHEDULES

TEACHER_STEPS = 8
"""The number of steps of the teacher over all times, of two calls each."""

LATEST = 0.99
"""The latest time of training in a segment, as a share of its length."""

ROUNDING = 1e-6
"""Times that differ by less are the same."""


def segment_times(calls: int) -> Times:
    """Return a function that draws (N,) times: three of four at the start of a segment, and the others anywhere in one.

    Args:
        calls: the number of segments, of equal length.
    """

    def times(num: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        number = torch.randint(1, calls + 1, (num,), generator=generator, device=device)
        later = LATEST * torch.rand(num, generator=generator, device=device)
        at_start = torch.rand(num, generator=generator, device=device) < 0.75
        return (number - later.masked_fill(at_start, 0)) / calls

    return times


def end_of_segment(t: Tensor, calls: int) -> Tensor:
    """Return the ends (N,) of the segments in which times (N,) above 0 lie; a segment holds its start, but not its end."""
    return ((t * calls - 1e-4).ceil() - 1).clamp(min=0) / calls


@dataclass(frozen=True, eq=False, kw_only=True)
class Distillation(Objective):
    """The mean squared error of the mean velocity of a guided teacher, from a time t to the end s of its segment.

        L = E_{t, x0, eps} || student(x_t, t) - target ||^2,     u = 1 / (r_s - r_t) integral_t^s v(x, r) dr,     v = eps - x0

    The teacher walks along its probability flow by the midpoint rule, in r = sigma / (alpha + sigma), which is t on the linear
    path. The target is what a network of the teacher's prediction type says for the velocity u. A DDIM step with it ends where
    the teacher does.

    Args:
        teacher: the network of the teacher, which must be in evaluation mode.
        guidance_scale: the guidance scale that the student learns, see `cfg`.
        guidance_interval: two timesteps between which the teacher is guided; () for all.
        calls: the number of segments.

    Reference: Salimans & Ho, *Progressive Distillation for Fast Sampling of Diffusion Models*, 2022,
    https://arxiv.org/abs/2202.00512; Meng et al., *On Distillation of Guided Diffusion Models*, 2023,
    https://arxiv.org/abs/2210.03142; Heek et al., *Multistep Consistency Models*, 2024, https://arxiv.org/abs/2403.06807; for
    the mean velocity, Geng et al., *Mean Flows for One-step Generative Modeling*, 2025, https://arxiv.org/abs/2505.13447.
    """

    teacher: nn.Module
    guidance_scale: float
    guidance_interval: Sequence[int] = ()
    calls: int = 4

    def loss_at(self, network: Network, x0: Tensor, cond: Condition, t: Tensor, eps: Tensor) -> Tensor:
        """Return (N,) losses at given times (N,) above 0 and noise (N, C, H, W)."""
        x0 = (x0 + 1) / 2 if self.unit_range else x0
        level = self._level(t)
        x_t, r = level.alpha * x0 + level.sigma * eps, _ratio(level)
        y, u = x_t / (level.alpha + level.sigma), self.mean_velocity(x_t, t, cond)
        target = to_target(y - r * u, y + (1 - r) * u, level, self.prediction_type)
        return (network(x_t, t, *cond).float() - target).square().flatten(1).mean(1)

    @torch.no_grad()
    def mean_velocity(self, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        """Return the teacher's mean velocity (N, C, H, W) from x_t at times (N,) to the ends of their segments."""
        level, end = self._level(t), self._level(end_of_segment(t, self.calls))
        y, r, steps = x_t / (level.alpha + level.sigma), _ratio(level), max(1, TEACHER_STEPS // self.calls)
        h, mean = (_ratio(end) - r) / steps, torch.zeros_like(x_t)
        for _ in range(steps):
            middle = self.velocity(y + h / 2 * self.velocity(y, r, cond), r + h / 2, cond)
            y, r, mean = y + h * middle, r + h, mean + middle / steps
        return mean

    @torch.no_grad()
    def velocity(self, y: Tensor, r: Tensor, cond: Condition) -> Tensor:
        """Return the teacher's velocity eps - x0 (N, C, H, W) under guidance.

        Args:
            y: (N, C, H, W) samples on the linear path, x_t / (alpha + sigma).
            r: (N, 1, 1, 1) sigma / (alpha + sigma), above 0.
            cond: their conditions.
        """
        self.teacher.to(y.device)
        null, t = tuple(each.to(y.device) for each in self.null), self._time(r)
        x0 = self._x0(y, t, cond)
        rows = (self._is_guided(t) & (cond[0] != null[0]).view(len(t), -1).any(1)).nonzero()[:, 0]
        if len(rows):
            nothing = self._x0(y[rows], t[rows], tuple(each.expand(len(rows), *each.shape[1:]) for each in null))
            x0[rows] = nothing + self.guidance_scale * (x0[rows] - nothing)
        return (y - x0) / r

    def _x0(self, y: Tensor, t: Tensor, cond: Condition) -> Tensor:
        level = self._level(t)
        x_t = (level.alpha + level.sigma) * y
        return to_x0(self.teacher(x_t, t, *cond).float(), x_t, level, self.prediction_type)

    def _is_guided(self, t: Tensor) -> Tensor:
        low, high = self.guidance_interval or (-1, 999)
        return (t > (low + 1) / 1000 - ROUNDING) & (t < (high + 1) / 1000 + ROUNDING) & (self.guidance_scale != 1)

    def _level(self, t: Tensor) -> NoiseLevel:
        return level_on_device(self.schedule, t[:, None, None, None])

    def _time(self, r: Tensor) -> Tensor:
        on = r.cpu() if r.device.type == "mps" else r  # Apple's GPU has no float64
        return self.schedule.time(NoiseLevel(1 - on, on)).to(r.device)[:, 0, 0, 0]


def _ratio(level: NoiseLevel) -> Tensor:
    return level.sigma / (level.alpha + level.sigma)


def distil(
    name: str,
    data: Dataset,
    calls: int = 4,
    guidance_scale: float | None = None,
    guidance_interval: Sequence[int] | None = None,
) -> Recipe:
    """Return the recipe of a student: it has the network of its teacher, starts from its weights, and is walked by ddim.

    Args:
        name: the teacher, one of noisewalk's own models: a bundled one, a run folder or a .safetensors file.
        data: the pictures that noise is added to, as the teacher was trained on.
        calls: the number of calls of the student's own walk.
        guidance_scale: the guidance scale that it learns; None for the teacher's default.
        guidance_interval: the timesteps between which the teacher is guided; None for the teacher's default.

    Raises:
        UserError: there is no such model, it cannot be a teacher, or the data is of another kind than its pictures.
    """
    if is_pipeline(name):
        raise UserError(
            f"--teacher must be one of noisewalk's own models, but '{name}' is a model of diffusers; choose a bundled model, a "
            "run folder or a .safetensors file"
        )
    path = weights_path(name)
    model = read_checkpoint(name, path, torch.device("cpu"), torch.float32)
    tensors, config = network_weights(path)
    labels = _checked(model, config, data)
    walk = model.defaults_of("generate")
    scale = walk.guidance_scale if guidance_scale is None else guidance_scale
    if scale != 1 and not labels:
        raise UserError(f"'{name}' was trained without classes, so --guidance-scale {scale:g} has no prompt to follow; use 1")
    interval = tuple(walk.guidance_interval if guidance_interval is None else guidance_interval)
    teacher: Any = build_from_checkpoint(config, tensors).eval().requires_grad_(False)
    objective = Distillation(
        schedule=model.model.schedule,  # type: ignore[attr-defined]
        prediction_type=config["prediction_type"],
        dropout=0.1 if labels else 1.0,
        null=model.encode(""),
        times=segment_times(calls),
        unit_range=config.get("unit_range", False),
        teacher=teacher.to(memory_format=torch.channels_last),
        guidance_scale=scale,
        guidance_interval=interval,
        calls=calls,
    )
    own = {"steps": calls, "step_rule": "ddim", "grid": "linspace", "guidance_scale": 1.0, "guidance_interval": []}
    kept = ("network", "config", "schedule", "prediction_type", "unit_range")
    card = {key: config[key] for key in kept if key in config}
    card |= {"labels": list(labels), "built_in_guidance": scale, "defaults": asdict(walk) | own}
    training = TrainConfig(epochs=2, batch_size=32, learning_rate=5e-4, warmup=100, ema_decay=0.99)
    return Recipe(lambda: build(card), data.load, objective.loss, training, card, objective)


def _checked(model: Pretrained, config: dict[str, Any], data: Dataset) -> tuple[str, ...]:
    """Return the names of the teacher's classes, and see that it can be a teacher and that the data is of its kind."""
    if model.built_in_guidance is not None:
        raise UserError(f"'{model.name}' is a student itself, with steps of its own; name its teacher, and --init {model.name}")
    timed = config["network"] == "unet-fast" or config["config"].get("time", False)
    if not isinstance(model.encode, DigitPrompts | LabelPrompts) or not timed or config["schedule"] not in SCHEDULES:
        raise UserError(
            f"--teacher must be a model of classes, or without prompts, that walks (ddpm, flow), but '{model.name}' is not one"
        )
    if model.shape != (data.channels, data.size, data.size):
        of_data = f"{data.channels}x{data.size}x{data.size}"
        raise UserError(
            f"the teacher '{model.name}' makes pictures of {'x'.join(map(str, model.shape))}, but those of {data.name} are "
            f"{of_data}; choose --data, --size and --channels as for its training"
        )
    labels = DIGITS if isinstance(model.encode, DigitPrompts) else model.encode.names
    if labels and labels != data.names:
        raise UserError(
            f"the classes of the teacher '{model.name}' are {', '.join(labels[:10])}, but those of {data.name} are "
            f"{', '.join(data.names[:10]) or 'none'}; choose the --data that it was trained on"
        )
    return labels
