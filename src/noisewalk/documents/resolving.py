"""Commands of a document, resolved: their pictures are copied into the report, and their model is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..commands import Job
from ..errors import UserError
from ..files import write_atomic
from ..images import PICTURES, read_file
from ..models.pretrained import Pretrained
from ..models.zoo import load
from ..requests import CascadeLoading
from . import captions
from .reading import Command, Document


@dataclass(frozen=True, eq=False)
class ResolvedCommand:
    """A command with its pictures and its model.

    Args:
        job: the job, with the pictures in the report's folder and the name of the model.
        model: the model.
        words: the words after `noisewalk` of the command line that makes the figure again in the folder of the report.
        loading: the options of `load` that are not the defaults.
    """

    job: Job
    model: Pretrained
    words: tuple[str, ...]
    loading: Mapping[str, Any]

    def seeded(self, seed: int) -> ResolvedCommand:
        """Return the command for one picture with a seed."""
        job = replace(self.job, request=replace(self.job.request, seed=seed, num=1, seeds=()))
        return replace(self, job=job, words=(*self.words, "--seed", str(seed)))

    @property
    def line(self) -> str:
        """The command line that makes the figure again."""
        return captions.command_line(self.words)

    @property
    def python(self) -> str:
        """The Python call that makes the figure again."""
        return captions.python([self.job], dict(self.loading))


@dataclass(frozen=True)
class CommandResolver:
    """Resolves the commands of a document.

    Args:
        document: the document.
        out: the folder of the report, which gets a copy of every input picture.
        model: the name of a model to use instead of the document's own, or "".
        loading: the options of `load`.
    """

    document: Document
    out: Path
    model: str
    loading: Mapping[str, Any]
    copied: dict[str, Path] = field(default_factory=dict)

    def __call__(self, command: Command) -> ResolvedCommand:
        """Return a command of the document with its pictures and its model."""
        assert isinstance(command.job, Job)
        job = command.job
        changed: dict[str, Any] = {}
        for f in fields(job.request):
            value = getattr(job.request, f.name)
            if f.metadata.get("role") and value is not None:
                changed[f.name] = str(self._copy(str(value)))
        named = {str(getattr(job.request, name)): new for name, new in changed.items()}
        words = [named.get(word, word) for word in command.words]
        model = job.model if command.own_model else self.model or self.document.settings.get("model") or job.model
        loading = {**CascadeLoading(**job.loading).changed(), **self.loading}
        loaded = load(model, **loading)
        if model != job.model:
            words += ["--model", model]
        words += self._flags(loaded, job)
        job = replace(job, request=replace(job.request, **changed), model=model, loading=loading)
        return ResolvedCommand(job, loaded, tuple(words), loading)

    def _flags(self, model: Pretrained, job: Job) -> list[str]:
        """Return the flags that load the model; its upscalers are named only if the command uses them."""
        words: list[str] = []
        for name, value in self.loading.items():
            if name != "upscaler":
                given = value if isinstance(value, tuple) else (value,)
                words += [f"--{name.replace('_', '-')}", *([] if value is True else map(str, given))]
            elif getattr(job.request, "upsample", None):
                words += ["--upscaler", *model.upscalers]
        return words

    def _copy(self, name: str) -> Path:
        """Copy a picture of the document into the report's own folder, and return its new place.

        Raises:
            UserError: there is no such picture.
        """
        found = self.find(name)
        data = read_file(found)
        place, number = self.out / "inputs" / found.name, 2
        while place.name in self.copied and self.copied[place.name] != found:
            place, number = place.with_name(f"{found.stem}-{number}{found.suffix}"), number + 1
        self.copied[place.name] = found
        if not place.is_file() or place.read_bytes() != data:
            write_atomic(place, data)
        return place

    def find(self, name: str) -> Path:
        """Return the file of a picture's name: a file beside the document, or a picture that comes with noisewalk.

        Raises:
            UserError: there is no such file.
        """
        here = self.document.path.parent / Path(name).expanduser()
        if here.is_file():
            return here
        if Path(name).name == name and (PICTURES / name).is_file():
            return PICTURES / name
        known = ", ".join(sorted(path.name for path in PICTURES.glob("*.png")))
        raise UserError(
            f"there is no picture {name} beside {self.document.path}; the pictures that come with noisewalk are {known}"
        )
