"""What a technique made: pictures, the walks behind them, and files that remember how they came to be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..files import write_atomic
from ..images import Picture, encode_png, enlarge, open_image, prepare, prepare_mask, to_image
from ..models.zoo import Pretrained
from ..techniques import TECHNIQUES
from ..techniques.panels import Exhibits, Panel
from ..techniques.spec import check, resolve, to_json
from ..version import __version__
from ..walk.sampling import State
from . import figures

Watch = Callable[[int, int], None]
"""(steps done, steps in all)."""


@dataclass(frozen=True, eq=False)
class Walked:
    """A finished panel: what it showed, its last picture, and the states on the way if they were kept."""

    label: str
    exhibits: Exhibits
    x: Tensor
    states: tuple[State, ...]
    outcome: bool
    row: int


@dataclass(frozen=True, eq=False)
class Result:
    """The pictures a technique made.

    Attributes:
        verb, spec, model: how; enough to make it again.
        panels: everything made and shown, in order.
        tensor: (N, C, H, W) the pictures made, data in [-1, 1], panel by panel.
        images: the same as PIL pictures.
        figure: a captioned sheet of everything.
        image: the picture if there is one, the figure if there are several.
        states: the walk of the last panel.
    """

    verb: str
    spec: Any
    model: Pretrained
    panels: tuple[Walked, ...]

    @property
    def tensor(self) -> Tensor:
        return torch.cat([panel.x for panel in self.panels if panel.outcome]).clamp(-1, 1)

    @property
    def images(self) -> list[Image.Image]:
        return [to_image(x) for x in self.tensor]

    @property
    def image(self) -> Image.Image:
        images = self.images
        return images[0] if len(images) == 1 else self.figure

    @property
    def states(self) -> tuple[State, ...]:
        return self.panels[-1].states

    @cached_property
    def figure(self) -> Image.Image:
        rows = sorted({panel.row for panel in self.panels})
        return figures.sheet([[e for p in self.panels if p.row == row for e in p.exhibits] for row in rows])

    def _repr_png_(self) -> bytes:
        return encode_png(self.figure)

    def save(self, path: str | Path, trajectory: bool = False) -> list[Path]:
        """Write the result with its spec as metadata, and say which files were written.

        Args:
            path: a name ending in .png (the picture, or the figure of several), or a folder for every picture and the figure.
            trajectory: also the walks' filmstrips and GIFs (their states must have been kept), beside it.

        Raises:
            UserError: it cannot be written there.
        """
        path = Path(path)
        single = path.suffix.lower() == ".png"
        if path.suffix and not single and not path.is_dir():
            raise UserError(f"pictures are saved as .png or into a folder; got {path}")
        files = self._single(path) if single else self._folder(path)
        if trajectory:
            stem = path.with_suffix("") if single else path / "trajectory"
            files |= self._trajectory(stem if not single else stem.with_name(stem.name + "-trajectory"))
        for file, data in files.items():
            write_atomic(file, data)
        return list(files)

    def metadata(self, picture: dict[str, Any]) -> dict[str, str]:
        """The PNG text chunks of one of the result's pictures."""
        record = {
            "noisewalk": __version__,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "verb": self.verb,
            "model": {"name": self.model.name, "weights": self.model.fingerprint},
            "spec": to_json(self.spec),
            "picture": picture,
        }
        return {"noisewalk": json.dumps(record), "Software": f"noisewalk {__version__}"}

    def render(self, picture: dict[str, Any]) -> Image.Image:
        """The picture that metadata speaks of: the figure, or outcome number `index`, enlarged to be seen."""
        if picture["kind"] == "figure":
            return self.figure
        return enlarge(to_image(self.tensor[picture["index"]]))

    def _single(self, path: Path) -> dict[Path, bytes]:
        picture = {"kind": "picture", "index": 0} if len(self.tensor) == 1 else {"kind": "figure"}
        return {path: encode_png(self.render(picture), self.metadata(picture))}

    def _folder(self, folder: Path) -> dict[Path, bytes]:
        named: list[tuple[str, dict[str, Any]]] = [("figure", {"kind": "figure"})]
        outcomes = [panel for panel in self.panels if panel.outcome]
        index = 0
        for panel in outcomes:
            for row in range(len(panel.x)):
                label = f"{slug(panel.label)}-" if len(outcomes) > 1 else ""
                named.append((f"{label}seed{self.spec.seed + row}", {"kind": "picture", "index": index}))
                index += 1
        return {folder / f"{name}.png": encode_png(self.render(what), self.metadata(what)) for name, what in named}

    def _trajectory(self, stem: Path) -> dict[Path, bytes]:
        walked = [panel for panel in self.panels if len(panel.states) > 1]
        files: dict[Path, bytes] = {}
        for panel in walked:
            name = stem.name + (f"-{slug(panel.label)}" if len(walked) > 1 else "")
            files[stem.with_name(f"{name}.png")] = encode_png(figures.filmstrip(panel.states))
            files[stem.with_name(f"{name}.gif")] = figures.gif(panel.states)
        return files


def make(verb: str, spec: Any, model: Pretrained, watch: Watch | None = None, keep_states: bool = True) -> Result:
    """Check a spec, prepare its pictures, and take its walks.

    Raises:
        UserError: something in the spec cannot be done; nothing has been computed then.
    """
    spec = ready(verb, spec, model)
    panels = TECHNIQUES[verb].panels(spec, model)
    return Result(verb, spec, model, tuple(walk(panels, watch, keep_states)))


def ready(verb: str, spec: Any, model: Pretrained) -> Any:
    """The spec with the model's defaults filled in and its pictures brought to the model's shape."""
    check(spec)
    spec = resolve(spec, model)
    size = (0, 0)
    for f in fields(spec):
        value, role = getattr(spec, f.name), f.metadata.get("role")
        if role == "picture":
            size = value.image.size if isinstance(value, Picture) else open_image(value).size
            spec = replace(spec, **{f.name: prepare(value, model.shape, model.dark_background)})
        if role == "mask":
            spec = replace(spec, **{f.name: prepare_mask(value, model.shape, size)})
    return spec


def walk(panels: list[Panel], watch: Watch | None, keep_states: bool) -> Iterator[Walked]:
    """Take the walks of panels, one after the other."""
    total, done = sum(panel.steps for panel in panels), 0
    for panel in panels:
        states: list[State] = []
        for state in panel.walk:
            if not keep_states:
                states.clear()
            states.append(state)
            done += 1
            if watch:
                watch(done, total)
        x = states[-1].x_t
        yield Walked(panel.label, panel.exhibits(x), x, tuple(states), panel.outcome, panel.row)


def slug(text: str) -> str:
    """Letters and digits with dashes between, for file names.

    >>> slug("start 1: a rocket, t = 960!")
    'start-1-a-rocket-t-960'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "any"
