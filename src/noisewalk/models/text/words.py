"""Words as vectors: WordPiece tokens, and a small static table that knows which words are alike.

The table was distilled from a sentence encoder: each token alone through the encoder, averaged, its principal components
kept, int8 with one scale a token (training/recipes/emoji/words.py). A word never seen with a picture therefore still lands
near the words that were.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.prediction import Condition
from ..checkpoint import load_tensors

if TYPE_CHECKING:
    from .vocabulary import Vocabulary

_log = logging.getLogger(__name__)

BUNDLED = Path(str(files("noisewalk") / "weights" / "words.safetensors"))
_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
_LONGEST = 100
_UNSEEN = ("Mn", "Me", "Cf")
"""Unicode categories of accents, enclosing marks, and characters that are not seen."""
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_EMOJI = re.compile("[\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff][\ufe0f\u200d\u20e3\U000e0020-\U000e007f]*")
_OLD_STYLE = ("black", "white", "heavy", "medium")
"""Words in the names of the oldest signs that say how they are printed, not what they show ("black telephone")."""


def words(text: str) -> list[str]:
    """Lower-case words and single punctuation marks, accents stripped (BERT's uncased rule); emoji are read by their names.

    >>> words("A Café's door"), words("a 🚀")
    (['a', 'cafe', "'", 's', 'door'], ['a', 'rocket'])
    """
    plain = unicodedata.normalize("NFD", spelled(text).lower())
    return _WORD.findall("".join(c for c in plain if unicodedata.category(c) not in _UNSEEN))


def spelled(text: str) -> str:
    """A text with every emoji replaced by its Unicode name, without skin tones and variation selectors.

    >>> spelled("🐱 and 👍🏽"), spelled("no emoji")
    ('cat face and thumbs up', 'no emoji')
    """
    named = _EMOJI.sub(_emoji_name, _FLAG.sub(" flag ", text))
    return text if named == text else " ".join(named.split())


def _emoji_name(found: re.Match[str]) -> str:
    """The name of one emoji, without what only changes it or joins it to the next; what is no emoji stays as it is."""
    character = found[0][0]
    if unicodedata.category(character) == "Sk":  # a skin tone
        return ""
    if unicodedata.category(character) != "So":
        return found[0]
    dropped = ("sign", "symbol", "emoji", "component", *(() if character >= "\U0001f000" else _OLD_STYLE))
    return f" {' '.join(word for word in unicodedata.name(character).lower().split() if word not in dropped)} "


@dataclass(frozen=True, eq=False)
class WordTable:
    """Tokens and their vectors.

    Args:
        pieces: token -> row; a token inside a word starts with "##".
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
        """Rows of the tokens of a text, longest match first (WordPiece); words with an unknown part are left out.

        Reference: Schuster & Nakajima, *Japanese and Korean Voice Search*, 2012; as in BERT.
        """
        return [row for word in words(text) for row in self.word(word)]

    def word(self, word: str) -> list[int]:
        """Rows of one word's pieces; empty if it cannot be spelled with the table."""
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
        """float32 vectors (..., D) of rows (...)."""
        return self.codes[rows].float() * self.scales[rows].float().unsqueeze(-1)


@dataclass(frozen=True, eq=False)
class TextPrompts:
    """Encodes a prompt as the condition of a `TextUNet`: word vectors (1, L, D) float32 and their mask (1, L) bool.

    With `encode_text`, the network's own encoding of the words, (1, 1 + L, D'), takes the place of the word vectors. The empty
    prompt is a mask without a single token, and so is a caption that is dropped in training. If a part of a prompt is not
    understood, a warning is logged once.

    Args:
        table: the words' vectors.
        max_tokens: L; what is longer is cut off.
        vocabulary: what the model knows, to tell prompts that are far from it; None if that is not known.
        encode_text: the text encoder of a network, (vectors, mask) -> encoded words. A walk then encodes a prompt once, and not
            at every step. Each prompt is encoded alone, so that it does not depend on the others.
        device: of the condition.
    """

    table: WordTable
    max_tokens: int = 24
    vocabulary: Vocabulary | None = None
    encode_text: Callable[[Tensor, Tensor], Tensor] | None = None
    device: torch.device | str = "cpu"
    _told: set[str] = field(default_factory=set, init=False, repr=False)

    def __call__(self, prompt: str) -> Condition:
        """The condition of a prompt.

        Raises:
            UserError: there are words in it, but none that can be read.
        """
        rows, mask = self.rows([prompt])
        if prompt.strip() and not mask.any():
            raise UserError(f"no word of the prompt '{prompt}' can be read; this model reads English ('' draws anything)")
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
        """What will not be understood of a prompt, in sentences for the user."""
        found, unread, dropped, used = [], [], [], 0
        for word in words(prompt):
            used += len(rows := self.table.word(word))
            if not rows:
                unread.append(word)
            elif used > self.max_tokens:
                dropped.append(word)
        if unread:
            found.append(f"the prompt '{prompt}' has words that cannot be read and are left out: {' '.join(unread)}")
        if dropped:
            found.append(f"the prompt is too long; this model reads {self.max_tokens} tokens, and drops: {' '.join(dropped)}")
        if (read := spelled(prompt)) != prompt:
            found.insert(0, f"the prompt '{prompt}' is read as '{read}'")
        if self.vocabulary and self.vocabulary.is_far(prompt):
            near = ", ".join(f"'{name}'" for name, _ in self.vocabulary.nearest(prompt))
            rest = f"the nearest it knows: {near}" if near else "none of its words is one that it knows"
            found.append(f"the prompt '{prompt}' is far from all this model draws well; {rest}")
        return found

    def rows(self, prompts: list[str]) -> tuple[Tensor, Tensor]:
        """Token rows (N, L) int64, zero where there is none, and their mask (N, L); what is longer than L is cut off."""
        rows = torch.zeros(len(prompts), self.max_tokens, dtype=torch.long)
        mask = torch.zeros(len(prompts), self.max_tokens, dtype=torch.bool)
        for i, prompt in enumerate(prompts):
            found = self.table.tokens(prompt)[: self.max_tokens]
            rows[i, : len(found)] = torch.tensor(found, dtype=torch.long)
            mask[i, : len(found)] = True
        return rows, mask


@cache
def load_words(path: Path = BUNDLED) -> WordTable:
    """The table of a safetensors file and the JSON of its tokens beside it; the bundled one by default.

    Raises:
        UserError: a file is missing or damaged, or they do not belong together.
    """
    tensors, _ = load_tensors(path)
    try:
        names = json.loads(path.with_suffix(".json").read_text())["pieces"]
        codes, scales = tensors["codes"], tensors["scales"]
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise UserError(f"the word table {path} is not whole ({error}); reinstall noisewalk or make it again") from error
    if not len(names) == len(codes) == len(scales):
        raise UserError(f"{path} has {len(codes)} vectors, but {len(names)} tokens are listed beside it; make both again")
    return WordTable({name: i for i, name in enumerate(names)}, codes, scales)
