"""Partners for a prompt: other prompts that may share an anagram with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..judge.scorer import Scorer
from ..models.text.prompts import DigitPrompts, LabelPrompts
from ..models.zoo import Pretrained
from ..run.make import run
from ..techniques.generate import Generate
from ..techniques.view_files import find_views


@dataclass(frozen=True)
class Partner:
    """A prompt that could share a picture.

    Args:
        prompt: the prompt.
        fit: the mean score of the pictures of each prompt, seen through the view, for the other prompt; larger is better.
    """

    prompt: str
    fit: float


def vocabulary(model: Pretrained) -> tuple[str, ...]:
    """Return the prompts that a model makes well: its digits, its classes, or those that its card lists.

    Raises:
        UserError: the model does not list any.
    """
    encoder: Any = model.encode
    listed = model.card.get("prompts") or (encoder.names if isinstance(encoder, LabelPrompts) else ())
    if isinstance(encoder, DigitPrompts):
        listed = [str(digit) for digit in range(10)]
    if not listed:
        raise UserError(f"the model '{model.name}' does not list prompts to choose from; name some with --among")
    return tuple(listed)


def suggest(
    model: Pretrained,
    scorer: Scorer,
    prompt: str,
    among: Sequence[str] = (),
    view: str = "rotate180",
    num: int = 4,
    watch: Callable[[int, int], None] = lambda done, total: None,
    **walk: Any,
) -> list[Partner]:
    """Return prompts ordered by how well they fit to one, the best first.

    Pictures of each prompt alone are made. Two prompts fit if the pictures of one, seen through the view, already score for the
    other, and the other way round (mapped back). An anagram can build on what they have in common.

    Args:
        model: makes the pictures.
        scorer: scores them.
        prompt: the prompt to find partners for.
        among: the prompts to choose from; () for those that the model is known to make well.
        view: the anagram's second view.
        num: how many pictures are made of each prompt.
        watch: a function that is called with (prompts done, prompts in all).
        walk: fields of `Generate`.

    Raises:
        UserError: the model or the scorer does not know a prompt, there is no such view, or there is nothing to choose from.
    """
    (through,) = find_views([view], model.shape, of_noise=model.codec is None)
    others = list(dict.fromkeys(among or vocabulary(model)))
    if num < 1:
        raise UserError(f"--num must be at least 1, but {num} was asked for")

    def drawn(text: str) -> Tensor:
        return run("generate", Generate(text, num=num, **walk), model, keep_states=False).tensor

    towards = scorer.score(through.forward(drawn(prompt)), others).mean(0)
    watch(1, 1 + len(others))
    found = []
    for i, other in enumerate(others):
        back = scorer.score(through.inverse(drawn(other)), [prompt]).mean()
        found.append(Partner(other, float(torch.stack([towards[i], back]).mean())))
        watch(i + 2, 1 + len(others))
    return sorted(found, key=lambda partner: -partner.fit)
