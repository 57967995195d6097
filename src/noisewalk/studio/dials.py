"""Sliders for the strength of each prompt and the level of noise, which make a picture again while they are moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from .controls import SLOTS
from .forms import Form


@dataclass(frozen=True)
class Dial:
    """Some sliders that together write one field of a form.

    Args:
        sliders: the sliders of the page.
        target: the name of the field.
        beside: the name of the field whose texts the sliders belong to; "" if there is none.
        write: maps the values of the sliders and the texts beside them to the value of the field.
    """

    sliders: tuple[Any, ...]
    target: str
    beside: str
    write: Callable[[Sequence[float], Sequence[str]], str]

    def connect(
        self, form: Form, stop: Callable[..., None], walking: Any, inputs: list[Any], viewer: Any, how: dict[str, Any]
    ) -> None:
        """Stop the walk, write the field and walk again when a slider is moved; only the last of several moves counts."""
        (box,) = form.named(self.target)
        beside = form.named(self.beside) if self.beside else ()
        count = len(self.sliders)

        def written(request: gr.Request, *values: Any) -> str:
            stop(request)
            return self.write(values[:count], values[count:])

        private = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        for slider in self.sliders:
            moved = slider.input(written, [*self.sliders, *beside], box, trigger_mode="always_last", **private)
            moved.then(walking, inputs, viewer, trigger_mode="always_last", **how)


def dials(technique: str) -> list[Dial]:
    """Return the dials of a technique; most techniques have none."""
    if technique == "anagram":
        with gr.Row(elem_classes="fields"):
            made = tuple(gr.Slider(0, 3, 1, step=0.05, label=f"strength of prompt {i + 1}") for i in range(SLOTS))
        return [Dial(made, "weights", "prompts", strengths)]
    if technique == "denoise":
        slider = gr.Slider(0, 999, 690, step=1, label="level of noise t", info="the three methods follow")
        return [Dial((slider,), "t", "", lambda values, _: str(int(values[0])))]
    return []


def strengths(values: Sequence[float], prompts: Sequence[str]) -> str:
    """Return the weights of the prompts that are not empty.

    >>> strengths((1, 0.5, 1, 1), ("6", "9", "", ""))
    '1 0.5'
    """
    return " ".join(f"{value:g}" for value, prompt in zip(values, prompts, strict=True) if prompt)
