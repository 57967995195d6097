"""What is kept of a walk while it is walked: small pictures of some of its states."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image

from ..images import to_image
from ..models.pretrained import Pretrained
from ..report.figures import spread
from ..run.make import Stepped
from ..techniques.panels import Panel
from ..walk.grids import levels
from ..walk.noise import NoiseLevel
from .store import Strip

MOST, LARGEST, LOSSLESS = 24, 128, 64
"""States of a walk at most, the largest side of a picture of one, and the largest that is kept exactly, pixels."""


class Clock:
    """Names levels by timesteps, 0 to 999, as the commands do."""

    def __init__(self, model: Pretrained) -> None:
        self._angles = torch.stack(
            [_angle(level) for level in levels(model.schedule, (torch.arange(1000.0).double() + 1) / 1000)]
        )

    def __call__(self, level: NoiseLevel) -> int:
        return 0 if float(level.sigma) == 0 else int((self._angles - _angle(level)).abs().argmin())


def _angle(level: NoiseLevel) -> torch.Tensor:
    return torch.atan2(level.sigma.double(), level.alpha.double()).reshape(())


@dataclass
class Frames:
    """Some states of the first picture of one panel's walk.

    Args:
        panel: what is walked.
        shown: what is said of each state that is kept, and its x_t and x0.
    """

    panel: Panel
    shown: list[tuple[int, int, Image.Image, Image.Image]] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self._wanted = set(spread(self.panel.steps, MOST))

    def add(self, event: Stepped, clock: Clock) -> None:
        """Keep a state, if it is one of those that are shown."""
        if self.steps in self._wanted:
            x_t, x0 = (to_image(self.panel.decode(x[:1])[0]) for x in (event.state.x_t, event.state.x0))
            self.shown.append((self.steps + 1, clock(event.state.level), x_t, x0))
        self.steps += 1

    def strip(self, file: str, label: str) -> tuple[Strip, bytes]:
        """A slider over the steps."""
        columns = [(x_t, x0) for _, _, x_t, x0 in self.shown]
        said = [f"step {step} of {self.panel.steps}, t = {t}" for step, t, _, _ in self.shown]
        return strip(file, label, ("x_t", "x0, as predicted in one step"), said, columns, difference=True)


def strip(
    file: str,
    label: str,
    rows: Sequence[str],
    said: Sequence[str],
    columns: Sequence[Sequence[Image.Image]],
    difference: bool = False,
) -> tuple[Strip, bytes]:
    """Columns of pictures as one file, all of the size of the last one."""
    width, height = columns[-1][0].size
    shrink = max(1.0, max(width, height) / LARGEST)
    width, height = round(width / shrink), round(height / shrink)
    out = Image.new("RGB", (width * len(columns), height * len(rows)))
    for i, column in enumerate(columns):
        for j, image in enumerate(column):
            way = Image.Resampling.BOX if image.width > width else Image.Resampling.NEAREST
            out.paste(image.convert("RGB").resize((width, height), way), (i * width, j * height))
    return Strip(label, file, width, height, tuple(rows), tuple(said), difference), webp(out, max(width, height) <= LOSSLESS)


def webp(image: Image.Image, lossless: bool) -> bytes:
    """A picture as WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=lossless, quality=80 if lossless else 88)
    return buffer.getvalue()


def animation(images: Sequence[Image.Image], least: int = 200) -> bytes:
    """An animated WebP that rests on its last picture."""
    factor = max(1, -(-least // min(images[0].size)))
    large = [image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST) for image in images]
    buffer = io.BytesIO()
    durations = [110] * (len(large) - 1) + [1600]
    large[0].save(buffer, "WEBP", save_all=True, append_images=large[1:], duration=durations, loop=0, quality=85)
    return buffer.getvalue()
