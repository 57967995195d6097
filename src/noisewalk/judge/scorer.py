"""Scorers: how well a picture shows a prompt."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..errors import UserError, unknown
from ..models.text.prompts import DigitPrompts
from ..models.text.text_prompts import TextPrompts
from ..models.zoo import Pretrained
from .digits import digit_probabilities
from .image_text import BUNDLED, load_scorer
from .reliability import Reliability


class Scorer(Protocol):
    """Anything that says how well pictures show prompts.

    >>> class Brightness:
    ...     def score(self, pictures, prompts):
    ...         return pictures.mean((1, 2, 3))[:, None].expand(-1, len(prompts))
    >>> scorer: Scorer = Brightness()
    """

    def score(self, pictures: Tensor, prompts: Sequence[str]) -> Tensor:
        """Return the score of every picture for every prompt; larger is better.

        Args:
            pictures: (N, C, H, W) float, data in [-1, 1] (values outside are clipped), N at least 1, of the size of the model's
                pictures. A picture's scores do not depend on the others of the batch.
            prompts: P prompts, as they are given to the model.

        Returns:
            (N, P) float32 on the CPU. They are logits, such that the softmax over a row is the probability of each prompt among
            those that were asked for (of a CLIP: cosine similarity divided by its temperature), or log-probabilities among all
            that the scorer knows.

        Raises:
            UserError: the scorer cannot read such pictures, or does not know a prompt.
        """
        ...


class DigitScorer:
    """The bundled digit reader as a scorer: the log-probability of the digit that a prompt names.

    The prompt '' stands for the most probable digit, whichever it is.

    >>> DigitScorer().score(-torch.ones(2, 1, 28, 28), ["7", "a handwritten four"]).shape
    torch.Size([2, 2])
    """

    reliable = Reliability(math.log(0.9), 0.999, "the test digits, each asked about all ten digits")

    def score(self, pictures: Tensor, prompts: Sequence[str]) -> Tensor:
        """Return log-probabilities (N, P) of pictures (N, 1, 28, 28) in [-1, 1], see `Scorer`.

        Raises:
            UserError: the pictures have another shape, or a prompt does not name a digit.
        """
        if pictures.shape[1:] != (1, 28, 28):
            shape = "x".join(map(str, pictures.shape[1:]))
            raise UserError(f"the digit reader reads pictures of 1x28x28, but these are {shape}; choose another scorer")
        encoder = DigitPrompts()
        labels = [encoder.label(prompt) for prompt in prompts]
        logs = digit_probabilities(pictures.cpu().clamp(-1, 1)).clamp(min=1e-12).log()
        clearest = logs.max(1).values
        return torch.stack([clearest if label == encoder.null_label else logs[:, label] for label in labels], dim=1)


SCORERS: dict[str, Callable[[], Scorer]] = {"digits": DigitScorer}
"""The bundled scorers by name. A model's card names its own (`"scorer": "digits"`)."""

if BUNDLED.with_suffix(".json").is_file():
    SCORERS["emoji"] = load_scorer


def get_scorer(name: str, model: Pretrained, offline: bool = False, option: str = "--scorer") -> Scorer:
    """Return a scorer by its name.

    Args:
        name: a name in `SCORERS`, clip:FOLDER or clip:HUB/ID for a CLIP, or "auto" for the scorer that belongs to the model.
        model: the model whose pictures are scored.
        offline: do not ask the network for a CLIP.
        option: the flag that names it, for messages.

    Raises:
        UserError: there is no such scorer, or none belongs to the model.
    """
    if name == "auto":
        encode = inspect.unwrap(model.encode)  # a prepared model remembers the prompts it has encoded
        by_prompts = [name for kind, name in ((DigitPrompts, "digits"), (TextPrompts, "emoji")) if isinstance(encode, kind)]
        own = model.card.get("scorer") or next(iter(by_prompts), None)
        if own is None:
            raise UserError(
                f"the model '{model.name}' has no scorer of its own; choose one with {option}: {', '.join(sorted(SCORERS))}"
            )
        name = own
    if name.startswith("clip:"):
        from .clip import ClipScorer

        return ClipScorer(name.removeprefix("clip:"), offline)
    if name not in SCORERS:
        raise unknown("scorer", name, SCORERS)
    return SCORERS[name]()
