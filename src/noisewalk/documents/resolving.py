"""A technique's command as a report runs it: its pictures copied into the report, its model chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """What a command asks for.

    Args:
        job: with the pictures and the model that it is made with.
        model: the same, loaded.
        words: the command line that makes it again from where the report is made, after `noisewalk`.
        loading: options of `load` that are not the usual ones.
    """

    job: Job
    model: Pretrained
    words: tuple[str, ...]
    loading: Mapping[str, Any]

    def seeded(self, seed: int) -> ResolvedCommand:
        """The same, for one picture of a seed."""
        job = replace(self.job, spec=replace(self.job.spec, seed=seed, num=1, seeds=()))
        return replace(self, job=job, words=(*self.words, "--seed", str(seed)))

    def whole(self, words: Sequence[str], own: Sequence[str]) -> list[str]:
        """A command line with lists, of which this is one: its words, and what was added to the words of this one."""
        return [*words, *self.words[len(own) :]]

    @property
    def line(self) -> str:
        """The command line."""
        return captions.command_line(self.words)

    @property
    def python(self) -> str:
        """The call."""
        return captions.python(self.job, dict(self.loading))


@dataclass(frozen=True)
class CommandResolver:
    """Makes `ResolvedCommand`s of the commands of a document.

    Args:
        document: whose commands they are.
        out: the folder of the report, which gets a copy of every input picture.
        model: instead of the document's own; "" for that.
        loading: options of `load`.
    """

    document: Document
    out: Path
    model: str
    loading: Mapping[str, Any]
    copied: dict[str, Path] = field(default_factory=dict)

    def __call__(self, command: Command) -> ResolvedCommand:
        """Return a command of the document as it is asked for."""
        assert isinstance(command.job, Job)
        job = command.job
        changed: dict[str, Any] = {}
        for f in fields(job.spec):
            value = getattr(job.spec, f.name)
            if f.metadata.get("role") and value is not None:
                changed[f.name] = str(self._copy(str(value)))
        named = {str(getattr(job.spec, name)): new for name, new in changed.items()}
        words = [named.get(word, word) for word in command.words]
        model = job.model if command.own_model else self.model or self.document.settings.get("model") or job.model
        loading = {**CascadeLoading(**job.loading).changed(), **self.loading}
        loaded = load(model, **loading)
        if model != job.model:
            words += ["--model", model]
        words += self._flags(loaded, job)
        job = replace(job, spec=replace(job.spec, **changed), model=model, loading=loading)
        return ResolvedCommand(job, loaded, tuple(words), loading)

    def _flags(self, model: Pretrained, job: Job) -> list[str]:
        """How the model is loaded, as one types it; its upscalers are named where they are used."""
        words: list[str] = []
        for name, value in self.loading.items():
            if name != "upscaler":
                given = value if isinstance(value, tuple) else (value,)
                words += [f"--{name.replace('_', '-')}", *([] if value is True else map(str, given))]
            elif getattr(job.spec, "upsample", None):
                words += ["--upscaler", *model.upscalers]
        return words

    def _copy(self, name: str) -> Path:
        """A picture of the document, in the report's own folder.

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
        """The file that a document means by a name: beside the document, or one that comes with noisewalk.

        Raises:
            UserError: there is none.
        """
        here = self.document.path.parent / Path(name).expanduser()
        if here.is_file():
            return here
        if Path(name).name == name and (PICTURES / name).is_file():
            return PICTURES / name
        known = ", ".join(sorted(path.name for path in PICTURES.glob("*.png")))
        raise UserError(f"there is no picture {name} beside {self.document.path}; those that come with noisewalk are {known}")
