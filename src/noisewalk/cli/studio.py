"""The studio on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from tyro.conf import OmitArgPrefixes

from ..models.loading import Loading
from .edge import working


@dataclass(frozen=True)
class StudioCommand:
    """Use every technique in a web page on this machine, and watch it walk. Ctrl-C stops it."""

    host: str = "127.0.0.1"
    """Address to listen at; only this machine can reach 127.0.0.1."""
    port: int = 7860
    """Port to listen at; 0 takes a free one."""
    model: str = "auto"
    """The model that comes first, besides the bundled ones: a file, a folder, or a hub id."""
    allow_model: tuple[str, ...] = ()
    """Further models that the page may use; it uses no others."""
    auth: str = ""
    """USER:FILE asks for that name, and for the password in the first line of the file."""
    share: bool = False
    """Ask Gradio's service for a public address."""
    limits: str = "normal"
    """What one request may ask for: normal, or generous for one's own machine."""
    queue: int = 32
    """Requests that may wait; further ones are told that the queue is full."""
    open: bool = False
    """Open the page in a browser."""
    loading: OmitArgPrefixes[Loading] = field(default_factory=Loading)
    """How the models are loaded."""


def run_studio(rest: list[str]) -> int:
    """studio."""
    from ..commands import parse

    asked = parse(StudioCommand, rest, "noisewalk studio")
    working()
    from ..studio.server import Options, start

    names = ("host", "port", "model", "allow_model", "auth", "share", "limits", "queue", "open")
    start(Options(**{name: getattr(asked, name) for name in names}), asked.loading)
    return 0
