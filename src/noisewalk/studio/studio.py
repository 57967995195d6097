"""What the parts of a studio share: its models, its limits, its folder and who walks."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserError, shorten
from ..models.pretrained import Pretrained
from ..models.zoo import load
from .limits import Limits
from .runner import DEVICE, Control, Stops, chosen_model, watched

PATIENCE = 30.0
"""Seconds that whoever computes has to heed the end of the studio; one network call takes less."""
QUEUE = "walk"
"""The queue of everything that computes: one at a time, in the order in which it was asked for."""


@dataclass(frozen=True, eq=False)
class Studio:
    """A studio.

    Args:
        models: that may be used, the first one first in the list.
        limits: of a request.
        folder: for all temporary files.
        queue: requests that may wait.
        loading: further options of `load`.
    """

    models: tuple[str, ...]
    limits: Limits
    folder: Path
    queue: int = 32
    loading: dict[str, Any] = field(default_factory=dict)
    stops: Stops = field(default_factory=Stops)

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
    def control(self, session: str = "") -> Iterator[Control]:
        """What watches the network calls of one request.

        Args:
            session: whose button stops it; "" if it has none.
        """
        own = session or secrets.token_hex(16)
        control = self.stops.begin(own, self.limits.seconds)
        try:
            yield control
        finally:
            self.stops.end(own, control)

    def load_all(self) -> None:
        """Load the models before they are needed, unless the studio ends first."""
        for name in self.models:
            with DEVICE:
                if self.stops.over:
                    return
                load(name, **self.loading)

    def end(self) -> None:
        """Stop all that is walked, and wait until the device is free."""
        self.stops.stop_all()
        if DEVICE.acquire(timeout=PATIENCE):
            DEVICE.release()

    def watched(self, model: Pretrained, control: Control) -> Pretrained:
        """A model under a control."""
        return watched(model, control)

    @contextmanager
    def device(self, control: Control) -> Iterator[None]:
        """Held by who walks without `walk`; its time begins when it has the device."""
        with DEVICE:
            control.began = time.monotonic()
            yield
