"""The parts of a studio share its models, its limits, its folder and its line."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserError, shorten
from ..models.pretrained import Pretrained
from ..models.zoo import load
from ..techniques.requests import Anagram
from .limits import Limits
from .line import Control, Line, Stopped
from .runner import chosen_model, finish


@dataclass(frozen=True, eq=False)
class Studio:
    """A studio.

    Args:
        models: the names of the models that may be used, in the order of the list.
        limits: the limits of a request.
        folder: the folder for all temporary files.
        loading: further options of `load`.
        line: the line before the device.
        secret: a text that only this studio knows, by which it recognises its own headers.
    """

    models: tuple[str, ...]
    limits: Limits
    folder: Path
    loading: dict[str, Any] = field(default_factory=dict)
    line: Line = field(default_factory=lambda: Line(32))
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def allow(self, name: str) -> None:
        """Check that a model may be used.

        Raises:
            UserError: it is not one that the studio was started with.
        """
        if name not in self.models:
            raise UserError(
                f"this studio does not offer the model '{shorten(name)}'; it has {', '.join(self.models)} (see --allow-model)"
            )

    def model(self, name: str, request: Any) -> Pretrained:
        """Return the model of a name; "auto" is digits if the request's prompts name digits, else the first offered one.

        Raises:
            UserError: it is not allowed, or cannot be loaded.
        """
        meant = chosen_model(request) if name == "auto" else name
        if name == "auto" and meant not in self.models:
            meant = self.models[0]
        self.allow(meant)
        return load(meant, **self.loading)

    @contextmanager
    def control(self, session: str, name: str = "") -> Iterator[Control]:
        """Hold a place in the line for one request.

        Args:
            session: the session that asks; "" is a session of its own.
            name: the name of the work, by which it can be stopped.

        Raises:
            UserError: the line is full.
        """
        control = self.line.join(session or secrets.token_hex(16), name, self.limits.seconds)
        try:
            yield control
        finally:
            self.line.leave(control)

    @contextmanager
    def device(self, session: str, name: str = "") -> Iterator[Control]:
        """Wait for the device, and hold it for one request."""
        with self.control(session, name) as control:
            for _ in self.line.places(control):
                pass
            yield control

    def warm_up(self) -> None:
        """Load the models and make a step of each before they are needed, unless the studio ends first."""
        for name in self.models:
            with suppress(UserError, Stopped), self.device("") as control:
                finish("anagram", Anagram(("", ""), steps=1), load(name, **self.loading), control)
