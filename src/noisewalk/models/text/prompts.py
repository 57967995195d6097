"""Prompt encoders of networks with classes: they map a prompt to its condition."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch

from ...errors import UserError, unknown
from ...walk.prediction import Condition

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_FILLER = frozenset(
    {"a", "an", "the", "of", "handwritten", "hand", "written", "drawn", "drawing", "digit", "number", "numeral"}
    | {"figure", "picture", "image", "photo"}
)


class DigitPrompts:
    """The prompt encoder of digits: it reads "7", "seven", "a handwritten seven", and "" for no condition.

    >>> encoder = DigitPrompts()
    >>> [encoder.label(p) for p in ("7", "a handwritten seven", "")]
    [7, 7, 10]
    """

    null_label = 10

    def __call__(self, prompt: str) -> Condition:
        """Return the condition of a prompt: its label, (1,) int64."""
        return (torch.tensor([self.label(prompt)]),)

    def label(self, prompt: str) -> int:
        """Return the digit that a prompt names; `null_label` for the empty prompt.

        Args:
            prompt: the prompt.

        Raises:
            UserError: it names none, or more than one.
        """
        text = re.sub(r"(?<=[a-z])[-,.](?=[\sa-z]|$)", " ", prompt.lower())  # "hand-written", "a seven."
        words = re.findall(r"[a-z]+|\d+|[^\sa-z\d]+", text)
        rest = [w for w in words if w not in _FILLER]
        if not words:
            return self.null_label
        if len(rest) == 1 and rest[0] in _WORDS:
            return _WORDS.index(rest[0])
        if len(rest) == 1 and len(rest[0]) == 1 and rest[0].isascii() and rest[0].isdigit():
            return int(rest[0])
        raise UserError(
            f"the digits model does not know the prompt '{prompt}'. It knows 0 to 9, zero to nine, phrases such as "
            "'a handwritten seven', and '' (any digit)"
        )


class LabelPrompts:
    """The prompt encoder of classes: it reads their names, and "" for no condition.

    Args:
        names: the names of the classes, in the order of their labels; none for a model without conditions.

    >>> LabelPrompts(("cat", "dog")).label("Dog")
    1
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.null_label = len(self.names)

    def __call__(self, prompt: str) -> Condition:
        """Return the condition of a prompt: its label, (1,) int64."""
        return (torch.tensor([self.label(prompt)]),)

    def label(self, prompt: str) -> int:
        """Return the label of the class that a prompt names; `null_label` for the empty prompt.

        Args:
            prompt: the prompt.

        Raises:
            UserError: there is no such class.
        """
        wanted = prompt.strip().lower()
        if not wanted:
            return self.null_label
        if not self.names:
            raise UserError(f"this model was trained without classes, so its only prompt is ''; '{prompt}' was asked for")
        lowered = [name.lower() for name in self.names]
        if wanted not in lowered:
            raise unknown("prompt", prompt, self.names)
        return lowered.index(wanted)
