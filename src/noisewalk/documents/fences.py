"""The first line of a fence, which says what is shown of its commands, and how."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import UserError, unknown
from ..search.plan import parse_seeds
from ..techniques import TECHNIQUES

LANGUAGE = "noisewalk"
"""The word after the three backticks."""

SHOWS = ("figure", "picture", "walk", "filmstrip", "film", "scores", "table", "slider", "tried", "loss", "samples")
"""Words of a fence that say what it shows (docs/reports.md explains them); without any it shows what suits its commands."""
NUMBERS = {"columns": (1, 12), "keep": (1, 64), "evaluate": (100, 10_000)}
"""The options of a fence that are whole numbers, with their bounds."""
TEXTS = ("name", "caption", "note", "bundled")
ONLY: dict[str, tuple[str, ...]] = {"table": ("denoise", "train"), "slider": ("forward", "denoise")}
ONLY |= dict.fromkeys(("loss", "samples", "bundled=", "evaluate="), ("train",))
"""The only commands that these words fit."""
NOT: dict[str, tuple[str, ...]] = {"film": ("forward",)}
NOT |= dict.fromkeys(("walk", "filmstrip", "scores", "tried", "seeds="), ("forward", "train"))
"""The commands that these words do not fit, because they walk nowhere, or make no picture of a prompt."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


@dataclass(frozen=True)
class Options:
    """What a fence asks for besides its commands.

    Args:
        shows: words of `SHOWS`; empty for what suits the command.
        name: of the figure, for links: [see](#name).
        caption, note: instead of those that the command has by itself.
        columns: how many figures stand side by side; 0 for as many as fit.
        seeds: to try for each command, of which the best are shown.
        keep: how many of them are shown, each of other prompts.
        bundled: names of the runs that come with noisewalk and are shown instead of training now, one per command.
        evaluate: pictures by which a training run is measured; 0 for none.
    """

    shows: frozenset[str] = frozenset()
    name: str = ""
    caption: str = ""
    note: str = ""
    columns: int = 0
    seeds: tuple[int, ...] = ()
    keep: int = 0
    bundled: tuple[str, ...] = ()
    evaluate: int = 0

    def check(self, commands: Sequence[str]) -> None:
        """Check that every option fits at least one command of the fence.

        Args:
            commands: the name of each command.

        Raises:
            UserError: an option fits none of them, there is only one figure for several columns, or `bundled` has not one name
                for each command.
        """
        has = ", ".join(dict.fromkeys(commands))
        for word in (*sorted(self.shows), *(f"{name}=" for name in ("seeds", "bundled", "evaluate") if getattr(self, name))):
            fitting = ONLY.get(word) or [name for name in (*TECHNIQUES, "train") if name not in NOT.get(word, ())]
            if not {*fitting} & {*commands}:
                raise UserError(f"'{word}' fits {', '.join(fitting)}, but this fence has {has}; leave the word out")
        shown = min(self.keep or 1, len(commands)) + ("tried" in self.shows) * len(commands) if self.seeds else len(commands)
        if self.columns > 1 and shown == 1:
            more = "more commands" if len(commands) == 1 else f"keep={self.columns}"
            raise UserError(
                f"columns={self.columns} fits several figures, but this fence shows one; give {more}, or leave it out"
            )
        if self.bundled and len(commands) != len(self.bundled):
            said = f"bundled= names {len(self.bundled)}, and this fence has {len(commands)} commands"
            raise UserError(f"{said}; name one run per command, such as bundled=flow,ddpm")


def is_fence(info: str) -> bool:
    """Return whether the first line of a fence says that it contains noisewalk commands."""
    return info.split(maxsplit=1)[:1] == [LANGUAGE]


def read_options(info: str) -> Options:
    """Return the options in the first line of a fence, such as `noisewalk figure scores columns=2`.

    Raises:
        UserError: a word is unknown (the nearest is suggested), a value does not fit, or two options exclude each other.
    """
    try:
        words = shlex.split(info)[1:]
    except ValueError as error:
        raise UserError(f"the first line of the fence has an open quotation mark: {error}") from None
    options, shows = Options(), set[str]()
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            options = replace(options, **{name: _value(name, value)})
        elif word in SHOWS:
            shows.add(word)
        else:
            raise unknown("word of a fence", word, [*SHOWS, *(f"{each}=" for each in (*NUMBERS, *TEXTS, "seeds"))])
    if options.keep and not options.seeds:
        raise UserError("keep= says how many pictures of a search are shown; give the seeds to try too, as seeds=0:24")
    if "tried" in shows and not options.seeds:
        raise UserError("'tried' shows the seeds that a search tried; give the seeds to try too, as seeds=0:24")
    if options.bundled and options.evaluate:
        raise UserError("evaluate= measures a run that is trained now, and bundled= shows one that was; leave one of them out")
    return replace(options, shows=frozenset(shows))


def _value(name: str, value: str) -> Any:
    if name == "seeds":
        return parse_seeds(value)
    if name in NUMBERS:
        least, most = NUMBERS[name]
        if not value.isdecimal() or len(value) > 6 or not least <= int(value) <= most:
            raise UserError(f"{name}= must be a whole number from {least} to {most}, but '{value}' was given")
        return int(value)
    if name not in TEXTS:
        raise unknown("option of a fence", name, [*NUMBERS, *TEXTS, "seeds"])
    names = tuple(value.split(",")) if name == "bundled" else (value,)
    if name in ("name", "bundled") and not all(map(_NAME.fullmatch, names)):
        raise UserError(f"{name}= must be small letters, digits and dashes, as my-figure; '{value}' was given")
    return names if name == "bundled" else value
