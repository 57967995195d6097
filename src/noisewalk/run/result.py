"""The result of a technique: its pictures, their walks, and files that record how they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..checking import checked
from ..errors import UserError, shorten
from ..files import FILES, as_path, check_file, distinct, slug, write_atomic
from ..images import encode_png, enlarge, to_image
from ..models.precision import dtype_name
from ..models.zoo import Pretrained
from ..report import figures
from ..requests import Output
from ..techniques.panels import CaptionedViews, Panel
from ..techniques.requests import Request, seeds
from ..techniques.stages import Clock
from ..walk.sampling import State
from .locate import recorded_name, recorded_place
from .record import FIGURE, AdapterRecord, ModelRecord, PictureRecord, Record, Safety, write


@dataclass(frozen=True, eq=False)
class FinishedPanel:
    """A finished panel.

    Args:
        panel: the panel.
        x: (N, C, H, W) its pictures.
        states: the states of the walk; only the last one, if they were not kept.
    """

    panel: Panel
    x: Tensor
    states: tuple[State, ...]

    def __repr__(self) -> str:
        return f"<noisewalk panel '{shorten(self.label)}': {'x'.join(map(str, self.x.shape))}>"

    @property
    def label(self) -> str:
        """The caption of the panel."""
        return self.panel.label

    @property
    def is_output(self) -> bool:
        """Whether it is an output of the technique, and not an input that is shown for comparison."""
        return self.panel.is_output

    @property
    def captioned(self) -> CaptionedViews:
        """The captioned views of its pictures."""
        return self.panel.captioned(self.x)


@dataclass(frozen=True, eq=False)
class Result:
    """The pictures that a technique made.

    Args:
        technique: the name of the technique.
        request: the request, with every default filled in.
        model: the model.
        panels: everything that was made and shown, in order.
        upscaler_weights: the fingerprints of the upsampling stages of the walk.
    """

    technique: str
    request: Request
    model: Pretrained
    panels: tuple[FinishedPanel, ...]
    upscaler_weights: tuple[str, ...] = ()

    @property
    def tensor(self) -> Tensor:
        """(N, C, H, W) the outputs in [-1, 1], panel by panel."""
        outputs = [panel.x for panel in self.panels if panel.is_output]
        sizes = dict.fromkeys("x".join(map(str, x.shape[2:])) for x in outputs)
        if len(sizes) > 1:
            raise UserError(
                f"this result has pictures of {' and '.join(sizes)} pixels, so they are no single tensor; use its `panels`"
            )
        return torch.cat(outputs).clamp(-1, 1)

    @property
    def images(self) -> list[Image.Image]:
        """The outputs as PIL pictures, with the model's watermark if it is switched on."""
        return [to_image(x) for panel in self.shown if panel.is_output for x in panel.x]

    @cached_property
    def shown(self) -> tuple[FinishedPanel, ...]:
        """The panels as they are shown and saved, with the model's watermark if it is switched on."""
        if not (self.model.parts and self.model.parts.post_processing.watermark):
            return self.panels
        stamped = self.model.parts.post_processing.stamped
        return tuple(replace(walked, x=stamped(walked.x)) if walked.is_output else walked for walked in self.panels)

    @property
    def image(self) -> Image.Image:
        """The output, enlarged as in the saved file; if there are several, the figure."""
        images = self.images
        return enlarge(images[0]) if len(images) == 1 else self.figure

    @property
    def states(self) -> tuple[State, ...]:
        """The states of the walk of the last panel."""
        return self.panels[-1].states

    @cached_property
    def figure(self) -> Image.Image:
        """A captioned sheet of all panels."""
        rows = sorted({walked.panel.row for walked in self.panels})
        bands = [[e for p in self.shown if p.panel.row == row for e in p.captioned] for row in rows]
        if len(self.panels) == len(bands[0]) == 1:  # one view of many pictures: they stand side by side
            label, x = bands[0][0]
            names = [f"{label}, seed {seed}" for seed in seeds(self.request)] if len(x) > 1 else [label]
            bands = [list(zip(names, torch.split(x, 1), strict=True))]
        return figures.sheet(bands)

    @cached_property
    def flagged(self) -> list[bool] | None:
        """For each output, whether the model's own safety checker objects to it; None if it was not used."""
        return self.model.parts.post_processing.flagged([to_image(x) for x in self.tensor]) if self.model.parts else None

    def __repr__(self) -> str:
        outputs = [panel for panel in self.panels if panel.is_output]
        sizes = dict.fromkeys(f"{panel.x.shape[-1]}x{panel.x.shape[-2]}" for panel in outputs)
        count = sum(len(panel.x) for panel in outputs)
        pictures = f"{count} picture{'s' * (count != 1)} of {' and '.join(sizes) or 'no size'}"
        made_by = f"model '{shorten(self.model.name)}', first seed {self.request.seed}"
        return f"<noisewalk result of {self.technique}: {pictures}, {made_by}>"

    def _repr_png_(self) -> bytes:
        return encode_png(self.figure)

    def save(self, path: str | Path, trajectory: bool = False, show_t: Sequence[int] = ()) -> list[Path]:
        """Write the result with its request as metadata.

        Args:
            path: a .png file for the output (for the figure, if there are several), or a folder for the figure and all outputs.
            trajectory: whether filmstrips and GIFs of the walks are written too; the states must have been kept.
            show_t: the timesteps of the states in the filmstrips; () for evenly spaced ones.

        Returns:
            The files that were written.

        Raises:
            UserError: a file cannot be written, or a timestep is not from 0 to 999.
        """
        path, show_t = as_path(path), checked(Output(show_t=show_t)).show_t
        single = is_single(path)
        files = self._single(path) if single else self._folder(path)
        if trajectory:
            stem = path.with_suffix("") if single else path / "trajectory"
            files |= self._trajectory(stem if not single else stem.with_name(stem.name + "-trajectory"), show_t)
        for file, data in files.items():
            write_atomic(file, data)
        return list(files)

    def png(self, picture: PictureRecord) -> bytes:
        """Return one of the pictures as a PNG file that records how it was made."""
        model = self.model
        record = Record(
            self.technique,
            ModelRecord(
                recorded_name(model.name),
                model.fingerprint,
                tuple(recorded_name(name) for name in model.upscalers),
                dtype_name(model.compute_dtype),
                recorded_place(model.name),
                tuple(recorded_place(name) for name in model.upscalers),
                self.upscaler_weights,
                tuple(AdapterRecord(a.path.name, a.scale, a.fingerprint, recorded_place(str(a.path))) for a in model.adapters),
            ),
            {},
            picture,
            torch=str(torch.__version__),
            threads=torch.get_num_threads(),
            safety=self._safety(),
        )
        return write(self.render(picture), self.request, record)

    def _safety(self) -> Safety | None:
        if self.model.parts is None:
            return None
        flagged = None if self.flagged is None else tuple(self.flagged)
        return Safety(flagged is not None, flagged, self.model.parts.post_processing.watermark)

    def render(self, picture: PictureRecord) -> Image.Image:
        """Return the picture that a record names: the figure, or output number `index`, enlarged."""
        return self.figure if picture.index is None else enlarge(self.images[picture.index])

    def _single(self, path: Path) -> dict[Path, bytes]:
        return {path: self.png(PictureRecord("picture", 0) if len(self.images) == 1 else FIGURE)}

    def _folder(self, folder: Path) -> dict[Path, bytes]:
        outputs = [panel for panel in self.panels if panel.is_output]
        slugs = (
            [f"{name}-" for name in distinct(slug(panel.label) for panel in outputs)]
            if len(outputs) > 1
            else [""] * len(outputs)
        )
        rows = [
            (name, seed) for name, panel in zip(slugs, outputs, strict=True) for seed in seeds(self.request)[: len(panel.x)]
        ]
        names = distinct(["figure", *(f"{name}seed{seed}" for name, seed in rows)])
        pictures = [FIGURE, *(PictureRecord("picture", index) for index in range(len(rows)))]
        return {folder / f"{name}.png": self.png(what) for name, what in zip(names, pictures, strict=True)}

    def _trajectory(self, stem: Path, show_t: Sequence[int]) -> dict[Path, bytes]:
        walked = [panel for panel in self.panels if len(panel.states) > 1]
        files: dict[Path, bytes] = {}
        for label, panel in zip(distinct(slug(panel.label) for panel in walked), walked, strict=True):
            name = stem.name + (f"-{label}" if len(walked) > 1 else "")
            states, named = self._at(panel, show_t) if show_t else (panel.states, [])
            files[stem.with_name(f"{name}.png")] = encode_png(figures.filmstrip(states, panel.panel.decode, named=named))
            files[stem.with_name(f"{name}.gif")] = figures.gif(panel.states, panel.panel.decode)
        return files

    def _at(self, panel: FinishedPanel, timesteps: Sequence[int]) -> tuple[list[State], list[str]]:
        """Return the states of a walk nearest to some timesteps, each with the x0 predicted from it, and their captions."""
        clock, begin = Clock(self.model), panel.panel.stages[0].begin
        walked = [*([begin()] if begin else []), *panel.states]
        named = [
            (clock(state.level), state._replace(x0=after.x0))
            for state, after in zip(walked, [*walked[1:], walked[-1]], strict=True)
        ]
        found = [min(named, key=lambda each: abs(each[0] - t)) for t in timesteps]
        return [state for _, state in found], [f"t = {t}: x_t, x0" for t, _ in found]


def is_single(path: Path) -> bool:
    """Return whether a path to save to is one .png file, and not a folder.

    Raises:
        UserError: it has the ending of another kind of file.
    """
    if path.suffix.lower() in FILES and not (path.is_dir() and path.suffix.lower() != ".png"):
        check_file(path, "a picture (for several, name a folder)", ".png")
        return True
    return False
