"""Reading a Markdown file as a document: its prose, its settings, and its fences of commands with their lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..commands import Job, parse_technique, part, read, variants
from ..errors import UserError, unknown
from ..files import read_bounded
from ..requests import RunSpec, Train
from ..techniques import TECHNIQUES
from .fences import Options, is_fence, read_options
from .markdown import reader

if TYPE_CHECKING:
    from markdown_it.token import Token

MOST_BYTES = 10_000_000
MOST_COMMANDS = 1000
SUFFIXES = (".md", ".markdown")
SETTINGS = ("title", "lead", "model")
"""The settings of a document between two lines ---; other names there are values that its commands use."""


@dataclass(frozen=True)
class Training:
    """A training in a document.

    Args:
        spec: what to train.
        minutes: the time after which it stops; None for no limit.
        device: the device on which it computes.
    """

    spec: RunSpec
    minutes: float | None
    device: str


@dataclass(frozen=True)
class Command:
    """A command of a document.

    Args:
        line: its line in the file, from 1.
        words: the words of its command line after `noisewalk`.
        job: its job or training.
        own_model: whether it names its model itself.
        compared: (row, column, command) of the commands that it stands for, if it has lists of values, prompts or pictures.
    """

    line: int
    words: tuple[str, ...]
    job: Job | Training
    own_model: bool = False
    compared: tuple[tuple[str, str, Command], ...] = ()


@dataclass(frozen=True)
class Block:
    """A fence of commands.

    Args:
        line: its line in the file, from 1.
        options: its options.
        commands: its commands.
    """

    line: int
    options: Options
    commands: tuple[Command, ...]


@dataclass(frozen=True, eq=False)
class Document:
    """A Markdown file that was read.

    Args:
        path: the file.
        settings: its title, lead and model, if it has them, and the values that its commands use.
        tokens: the tokens of its Markdown.
        blocks: its fences of commands by the number of their token.
    """

    path: Path
    settings: Mapping[str, str]
    tokens: Sequence[Token]
    blocks: Mapping[int, Block]

    @property
    def title(self) -> str:
        """The title from the settings, or else the name of the file."""
        return self.settings.get("title") or self.path.stem.replace("-", " ")


def read_document(path: Path, values: Mapping[str, str] | None = None) -> Document:
    """Read and check a Markdown file; its commands are parsed, but not run.

    Args:
        path: the file.
        values: values that replace settings of the document, by name.

    Raises:
        UserError: it cannot be read, a fence or a command in it is wrong (the message begins with file and line), two figures
            have one name, or it has no setting of a given name.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"a report must be a Markdown file ({' or '.join(SUFFIXES)}), but {path} was given")
    try:
        text = read_bounded(path, MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    tokens = reader().parse(text)
    settings = _settings(path, tokens, values or {})
    _fill(tokens, settings)
    blocks = {
        i: _block(path, token, settings) for i, token in enumerate(tokens) if token.type == "fence" and is_fence(token.info)
    }
    named: dict[str, int] = {}
    for block in blocks.values():
        if block.options.name in named:
            first = named[block.options.name]
            raise UserError(f"{path}:{block.line}: the figure '{block.options.name}' has the name of the one in line {first}")
        if block.options.name:
            named[block.options.name] = block.line
    if sum(len(block.commands) for block in blocks.values()) > MOST_COMMANDS:
        raise UserError(f"{path} has more than {MOST_COMMANDS:,} commands; divide it into several documents")
    return Document(path, settings, tokens, blocks)


def _settings(path: Path, tokens: Sequence[Token], values: Mapping[str, str]) -> dict[str, str]:
    """Return the settings between two lines ---, one `name: value` per line."""
    found: dict[str, str] = {}
    if tokens and tokens[0].type == "hr" and tokens[0].map == [0, 1]:
        raise UserError(f"{path}:1: the settings begin with --- but do not end; write a line --- after the last one")
    lines = tokens[0].content.splitlines() if tokens and tokens[0].type == "front_matter" else []
    for number, line in enumerate(lines, 2):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[a-z][a-z_]{0,31}", name.strip()):
            raise UserError(f"{path}:{number}: a setting must be written as name: value, but '{line[:60]}' was given")
        found[name.strip()] = value.strip().strip("\"'")
    for name in values:
        if name not in found:
            raise unknown(f"setting of {path.name}", name, found)
    return {**found, **values}


def _fill(tokens: Sequence[Token], settings: Mapping[str, str]) -> None:
    """Replace the names of settings in the prose by their values: {epochs} becomes 6."""
    for token in tokens:
        for child in token.children or ():
            if child.type == "text":
                child.content = _filled(child.content, settings)


def _filled(text: str, settings: Mapping[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda found: settings.get(found[1], found[0]), text)


def _block(path: Path, token: Token, settings: Mapping[str, str]) -> Block:
    first = token.map[0] + 1 if token.map else 1
    try:
        options = read_options(token.info)
    except UserError as error:
        raise UserError(f"{path}:{first}: {error}") from None
    commands = []
    for line, text in _lines(token.content, first + 1):
        try:
            commands.append(_command(line, text, settings))
        except UserError as error:
            raise UserError(f"{path}:{line}: {error}") from None
    if not commands:
        raise UserError(f"{path}:{first}: the fence has no command; write one, such as generate 7")
    try:
        options.check([command.words[0] for command in commands])
    except UserError as error:
        raise UserError(f"{path}:{first}: {error}") from None
    return Block(first, options, tuple(commands))


def _lines(content: str, first: int) -> list[tuple[int, str]]:
    """Return the commands of a fence with their lines; a backslash continues a line, and # begins a comment."""
    found: list[tuple[int, str]] = []
    begun, text = 0, ""
    for number, line in enumerate(content.splitlines(), first):
        begun = begun or number
        text += line.rstrip()
        if text.endswith("\\"):
            text = text[:-1] + " "
            continue
        if text.strip() and not text.lstrip().startswith("#"):
            found.append((begun, text.strip()))
        begun, text = 0, ""
    return [*found, (begun, text.strip())] if text.strip() else found


def _command(line: int, text: str, settings: Mapping[str, str]) -> Command:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"a quotation mark is not closed ({error})") from None
    words = words[1:] if words[:1] == ["noisewalk"] else words
    words = [_filled(word, settings) for word in words]
    name, *rest = words or [""]
    if name not in TECHNIQUES and name != "train":
        raise unknown("command", name, [*TECHNIQUES, "train"])
    for flag in ("--out", "--resume"):
        if any(word == flag or word.startswith(f"{flag}=") for word in rest):
            raise UserError(f"the report chooses the places of pictures and runs; leave out {flag}")
    if name == "train":
        return Command(line, tuple(words), _training(rest))
    own = any(word == "--model" or word.startswith("--model=") for word in rest)
    several = [(each, (name, *each.arguments)) for each in variants(name, rest)]
    made = [(v.row, v.column, Command(line, some, parse_technique(shlex.join(some)), own)) for v, some in several]
    if len(made) == 1:
        return made[0][2]
    return Command(line, tuple(words), made[0][2].job, own, tuple(made))


def _training(rest: Sequence[str]) -> Training:
    asked = read(Train, rest, "train")
    return Training(part(asked, RunSpec), asked.minutes, asked.device)
