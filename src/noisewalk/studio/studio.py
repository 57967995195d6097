"""What the parts of a studio share: its models, its limits, its folder and who walks."""

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
        models: that may be used, the first one first in the list.
        limits: of a request.
        folder: for all temporary files.
        loading: further options of `load`.
        line: before the device.
    """

    models: tuple[str, ...]
    limits: Limits
    folder: Path
    loading: dict[str, Any] = field(default_factory=dict)
    line: Line = field(default_factory=lambda: Line(32))

    def allow(self, name: str) -> None:
        """See that a model may be used.

        Raises:
            UserError: it is not one that the studio was started with.
        """
        if name not in self.models:
            raise UserError(
                f"this studio does not offer the model '{shorten(name)}'; it has {', '.join(self.models)} (see --allow-model)"
            )

    def model(self, name: str, request: Any) -> Pretrained:
        """The model of that name; "auto" is digits if the request's prompts name digits, else the first one that is offered.

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
        """A place in the line, for one request.

        Args:
            session: who asks; whoever has none is nobody else.
            name: of what is asked for, by which it can be stopped.

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
        """The same, once it has the device."""
        with self.control(session, name) as control:
            for _ in self.line.places(control):
                pass
            yield control

    def warm_up(self) -> None:
        """Load the models and make a step of each before they are needed, unless the studio ends first."""
        for name in self.models:
            with suppress(UserError, Stopped), self.device("") as control:
                finish("anagram", Anagram(("", ""), steps=1), load(name, **self.loading), control)
