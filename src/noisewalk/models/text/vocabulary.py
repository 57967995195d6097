"""What a text model was trained on, in words: how far a prompt is from it, and which known words are nearest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from .words import WordTable, words

FAR = 0.65
"""Below this cosine, two words are not about the same thing ("campfire" and "camping" 0.71, "coast" and "beach" 0.62)."""

_EMPTY = frozenset(["a", "an", "the", "of", "on", "in", "at", "to", "for", "by", "with", "and", "or", "from", "is", "are", "s"])


class Vocabulary:
    """Names that a model knows, as directions of the word table.

    Args:
        table: the words' vectors.
        known: names and phrases it was trained on.
        filler: words it knows that name nothing ("icon", "painting").
    """

    def __init__(self, table: WordTable, known: Sequence[str], filler: Sequence[str] = ()) -> None:
        self.table, self.known, self.filler = table, tuple(known), _EMPTY | set(filler)

    def nearest(self, prompt: str, num: int = 3) -> list[tuple[str, float]]:
        """The known names nearest to a prompt's words together, and their cosines, nearest first."""
        direction = self._direction(prompt)
        if direction is None:
            return []
        found = (self._names @ direction).topk(min(num, len(self.known)))
        return [(self.known[i], float(cosine)) for cosine, i in zip(found.values, found.indices.tolist(), strict=True)]

    def is_far(self, prompt: str) -> bool:
        """Whether neither the prompt as a whole nor any of its words is near anything known."""
        telling = self._telling(prompt)
        if not telling:
            return False
        directions = [d for d in map(self._direction, (prompt, *telling)) if d is not None]
        return not directions or float((self._all @ torch.stack(directions).T).max()) < FAR

    def _telling(self, prompt: str) -> list[str]:
        return [word for word in words(prompt) if word not in self.filler and word.isalpha()]

    def _direction(self, text: str) -> Tensor | None:
        """The mean vector of the words that name something (of all, if none does), of length 1."""
        rows = [self.table.word(word) for word in self._telling(text) or words(text)]
        vectors = [self.table.vectors(torch.tensor(each)).mean(0) for each in rows if each]
        return F.normalize(torch.stack(vectors).mean(0), dim=0) if vectors else None

    @cached_property
    def _names(self) -> Tensor:
        nothing = torch.zeros(self.table.dim)
        found = [self._direction(name) for name in self.known]
        return torch.stack([nothing if each is None else each for each in found])

    @cached_property
    def _all(self) -> Tensor:
        """(K, D) of names and of their single words."""
        single = sorted({word for name in self.known for word in self._telling(name)})
        found = [d for d in map(self._direction, single) if d is not None]
        return torch.cat([self._names, torch.stack(found)]) if found else self._names
