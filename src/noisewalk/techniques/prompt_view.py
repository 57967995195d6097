"""What a picture is meant to show, and how one looks at it to see that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class PromptView:
    """What a picture is meant to show, and how one looks at it to see that: what a scorer measures.

    Args:
        label: the way of looking, "" if it is just looking.
        prompt: what should be seen.
        look: (N, C, H, W) -> what is seen, same shape.
    """

    label: str
    prompt: str
    look: Callable[[Tensor], Tensor]
