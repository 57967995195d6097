"""The controls of a form: each field of a request becomes one by its type, bounds, choices and help text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass
from typing import Any

import gradio as gr
from PIL import Image

from ..checking import FieldType, field_type
from ..errors import UserError
from ..guidance.views import VIEWS
from ..images import encode_png
from ..techniques import TECHNIQUES
from .components import on_pad, pad
from .fields import numbers, shown, with_default
from .limits import Limits
from .pictures import data_url

SLOTS = 4
"""The number of inputs of a field of several texts."""
MOST_NUMBER = 2**53 - 1
"""The largest whole number that a browser keeps exactly."""


@dataclass(frozen=True)
class Control:
    """The part of the page that stands for a field of a request, or for a picture and its mask together.

    Args:
        names: the names of the fields.
        components: the components of the page.
        read: maps the values of the components to the values of the fields; a field that is left out keeps its default.
        write: maps the values of the fields to the values of the components.
    """

    names: tuple[str, ...]
    components: tuple[Any, ...]
    read: Callable[[Sequence[Any]], dict[str, Any]]
    write: Callable[[Mapping[str, Any]], list[Any]]


def pad_control(technique: str, roles: Mapping[str, str], limits: Limits) -> Control:
    """Return one canvas for the picture and the mask of a technique."""
    by_role = {role: name for name, role in roles.items()}
    canvas = pad(kind="both" if len(roles) > 1 else next(iter(roles.values())), limits=limits, elem_id=f"{technique}-pad")

    def read(values: Sequence[Any]) -> dict[str, Any]:
        given = on_pad(values[0], limits)
        return {name: given[role] for role, name in by_role.items() if role in given}

    def write(held: Mapping[str, Any]) -> list[Any]:
        made = {role: held[name].image for role, name in by_role.items() if held.get(name) is not None}
        return [{role: data_url(encode_png(image)) for role, image in made.items()}]

    return Control(tuple(roles), (canvas,), read, write)


def field_control(technique: str, f: Field[Any], limits: Limits) -> Control:
    """Return the control of a field that holds no picture."""
    kind, ident = field_type(TECHNIQUES[technique].request, f.name), f"{technique}-{f.name}"
    label, info, choices = f.name.replace("_", " "), f.metadata["help"], list(f.metadata.get("choices") or ())
    if f.name == "views":
        choices = list(VIEWS)
    if kind.several and kind.item is str:
        return _texts(f, ident, label, info, choices)
    if kind.several:
        return _numbers(f, kind, ident, label, info)
    component: Any
    if choices:
        offered = with_default(choices, "default") if kind.optional and f.default is None else choices
        component = gr.Dropdown(offered, value="" if f.default is None else f.default, label=label, info=info, elem_id=ident)
    elif kind.item is bool:
        component = gr.Checkbox(bool(f.default), label=label, info=info, elem_id=ident)
    elif kind.optional and kind.item is not str:
        return _optional_number(f, kind, ident, label, info)
    elif kind.item is str:
        value = "" if f.default is MISSING else f.default
        classes = ["prompt", "wide"] if f.metadata.get("positional") or "prompt" in f.name else []
        common = {"label": label, "info": info, "max_length": limits.prompt, "elem_id": ident}
        component = gr.Textbox(value, max_lines=1, elem_classes=classes, **common)
    else:
        component = _number(f, kind, ident, label, info)
    return Control((f.name,), (component,), _reader(f, kind), lambda held: [_for_browser(held[f.name])])


def _number(f: Field[Any], kind: FieldType, ident: str, label: str, info: str) -> Any:
    least, most = f.metadata.get("least"), f.metadata.get("most")
    value = None if f.default is MISSING else f.default
    bounds = {"minimum": least, "maximum": None if most is None else min(most, MOST_NUMBER)}
    precision = 0 if kind.item is int else None
    return gr.Number(value, label=label, info=info, precision=precision, placeholder="the model's", elem_id=ident, **bounds)


def _optional_number(f: Field[Any], kind: FieldType, ident: str, label: str, info: str) -> Control:
    """Return a text box for an optional number, because a browser's box for numbers fills with 0 when it is empty."""
    value = "" if f.default is None else shown(f.default)
    hint = f.metadata.get("unset") or "the model's"
    box = gr.Textbox(value, label=label, info=info, placeholder=hint, max_lines=1, max_length=40, elem_id=ident)

    def read(values: Sequence[Any]) -> dict[str, Any]:
        if not (values[0] or "").strip():
            return {}
        given = numbers(f.name, values[0], kind.item)
        if len(given) != 1:
            raise UserError(f"--{f.name.replace('_', '-')} must be one number, '{values[0][:60]}' was given")
        return {f.name: given[0]}

    return Control((f.name,), (box,), read, lambda held: ["" if held[f.name] is None else shown(held[f.name])])


def _reader(f: Field[Any], kind: FieldType) -> Callable[[Sequence[Any]], dict[str, Any]]:
    def read(values: Sequence[Any]) -> dict[str, Any]:
        value = values[0]
        if value is None or (value == "" and kind.optional):
            return {f.name: ""} if kind.item is str and not kind.optional else {}
        return {f.name: value}

    return read


def _texts(f: Field[Any], ident: str, label: str, info: str, choices: list[str]) -> Control:
    """Return the control of a field of several texts: some inputs, of which those that are empty do not count."""
    default = list(f.default) if isinstance(f.default, tuple) else []
    made: list[Any] = []
    for i in range(SLOTS):
        value, name = default[i] if i < len(default) else "", f"{label.removesuffix('s')} {i + 1}"
        common = {"label": name, "info": info if i == 0 else None, "elem_id": f"{ident}-{i + 1}"}
        if choices:
            made.append(gr.Dropdown(["", *choices], value=value, allow_custom_value=True, **common))
        else:
            made.append(gr.Textbox(value, max_lines=1, elem_classes="prompt", **common))

    def read(values: Sequence[Any]) -> dict[str, Any]:
        given = tuple(text for text in values if text)
        return {f.name: given} if given or f.default is MISSING else {}

    def write(held: Mapping[str, Any]) -> list[Any]:
        return [*held[f.name][:SLOTS], *[""] * (SLOTS - len(held[f.name]))]

    return Control((f.name,), tuple(made), read, write)


def _numbers(f: Field[Any], kind: FieldType, ident: str, label: str, info: str) -> Control:
    """Return the control of a field of several numbers: one line, with spaces or commas between them."""
    default = "" if not isinstance(f.default, tuple) else shown(f.default)
    box = gr.Textbox(default, label=label, info=info, placeholder="numbers with spaces", max_lines=1, elem_id=ident)

    def read(values: Sequence[Any]) -> dict[str, Any]:
        return {f.name: numbers(f.name, values[0], kind.item)} if values[0] and values[0].strip() else {}

    return Control((f.name,), (box,), read, lambda held: [shown(held[f.name] or ())])


def _for_browser(value: Any) -> Any:
    """Return what a component can hold; a choice that is left to the model is None, and not an empty text."""
    return value if not isinstance(value, Image.Image) else None
