"""Words as vectors: WordPiece tokens, and a small static table in which similar words have similar vectors.

The table was distilled from a sentence encoder: each token went through the encoder alone, its outputs were averaged, their
principal components were kept, and they were stored in int8 with one scale per token (training/recipes/emoji/words.py). A word
that was never seen with a picture is therefore still near the words that were.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.prediction import Condition
from ..bundled import WEIGHTS, present
from ..checkpoint import load_tensors
from .emoji import pieced, spelled

if TYPE_CHECKING:
    from .vocabulary import Vocabulary

_log = logging.getLogger(__name__)

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


@dataclass(frozen=True, eq=False)
class TextPrompts:
    """The prompt encoder of a `TextUNet`: it maps a prompt to word vectors (1, L, D) float32 and their mask (1, L) bool.

    With `encode_text`, the network's own encoding of the words, (1, 1 + L, D'), takes the place of the word vectors. The empty
    prompt is a mask without a single token, and so is a caption that is dropped in training. If a part of a prompt is not
    understood, a warning is logged once.

    Args:
        table: the words' vectors.
        max_tokens: L; longer prompts are cut off.
        vocabulary: what the model knows, to recognise prompts that are far from it; None if that is not known.
        encode_text: the text encoder of a network, (vectors, mask) -> encoded words. A walk then encodes a prompt once, and not
            at every step. Each prompt is encoded alone, so that it does not depend on the others.
        device: the device of the condition.
    """

    table: WordTable
    max_tokens: int = 24
    vocabulary: Vocabulary | None = None
    encode_text: Callable[[Tensor, Tensor], Tensor] | None = None
    device: torch.device | str = "cpu"
    _told: set[str] = field(default_factory=set, init=False, repr=False)

    def __call__(self, prompt: str) -> Condition:
        """Return the condition of a prompt.

        Args:
            prompt: the prompt.

        Raises:
            UserError: it has words, but none that can be read.
        """
        rows, mask = self.rows([prompt])
        if prompt.strip() and not mask.any():
            raise UserError(
                f"no word of the prompt '{prompt}' can be read; this model reads English words (with '' it makes any picture)"
            )
        if prompt not in self._told:
            self._told.add(prompt)
            for note in self.notes(prompt):
                _log.warning(note)
        vectors, mask = self.table.vectors(rows).to(self.device), mask.to(self.device)
        if self.encode_text is None:
            return vectors, mask
        with torch.no_grad():
            return self.encode_text(vectors, mask), mask

    def notes(self, prompt: str) -> list[str]:
        """Return what will not be understood of a prompt, in sentences for the user."""
        found, unread, dropped, used = [], [], [], 0
        for word in words(prompt):
            used += len(rows := self.table.word(word))
            if not rows:
                unread.append(word)
            elif used > self.max_tokens:
                dropped.append(word)
        if unread:
            found.append(f"some words of the prompt '{prompt}' cannot be read and are left out: {' '.join(unread)}")
        if dropped:
            found.append(
                f"the prompt is too long; this model reads {self.max_tokens} tokens and leaves out: {' '.join(dropped)}"
            )
        if (read := spelled(prompt)) != prompt:
            found.insert(0, f"the prompt '{prompt}' is read as '{read}'")
        for joined in pieced(prompt):
            found.append(f"the emoji {joined} has no name that is known here; it is read by its parts: '{spelled(joined)}'")
        if self.vocabulary and self.vocabulary.is_far(prompt):
            near = ", ".join(f"'{name}'" for name, _ in self.vocabulary.nearest(prompt))
            rest = f"the nearest names that it knows are {near}" if near else "it knows none of the words"
            found.append(f"the prompt '{prompt}' is far from everything that this model makes well; {rest}")
        return found

    def rows(self, prompts: list[str]) -> tuple[Tensor, Tensor]:
        """Return the rows of the tokens of prompts, and their mask.

        Args:
            prompts: N prompts; tokens after the first L are cut off.

        Returns:
            (N, L) int64, 0 where there is no token, and (N, L) bool.
        """
        rows = torch.zeros(len(prompts), self.max_tokens, dtype=torch.long)
        mask = torch.zeros(len(prompts), self.max_tokens, dtype=torch.bool)
        for i, prompt in enumerate(prompts):
            found = self.table.tokens(prompt)[: self.max_tokens]
            rows[i, : len(found)] = torch.tensor(found, dtype=torch.long)
            mask[i, : len(found)] = True
        return rows, mask


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
