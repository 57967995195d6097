"""What a text model draws, in words: how far a prompt is from it, and which known words are nearest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from .words import WordTable, words

FAR = 0.7
"""The cosine to the nearest known name below which a word is more likely drawn wrongly than rightly.

Of 3,765 words that are no names of the emoji model's concepts, it drew one picture each, and the scorer chose among twenty
names: it named rightly 37 % at a cosine of 0.60 to 0.65, 36 % at 0.65 to 0.70, 47 % at 0.70 to 0.75, 52 % at 0.75 to 0.80 and
65 % at 0.80 to 0.85 (training/recipes/emoji/prompts_known.py)."""

_PIECES = 2
"""A word that takes more pieces than this, and is not known itself, is no word: the mean of its pieces says nothing."""

_EMPTY = frozenset(["a", "an", "the", "of", "on", "in", "at", "to", "for", "by", "with", "and", "or", "from", "is", "are", "s"])


class Vocabulary:
    """Names that a model knows, as directions of the word table.

    Args:
        table: the words' vectors.
        known: names of what it draws rightly.
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
        """Whether a prompt names something, and neither the whole of it nor most of its words are near a known name."""
        telling = self._telling(prompt)
        if not telling:
            return bool(words(prompt)) and not self.filler.intersection(words(prompt))
        near = sum(self._is_near(word) for word in telling)
        return not self._is_near(prompt) and 2 * near <= len(telling)

    def _is_near(self, text: str) -> bool:
        direction = self._direction(text)
        return direction is not None and float((self._names @ direction).max()) >= FAR

    def _telling(self, prompt: str) -> list[str]:
        return [word for word in words(prompt) if word not in self.filler and word.isalnum()]

    def _direction(self, text: str) -> Tensor | None:
        """The mean vector of the words that name something (of all, if none does), of length 1."""
        rows = [self._rows(word) for word in self._telling(text) or words(text)]
        vectors = [self.table.vectors(torch.tensor(each)).mean(0) for each in rows if each]
        return F.normalize(torch.stack(vectors).mean(0), dim=0) if vectors else None

    def _rows(self, word: str) -> list[int]:
        """Rows of a word's pieces; none of a word that is not known and is spelled with too many."""
        rows = self.table.word(word)
        return rows if len(rows) <= _PIECES or word in self._spelled else []

    @cached_property
    def _spelled(self) -> frozenset[str]:
        return frozenset(word for name in self.known for word in words(name))

    @cached_property
    def _names(self) -> Tensor:
        nothing = torch.zeros(self.table.dim)
        found = [self._direction(name) for name in self.known]
        return torch.stack([nothing if each is None else each for each in found])
