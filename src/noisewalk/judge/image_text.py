"""The image-text scorer: a contrastive pair of encoders that was trained on emoji and pictograms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..models.bundled import WEIGHTS, present
from ..models.checkpoint import RUN_CHECKPOINT, network_weights, verified_card
from ..models.text.text_prompts import TextPrompts
from ..models.text.words import load_words
from .pairs import PairNetwork, pair_config
from .reliability import Reliability

BUNDLED = WEIGHTS / "emoji-scorer.safetensors"


class ImageTextScorer:
    """Scores pictures of any size for prompts by scale * cosine of their embeddings; see `Scorer`.

    The scorer refuses a prompt of which it cannot read a word. The prompt '' gets the best score of all names that the scorer
    was trained on, which says how clearly a picture shows anything.

    Args:
        network: the pair of encoders.
        prompts: turns prompts into the network's word vectors.
        known: the names of things that it was trained on.
        reliable: from which score on it is right about real pictures; None if that was not measured.
    """

    def __init__(
        self, network: PairNetwork, prompts: TextPrompts, known: Sequence[str] = (), reliable: Reliability | None = None
    ) -> None:
        self.network, self.prompts, self.known = network.eval().requires_grad_(False), prompts, tuple(known)
        self.reliable = reliable

    @torch.no_grad()
    def score(self, pictures: Tensor, prompts: Sequence[str]) -> Tensor:
        """Return the logits (N, P) of pictures for prompts.

        Args:
            pictures: (N, 1 or 3, H, W) in [-1, 1].
            prompts: P prompts.

        Raises:
            UserError: no word of a prompt can be read.
        """
        shown = torch.cat([self.network.embed_pictures(part) for part in self._parts(pictures)])[: len(pictures)]
        columns = [self._known if not prompt.strip() else self._asked(prompt) for prompt in prompts]
        scale = float(self.network.log_scale.exp())
        cosines = [(shown.double() @ column.double().T).max(1).values.float() for column in columns]
        return scale * torch.stack(cosines, dim=1)

    @torch.no_grad()
    def features(self, pictures: Tensor) -> Tensor:
        """Return the features (N, D) of the picture encoder, in which Fréchet distances are measured."""
        return torch.cat([self.network.features(part) for part in self._parts(pictures)])[: len(pictures)]

    def _parts(self, pictures: Tensor, batch: int = 8) -> list[Tensor]:
        """Return pictures at the encoder's size, always the same number at a time, so that results repeat to the bit."""
        size = self.network.config.image_size
        x = pictures.detach().float().cpu().clamp(-1, 1).expand(-1, 3, -1, -1)
        if x.shape[-2:] != (size, size):
            x = F.adaptive_avg_pool2d(x, size) if min(x.shape[-2:]) > size else F.interpolate(x, (size, size), mode="bilinear")
        x = torch.cat([x, x[-1:].expand(-len(x) % batch, -1, -1, -1)])
        return list(torch.split(x, batch))

    def _asked(self, prompt: str) -> Tensor:
        rows, mask = self.prompts.rows([prompt])
        if not mask.any():
            raise UserError(f"the image-text scorer cannot read the prompt '{prompt}'; it reads English words")
        return self.network.embed_prompts(self.prompts.table.vectors(rows), mask)

    @cached_property
    def _known(self) -> Tensor:
        if not self.known:
            raise UserError(
                "this image-text scorer has no list of the names that it knows, which the prompt '' needs; give a prompt"
            )
        rows, mask = self.prompts.rows(list(self.known))
        return self.network.embed_prompts(self.prompts.table.vectors(rows), mask)


RELIABLE = Reliability(14.05, 0.95, "the held-out drawings, each asked about twenty names")
"""The reliability of the bundled scorer; another scorer has scores of another scale."""


@cache
def load_scorer(path: Path = BUNDLED) -> ImageTextScorer:
    """Load the scorer of a packed file or a run folder; by default the bundled one.

    Args:
        path: the file or the folder.

    Raises:
        UserError: the file is missing or damaged (its card has another SHA-256), or it does not hold a scorer.
    """
    file = path / RUN_CHECKPOINT if path.is_dir() else present(path)
    card = verified_card(file)
    tensors, config = network_weights(file)
    try:
        network = PairNetwork(pair_config(config["config"]))
        network.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{file} is not an image-text scorer of this version: {str(error).splitlines()[0]}") from error
    prompts = TextPrompts(load_words(), network.config.max_tokens)
    return ImageTextScorer(network, prompts, card.get("known", ()), RELIABLE if path == BUNDLED else None)
