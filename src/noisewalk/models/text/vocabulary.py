"""What a text model can make, in words: how far a prompt is from it, and which known words are nearest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from .words import WordTable, words

FAR = 0.7
"""The cosine to the nearest known name below which the picture of a word is more likely wrong than right.

The emoji model made one picture of each of 3,765 words that do not name its concepts, and the scorer chose among twenty names.
It chose the right one in 40 % of the cases at a cosine of 0.60 to 0.65, 44 % at 0.65 to 0.70, 46 % at 0.70 to 0.75, 60 % at
0.75 to 0.80 and 69 % at 0.80 to 0.85 (training/recipes/emoji/prompts_known.py)."""

_PIECES = 2
"""An unknown word that is spelled with more pieces than this is left out, because the mean of its pieces says nothing."""

_EMPTY = frozenset(["a", "an", "the", "of", "on", "in", "at", "to", "for", "by", "with", "and", "or", "from", "is", "are", "s"])


class Vocabulary:
    """The names that a model knows, as directions in the word table.

    Args:
        table: the words' vectors.
        known: the names of the things that it makes well.
        filler: words that it knows but that name nothing ("icon", "painting").
    """

    def __init__(self, table: WordTable, known: Sequence[str], filler: Sequence[str] = ()) -> None:
        self.table, self.known, self.filler = table, tuple(known), _EMPTY | set(filler)

    def nearest(self, prompt: str, num: int = 3) -> list[tuple[str, float]]:
        """Return the known names that are nearest to a prompt as a whole.

        Args:
            prompt: the prompt.
            num: how many names are returned at most.

        Returns:
            Names and their cosines, the nearest first.
        """
        direction = self._direction(prompt)
        if direction is None:
            return []
        found = (self._names @ direction).topk(min(num, len(self.known)))
        return [(self.known[i], float(cosine)) for cosine, i in zip(found.values, found.indices.tolist(), strict=True)]

    def is_far(self, prompt: str) -> bool:
        """Return whether a prompt names something, but neither the whole nor most of its words are near a known name."""
        telling = self._telling(prompt)
        if not telling:
            return bool(words(prompt)) and not self.filler.intersection(words(prompt))
        near = sum(self._is_near(word) for word in telling)
        return 2 * near <= len(telling) and not self._is_near(prompt)

    def _is_near(self, text: str) -> bool:
        if text in self._exact:  # without the directions of all names, which take a fifth of a second
            return True
        direction = self._direction(text)
        return direction is not None and float((self._names @ direction).max()) >= FAR

    def _telling(self, prompt: str) -> list[str]:
        return [word for word in words(prompt) if word not in self.filler and word.isalnum()]

    def _direction(self, text: str) -> Tensor | None:
        """Return the mean vector of the words that name something (of all words if none does), with length 1."""
        rows = [self._rows(word) for word in self._telling(text) or words(text)]
        vectors = [self.table.vectors(torch.tensor(each)).mean(0) for each in rows if each]
        return F.normalize(torch.stack(vectors).mean(0), dim=0) if vectors else None

    def _rows(self, word: str) -> list[int]:
        """Return the rows of a word's pieces; none for an unknown word with too many pieces."""
        rows = self.table.word(word)
        return rows if len(rows) <= _PIECES or word in self._spelled else []

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(self.known)

    @cached_property
    def _spelled(self) -> frozenset[str]:
        return frozenset(word for name in self.known for word in words(name))

    @cached_property
    def _names(self) -> Tensor:
        nothing = torch.zeros(self.table.dim)
        found = [self._direction(name) for name in self.known]
        return torch.stack([nothing if each is None else each for each in found])
