"""The prompt encoder of the text U-Net."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...errors import UserError
from ...walk.prediction import Condition
from .emoji import pieced, spelled
from .vocabulary import Vocabulary
from .words import WordTable, words

_log = logging.getLogger(__name__)


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
        found = [self.table.tokens(prompt)[: self.max_tokens] for prompt in prompts]
        mask = torch.arange(self.max_tokens) < torch.tensor([len(each) for each in found])[:, None]
        rows = torch.zeros(mask.shape, dtype=torch.long)
        rows[mask] = torch.tensor([row for each in found for row in each], dtype=torch.long)
        return rows, mask
