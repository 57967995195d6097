"""Prompts of the digits model."""

from __future__ import annotations

import pytest

from noisewalk import UserError
from noisewalk.models.text.prompts import DigitPrompts


@pytest.mark.parametrize(
    ("prompt", "label"),
    [
        *((str(d), d) for d in range(10)),
        ("seven", 7),
        ("a handwritten seven", 7),
        ("A hand-written SEVEN.", 7),
        ("the digit 0", 0),
        ("", 10),
        ("   ", 10),
    ],
)
def test_known_prompts(prompt: str, label: int) -> None:
    assert DigitPrompts().label(prompt) == label


@pytest.mark.parametrize("prompt", ["10", "12", "seventeen", "a cat", "3 7", "a handwritten", "-3", "٣", "³", "seven!", "七"])
def test_unknown_prompts_are_errors_that_list_what_is_known(prompt: str) -> None:
    with pytest.raises(UserError, match="It knows 0 to 9, zero to nine"):
        DigitPrompts().label(prompt)
