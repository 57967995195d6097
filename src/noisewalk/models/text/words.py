"""Words as vectors: WordPiece tokens, and a small static table in which similar words have similar vectors.

The table was distilled from a sentence encoder: each token went through the encoder alone, its outputs were averaged, their
principal components were kept, and they were stored in int8 with one scale per token (training/recipes/emoji/words.py). A word
that was never seen with a picture is therefore still near the words that were.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch import Tensor

from ...errors import UserError
from ..bundled import WEIGHTS, present
from ..checkpoint import load_tensors
from .emoji import spelled

BUNDLED = WEIGHTS / "words.safetensors"
_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
_LONGEST = 100
_UNSEEN = ("Mn", "Me", "Cf")
"""Unicode categories of accents, enclosing marks and invisible characters."""


def words(text: str) -> list[str]:
    """Return lower-case words and punctuation marks, without accents (BERT's uncased rule); emoji are read by their names.

    >>> words("A Café's door"), words("a 🚀")
    (['a', 'cafe', "'", 's', 'door'], ['a', 'rocket'])
    """
    if text.isascii():  # it has neither accents nor emoji
        return _WORD.findall(text.lower())
    plain = unicodedata.normalize("NFD", spelled(text).lower())
    return _WORD.findall("".join(c for c in plain if unicodedata.category(c) not in _UNSEEN))


@dataclass(frozen=True, eq=False)
class WordTable:
    """Tokens and their vectors.

    Args:
        pieces: the row of each token; a token inside a word starts with "##".
        codes: (V, D) int8.
        scales: (V,) float16; a vector is codes * scales.
    """

    pieces: dict[str, int]
    codes: Tensor
    scales: Tensor

    @property
    def dim(self) -> int:
        """D, the length of a vector."""
        return self.codes.shape[1]

    def tokens(self, text: str) -> list[int]:
        """Return the rows of the tokens of a text, longest match first (WordPiece); words with an unknown part are left out.

        Args:
            text: the text.

        Reference: Schuster & Nakajima, *Japanese and Korean Voice Search*, 2012; as in Devlin et al., *BERT*, 2019,
        https://arxiv.org/abs/1810.04805.
        """
        return [row for word in words(text) for row in self.word(word)]

    def word(self, word: str) -> list[int]:
        """Return the rows of the pieces of one word; none if the table cannot spell it."""
        rows: list[int] = []
        start = 0
        while start < len(word) <= _LONGEST:
            ends = range(len(word), start, -1)
            piece = next((p for end in ends if (p := ("##" if start else "") + word[start:end]) in self.pieces), None)
            if piece is None:
                return []
            rows.append(self.pieces[piece])
            start += len(piece) - (2 if start else 0)
        return rows

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the float32 vectors (..., D) of rows (...)."""
        return self.codes[rows].float() * self.scales[rows].float().unsqueeze(-1)


@cache
def load_words(path: Path = BUNDLED) -> WordTable:
    """Load the word table of a safetensors file and of the JSON with its tokens beside it; by default the bundled one.

    Args:
        path: the safetensors file.

    Raises:
        UserError: a file is missing or damaged, or the two do not belong together.
    """
    path = present(path)
    tensors, _ = load_tensors(path)
    try:
        names = json.loads(path.with_suffix(".json").read_text())["pieces"]
        codes, scales = tensors["codes"], tensors["scales"]
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise UserError(f"the word table {path} is incomplete ({error}); reinstall noisewalk or make it again") from error
    if not len(names) == len(codes) == len(scales):
        raise UserError(f"{path} has {len(codes)} vectors, but {len(names)} tokens are listed beside it; make both again")
    return WordTable({name: i for i, name in enumerate(names)}, codes, scales)
