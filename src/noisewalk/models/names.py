"""What the name of a model means: a word, a file or folder, or a repository of the hub.

A name that reads as a path is never sent to the hub.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import UserError

SITE = "https://huggingface.co"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_MARKED = ("hub:", f"{SITE}/")
_FILES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".json", ".zip", ".png")
_OUTPUTS = ("out", "runs", "weights", "checkpoints")
"""Folders that noisewalk writes, or that models are kept in: `runs/flow` is always a path, even if it does not exist."""


@dataclass(frozen=True)
class ModelName:
    """The name of a model, after it was read.

    Args:
        kind: "word" for a short name, "path" for a file or folder, "hub" for a repository "owner/name".
        text: the name without the mark of its kind, with "~" replaced by the user's folder.
    """

    kind: Literal["word", "path", "hub"]
    text: str

    @property
    def path(self) -> Path:
        """The name as a path."""
        return Path(self.text)


def read_name(name: str) -> ModelName:
    r"""Return what the name of a model means.

    A file or folder that exists wins over a repository of the same name. `hub:owner/name` or the address of the page always
    mean the repository, and `./owner/name` always means the folder.

    Args:
        name: the name as the user wrote it.

    Raises:
        UserError: the name is empty, holds control characters, or is marked as a repository and cannot be one.

    >>> [read_name(n).kind for n in ("digits", "google/ddpm-cifar10-32", "./google/ddpm", "hub:runs/x", "runs/x")]
    ['word', 'hub', 'path', 'hub', 'path']
    >>> [read_name(n).kind for n in (r"a\b", r"C:\x", "x.safetensors", "~/x", "..", "/x", "a/b/c", "my models/x")]
    ['path', 'path', 'path', 'path', 'path', 'path', 'path', 'path']
    """
    if not name.strip() or len(name) > 4096 or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        shown = ascii(name if len(name) < 80 else name[:80] + "...")
        raise UserError(
            f"the name of a model must be a few readable letters, but {shown} was given; `noisewalk models` lists the names"
        )
    for mark in _MARKED:
        if name.startswith(mark):
            return ModelName("hub", _repository(name.removeprefix(mark).strip("/"), name))
    if _is_path(name):
        return ModelName("path", _at_home(name))
    return ModelName("hub", _repository(name, name)) if "/" in name else ModelName("word", name)


def _is_path(name: str) -> bool:
    owner, slash, _ = name.partition("/")
    written = name.startswith((".", "~")) or "\\" in name or bool(re.match(r"[A-Za-z]:", name)) or name.endswith(_FILES)
    return written or is_there(name) or (bool(slash) and (not is_repository(name) or owner in _OUTPUTS or is_there(owner)))


def is_repository(name: str) -> bool:
    """Return whether a name has the form of the hub's repositories, owner/name."""
    return bool(_HUB.fullmatch(name))


def is_there(name: str) -> bool:
    """Return whether a file or folder of this name exists; False for names that the system refuses."""
    try:
        return Path(name).exists()
    except OSError:  # a name too long, or a folder that may not be entered
        return False


def _at_home(name: str) -> str:
    try:
        return str(Path(name).expanduser()) if name.startswith("~") else name
    except RuntimeError:
        raise UserError(f"'{name}' names the folder of a user who is not on this machine; write the whole path") from None


def _repository(name: str, asked: str) -> str:
    """Return a name that the hub could have, by the hub's own rules where its library is installed."""
    reason = "" if is_repository(name) and len(name) <= 96 else "its form is owner/name"
    try:
        rules: Any = importlib.import_module("huggingface_hub.utils")
    except ImportError:
        pass
    else:
        try:
            rules.validate_repo_id(name)
        except rules.HFValidationError as error:
            reason = reason or " ".join(str(error).split())[:120]
    if reason:
        raise UserError(f"the hub cannot have a model with the name '{asked}' ({reason}); write a folder as ./folder")
    return name


def missing(name: str) -> UserError:
    """Return the error for a path without a model; it says how to name the model of the hub, if there could be one."""
    other = f"; for the hub's model of that name, write hub:{name}" if is_repository(name) else ""
    return UserError(f"there is no file or folder '{name}'{other}; `noisewalk models` lists the models")
