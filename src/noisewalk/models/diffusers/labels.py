"""Classes as prompts: the number of a class, or one of its names, where the pipeline has names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from ...errors import UserError, unknown
from ...walk.prediction import Condition
from .components import ModelFiles
from .families import Family


@dataclass(frozen=True)
class Labels:
    """The prompts of a network that was trained on classes, or on nothing but pictures.

    Args:
        count: the number of classes; 0 for a network without them.
        null: the label that means "no class", which the empty prompt has; None if the network has none.
        names: labels by the names of their classes, in lower case.

    >>> Labels(10, 10, {"tench": 0})("Tench"), Labels(10, 10)("7"), Labels(10, 10)("")
    ((tensor([0]),), (tensor([7]),), (tensor([10]),))
    """

    count: int = 0
    null: int | None = None
    names: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, prompt: str) -> Condition:
        """Return the condition of a prompt: its label, (1,) int64; nothing for a network without classes.

        Raises:
            UserError: there is no such class.
        """
        wanted = prompt.strip().lower()
        if not self.count:
            if wanted:
                raise UserError(f"this model was trained without prompts, so its only prompt is ''; '{prompt}' was asked for")
            return ()
        return (torch.tensor([self._label(wanted, prompt)]),)

    def _label(self, wanted: str, prompt: str) -> int:
        known = f"its prompts are the numbers of its classes, 0 to {self.count - 1}" + (
            " and their names" if self.names else ""
        )
        if not wanted and self.null is not None:
            return self.null
        if not wanted:
            raise UserError(f"this model draws a class, and was not trained without one; {known}; use --guidance-scale 1")
        if wanted in self.names:
            return self.names[wanted]
        if wanted.isascii() and wanted.isdigit() and int(wanted) < self.count:
            return int(wanted)
        if self.names:
            raise unknown("class", prompt, self.names)
        raise UserError(f"this model has no class '{prompt}'; {known}")


def read_labels(folder: ModelFiles, family: Family) -> Labels:
    """Return the classes of a network without a text encoder.

    A DiT has one label more than classes, which means "no class"; a U-Net has none.
    """
    config = folder.network(family.network)
    if family.network == "transformer":
        count = config.get("num_embeds_ada_norm") or 0
        return Labels(count, count or None, _names(folder, count))
    count = config.get("num_class_embeds") or 0
    return Labels(count, None, _names(folder, count))


def _names(folder: ModelFiles, count: int) -> dict[str, int]:
    """Return the labels of the names in model_index.json, as the pipeline reads them: "tench, Tinca tinca" are two names."""
    said = (folder.options.get("id2label") or {}).items()
    numbered = [(int(key), names) for key, names in said if key.isascii() and key.isdigit() and int(key) < count]
    return {name.strip().lower(): label for label, names in numbered for name in names.split(",") if name.strip()}
