"""The line before the device: one piece of work is done at a time, in an order that is fair between sessions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import UserError

SHARE = 4
"""A session may take the line's places divided by this number, and at least two."""
REPLACED = "replaced by a newer request"


class Stopped(Exception):
    """The work was stopped between two network calls; its text says why."""


@dataclass(eq=False)
class Control:
    """A place in the line, by which the network calls of a request are watched too.

    Args:
        session: the session that asks.
        name: the name of the work, by which it can be stopped.
        seconds: the time of computing after which it is stopped.
        turn: the number of requests of this session that come before it; see `Line`.
        why: why it must stop; "" while it need not.
        calls: the number of network calls so far.
        began: when it was given the device.
    """

    session: str
    name: str
    seconds: float
    turn: int = 0
    why: str = ""
    calls: int = 0
    began: float = field(default_factory=time.monotonic)

    def heed(self) -> None:
        """Raise `Stopped` if somebody asked to stop, or if the time is over."""
        if self.why:
            raise Stopped(self.why)
        if time.monotonic() - self.began > self.seconds:
            raise Stopped(f"stopped after {self.seconds:g} seconds, the limit of this studio")


class Line:
    """The requests that have the device or wait for it.

    Sessions take turns: the first request of a session comes before the second one of any other. Requests of the same turn keep
    the order in which they came.

    Args:
        most: the number of requests that may wait.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._served: Control | None = None
        self._waiting: list[Control] = []
        self._changed = threading.Condition()
        self._over = False

    def join(self, session: str, name: str, seconds: float) -> Control:
        """Take a place; other work of the session under the same name is stopped, unless the name is "".

        Raises:
            UserError: the line is full, or the session has its share of it.
            Stopped: the studio has ended.
        """
        if name:
            self.stop(session, name, REPLACED)
        with self._changed:
            if self._over:
                raise Stopped("the studio has ended")
            own = [each for each in self._all() if each.session == session and not each.why]
            self._check_room(sum(each is not self._served for each in own))
            now = self._served.turn if self._served else 0
            control = Control(session, name, seconds, max([now, *(each.turn + 1 for each in own)]))
            if self._served is None:
                self._served = control
            else:
                self._waiting.append(control)
                self._waiting.sort(key=lambda each: each.turn)
            self._changed.notify_all()
        return control

    def places(self, control: Control) -> Iterator[int]:
        """Wait for the device, and yield the place in the line whenever it changes (1 is the next); then the time begins.

        Raises:
            Stopped: it was stopped meanwhile.
        """
        place = -1
        while place:
            with self._changed:
                while not control.why and self._place(control) == place:
                    self._changed.wait()
                place = self._place(control)
            if control.why:
                raise Stopped(control.why)
            if place:
                yield place
        control.began = time.monotonic()

    def leave(self, control: Control) -> None:
        """Give up the place or the device."""
        with self._changed:
            if control is self._served:
                self._served = self._waiting.pop(0) if self._waiting else None
            else:
                self._waiting.remove(control)
            self._changed.notify_all()

    def stop(self, session: str, name: str = "", why: str = "stopped") -> None:
        """Stop the work of a session under a name, also if it still waits; without a name, all of its work is stopped."""
        with self._changed:
            for each in self._all():
                if each.session == session and name in ("", each.name):
                    each.why = each.why or why
            self._changed.notify_all()

    def end(self, patience: float) -> None:
        """Stop all work, let nobody join any more, and wait at most so many seconds until the device is free."""
        with self._changed:
            self._over = True
            for each in self._all():
                each.why = each.why or "the studio has ended"
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._served is None, patience)

    def _all(self) -> list[Control]:
        return [*([self._served] if self._served else []), *self._waiting]

    def _place(self, control: Control) -> int:
        return self._all().index(control)

    def _check_room(self, own: int) -> None:
        share = max(2, self.most // SHARE)
        if len(self._waiting) >= self.most:
            raise UserError(f"the queue is full: {self.most} requests wait already; try again in a moment")
        if own >= share:
            raise UserError(f"{share} of your requests wait already, your share of the queue; wait until one of them is done")
