"""Forms are made from the request dataclasses: a field's type, bounds, choices and help text become a control of the page.

A new technique therefore needs no line here: its row in `TECHNIQUES` is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

import gradio as gr

from ..checking import checked
from ..errors import UserError
from ..models.pretrained import Defaults
from ..techniques import TECHNIQUES
from ..techniques.requests import Request
from .controls import Control, field_control, pad_control
from .fields import folded, shown, with_default
from .limits import Limits, check


@dataclass(frozen=True)
class Form:
    """All controls of a technique.

    Args:
        technique: the name of the technique.
        controls: the controls, in the order of their components.
        limits: the limits of a request.
    """

    technique: str
    controls: tuple[Control, ...]
    limits: Limits

    @property
    def components(self) -> list[Any]:
        """The components of all controls, in order."""
        return [component for control in self.controls for component in control.components]

    def named(self, name: str) -> tuple[Any, ...]:
        """Return the components of the control of a field; there are none if there is no such field."""
        return next((c.components for c in self.controls if name in c.names), ())

    def request(self, values: Sequence[Any]) -> Request:
        """Return the request that the values of the components ask for.

        Raises:
            UserError: a field does not hold what it should, or is above the limits.
        """
        given: dict[str, Any] = {}
        left = list(values)
        for control in self.controls:
            here, left = left[: len(control.components)], left[len(control.components) :]
            given |= control.read(here)
        return request_of(self.technique, given, self.limits)

    def values(self, request: Request) -> list[Any]:
        """Return the values of the components that ask for a request."""
        held = {f.name: getattr(request, f.name) for f in fields(request)}
        return [value for control in self.controls for value in control.write(held)]


def request_of(technique: str, given: Mapping[str, Any], limits: Limits) -> Request:
    """Return a request with the fields that were given, if it is within the limits.

    Raises:
        UserError: a field that has no default is missing, holds something else, or is above the limits.
    """
    kind = TECHNIQUES[technique].request
    for f in fields(kind):
        if f.default is MISSING and f.default_factory is MISSING and given.get(f.name) in (None, "", ()):
            if f.name in ("prompt", "far", "near") and f.name in given:
                continue
            raise UserError(f"{technique} needs {f.name}: {f.metadata['help']}")
    request: Request = checked(kind(**given))
    check(request, limits)
    return request


def build(technique: str, limits: Limits) -> Form:
    """Make the controls of a technique in the `gr.Blocks` that is open."""
    kind = TECHNIQUES[technique].request
    roles = {f.name: f.metadata["role"] for f in fields(kind) if f.metadata.get("role")}
    controls = [pad_control(technique, roles, limits)] if roles else []
    plain = [f for f in fields(kind) if f.name not in roles]
    ordered = sorted(plain, key=lambda f: (not f.metadata.get("positional"), f.name != "prompt"))
    with gr.Row(elem_classes="fields"):
        controls += [field_control(technique, f, limits) for f in ordered if not folded(f)]
    if any(folded(f) for f in ordered):
        with gr.Accordion("Advanced", open=False), gr.Row(elem_classes="fields"):
            controls += [field_control(technique, f, limits) for f in ordered if folded(f)]
    return Form(technique, tuple(controls), limits)


def placeholders(form: Form, defaults: Defaults) -> list[Any]:
    """Return updates of all components of a form, which show a model's defaults where the user has chosen nothing."""
    updates: list[Any] = []
    for control in form.controls:
        value = getattr(defaults, control.names[0], None)
        f = next(f for f in fields(TECHNIQUES[form.technique].request) if f.name == control.names[0])
        if value is None or f.default is not None:
            updates += [gr.skip() for _ in control.components]
        elif f.metadata.get("choices"):
            updates.append(gr.update(choices=with_default(f.metadata["choices"], str(value))))
        else:
            updates.append(gr.update(placeholder=shown(value)))
    return updates
