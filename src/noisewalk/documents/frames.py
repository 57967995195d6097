"""Small pictures of some states of a walk, which are kept while it is walked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image
from torch import Tensor

from ..images import to_image
from ..report.figures import spread
from ..run.make import Stepped
from ..techniques.panels import Panel
from ..techniques.stages import Clock
from .store import Strip

MOST, LARGEST, LOSSLESS = 24, 128, 64
"""The most states of a walk, the largest side of their pictures, and the largest side of lossless ones, in pixels."""


@dataclass(frozen=True, eq=False)
class StatePictures:
    """A state of a walk.

    Args:
        step: the number of steps made.
        t: the timestep.
        x_t: the noisy picture.
        x0: the picture that is predicted from it in one step.
    """

    step: int
    t: int
    x_t: Image.Image
    x0: Image.Image


@dataclass
class Frames:
    """The states of the first picture of one panel's walk.

    Args:
        panel: the panel.
        clock: gives the timesteps of the noise levels of the first stage.
        every: whether all states are kept, and not only `MOST` of them.
        shown: the states that are kept.
        steps: the number of steps made.
        low: the pictures (N, C, h, w) before the last upsampling stage.
    """

    panel: Panel
    clock: Clock
    every: bool = False
    shown: list[StatePictures] = field(default_factory=list)
    steps: int = 0
    low: Tensor | None = None

    def __post_init__(self) -> None:
        count = self.panel.steps + 1
        self._wanted = set(range(count)) if self.every else set(spread(count, MOST))
        begin = self.panel.stages[0].begin
        self._open = (0, 1, self.clock(begin().level), self._image(begin().x_t)) if begin else None
        self._last: tuple[int, Tensor] | None = None

    def _image(self, x: Tensor) -> Image.Image:
        return to_image(self.panel.decode(x[:1])[0])

    def add(self, event: Stepped, clock: Clock) -> None:
        """Add the state after a step."""
        x0 = self._image(event.state.x0)
        if self._last and self._last[0] != event.stage:
            self.low = self.panel.decode(self._last[1])
        self._close(x0, event.stage)
        self.steps += 1
        self._open = (self.steps, event.stage, clock(event.state.level), self._image(event.state.x_t))
        self._last = (event.stage, event.state.x_t)
        if self.steps == self.panel.steps:
            self._close(self._open[3], event.stage)

    def _close(self, x0: Image.Image, stage: int) -> None:
        if self._open and self._open[0] in self._wanted:
            step, before, t, x_t = self._open
            self.shown.append(StatePictures(step, t, x_t, x0 if stage == before else x_t))
        self._open = None

    def at(self, timesteps: Sequence[int]) -> list[StatePictures]:
        """Return the states nearest to some timesteps, or six states if there are no timesteps."""
        if timesteps:
            return [min(self.shown, key=lambda each: (abs(each.t - t), each.step)) for t in timesteps]
        return [self.shown[i] for i in spread(len(self.shown), 6)]

    def strip(self, file: str, label: str) -> tuple[Strip, bytes]:
        """Return a slider over the steps, and its file."""
        some = [self.shown[i] for i in spread(len(self.shown), MOST)]
        columns = [(each.x_t, each.x0) for each in some]
        captions = [f"step {each.step} of {self.panel.steps}, t = {each.t}" for each in some]
        return strip(file, label, ("x_t", "x0, as predicted in one step"), captions, columns, difference=True)


def strip(
    file: str,
    label: str,
    rows: Sequence[str],
    captions: Sequence[str],
    columns: Sequence[Sequence[Image.Image]],
    difference: bool = False,
) -> tuple[Strip, bytes]:
    """Return columns of pictures as one file, all with the size of the last one.

    Args:
        file: the name of the file.
        label: the label of the slider.
        rows: what each row shows.
        captions: the caption of each column.
        columns: the pictures.
        difference: whether the page shows the difference between the second row and its last picture.
    """
    width, height = columns[-1][0].size
    shrink = max(1.0, max(width, height) / LARGEST)
    width, height = round(width / shrink), round(height / shrink)
    out = Image.new("RGB", (width * len(columns), height * len(rows)))
    for i, column in enumerate(columns):
        for j, image in enumerate(column):
            way = Image.Resampling.BOX if image.width > width else Image.Resampling.NEAREST
            out.paste(image.convert("RGB").resize((width, height), way), (i * width, j * height))
    return Strip(label, file, width, height, tuple(rows), tuple(captions), difference), webp(
        out, max(width, height) <= LOSSLESS
    )


def webp(image: Image.Image, lossless: bool) -> bytes:
    """Return a picture as the content of a WebP file."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=lossless, quality=80 if lossless else 88)
    return buffer.getvalue()


def animation(images: Sequence[Image.Image], least: int = 200) -> bytes:
    """Return an animated WebP that rests on its last picture, with sides of at least `least` pixels."""
    factor = max(1, -(-least // min(images[0].size)))
    large = [image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST) for image in images]
    buffer = io.BytesIO()
    durations = [110] * (len(large) - 1) + [1600]
    large[0].save(buffer, "WEBP", save_all=True, append_images=large[1:], duration=durations, loop=0, quality=85)
    return buffer.getvalue()
