"""The one error that noisewalk raises for a user's mistake, and the errors of the system as one line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

MOST = 1000
"""The most characters of a message; only a part of a very long prompt is quoted."""


class UserError(ValueError):
    """A request cannot be done; the message says what was requested, what was found, and what to do."""


def unknown(kind: str, name: object, known: Iterable[object]) -> UserError:
    """Return the error for a name that is not in a table, with the nearest name suggested.

    Args:
        kind: what the name stands for.
        name: the name.
        known: the names in the table.

    >>> str(unknown("view", "rotate18", ["identity", "rotate180"]))
    "unknown view 'rotate18'; did you mean 'rotate180'? Known: identity, rotate180"
    """
    names = sorted(map(str, known))
    near = difflib.get_close_matches(str(name)[:200], names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return UserError(f"unknown {kind} '{shorten(str(name), 200)}'; {hint}Known: {', '.join(names) or 'none'}")


def install(extra: str) -> str:
    """Return the command that adds an extra to this copy of noisewalk, wherever it was installed from.

    Args:
        extra: a name of `[project.optional-dependencies]`, such as "diffusers".
    """
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").is_file():
        return f'pip install -e "{root}[{extra}]"'
    return install_of(extra, *_installed())


def install_of(extra: str, origin: str, requirements: Sequence[str] = ()) -> str:
    """Return the command that adds an extra to an installed package, without looking for noisewalk in a package index.

    Args:
        extra: the name of the extra.
        origin: what pip wrote into `direct_url.json`; "" if it is not known where the package came from.
        requirements: the requirements of the package; if the origin is not known, the packages of the extra are named.

    Reference: PEP 610, "Recording the Direct URL Origin of installed distributions".

    >>> install_of("cli", '{"url": "https://x.org/n.git", "vcs_info": {"vcs": "git", "commit_id": "12ab"}}')
    'pip install "noisewalk[cli] @ git+https://x.org/n.git@12ab"'
    >>> install_of("cli", "", ["torch>=2.4", "tyro>=0.9; extra == 'cli'", "rich>=13; extra == 'cli'"])
    'pip install "tyro>=0.9" "rich>=13" (the extra "cli")'
    """
    import json

    found = json.loads(origin) if origin else {}
    if not found:
        return f'pip install {" ".join(_packages(extra, requirements)) or "what it needs"} (the extra "{extra}")'
    vcs = found.get("vcs_info", {})
    url = f"{vcs['vcs']}+{found['url']}@{vcs['commit_id']}" if vcs else found["url"]
    return f'pip install "noisewalk[{extra}] @ {url}"'


def _packages(extra: str, requirements: Sequence[str]) -> list[str]:
    """Return the packages of an extra, and of the extras that it names, quoted for a shell."""
    packages: list[str] = []
    for requirement in requirements:
        package, _, marker = (part.strip() for part in requirement.partition(";"))
        if not re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", marker):
            continue
        if own := re.match(r"noisewalk\[(.+)\]", package):
            packages += [each for name in own[1].split(",") for each in _packages(name.strip(), requirements)]
        else:
            packages.append(f'"{package}"')
    return list(dict.fromkeys(packages))


@cache
def _installed() -> tuple[str, tuple[str, ...]]:
    """Return where pip took this package from, and its requirements."""
    from importlib import metadata  # slow to load, and seldom needed

    try:
        found = metadata.distribution("noisewalk")
        return found.read_text("direct_url.json") or "", tuple(found.requires or ())
    except metadata.PackageNotFoundError:
        return "", ()


def shorten(text: str, most: int = 60) -> str:
    r"""Return text on one line, without its end if it is longer than `most` characters.

    >>> shorten("a\nb" * 9, 8)
    'a ba ba…'
    """
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most else line[: most - 1] + "…"


def as_keywords(message: str) -> str:
    """Return a message that names options as keyword arguments, for those who write Python.

    >>> as_keywords("--guidance-scale must be a number, 'high' was asked for")
    "guidance_scale must be a number, 'high' was asked for"
    """
    return re.sub(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)\b", lambda found: found[1].replace("-", "_"), message)


def one_line(text: str) -> str:
    r"""Return a text as one line that a terminal can show, whatever is quoted in it.

    >>> one_line("no model 'a\nb\x1b[31m'")
    "no model 'a b\\x1b[31m'"
    """
    shown = "".join(c if c.isprintable() else _escaped(c) for c in re.sub(r"\s+", " ", text).strip())
    return shown if len(shown) <= MOST else f"{shown[: MOST // 2]} … {shown[-MOST // 2 :]}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def from_outside(error: BaseException) -> str | None:
    """Return the message for an error of the system; None for errors of noisewalk itself.

    >>> from_outside(OSError(28, "No space left on device", "out/seven.png"))
    'No space left on device: out/seven.png'
    """
    if isinstance(error, OSError):
        reason = error.strerror or str(error) or type(error).__name__
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        return f"{reason}: {' and '.join(names)}" if names else reason
    if isinstance(error, UnicodeDecodeError):
        return f"a file that should be text is not UTF-8 (byte {error.start}: {error.reason}); save it as UTF-8"
    if isinstance(error, UnicodeEncodeError):
        text = error.object[max(0, error.start - 20) : error.end + 20]
        return f"'{text}' holds characters that cannot be written as {error.encoding}; leave them out"
    if isinstance(error, RecursionError):
        return "a file or an argument is nested too deeply to be read"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _is_memory(error)):
        return "there is not enough memory for this; ask for fewer, smaller or shorter results"
    return None


def _is_memory(error: RuntimeError) -> bool:
    """Return whether an error of PyTorch means that there is no memory; on the CPU it has no error class for that."""
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
