"""The drawings of scenes: their nouns, and where they may stand."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .icons import Icon
from .nouns import countable, noun
from .vector import Drawing

_LISTS: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text())
"""Names of emoji and nouns by what they are good for."""
FLYING = frozenset(_LISTS["flying"])
"""Nouns that stay up by themselves."""
AFLOAT = frozenset(_LISTS["afloat"])
"""Nouns that are at home on the sea."""
HOUSES = frozenset(_LISTS["houses"])
"""Names of what villages are made of."""
WALKERS = frozenset(_LISTS["walkers"])
"""Names of who may be around a fire."""
HATS: dict[str, str] = _LISTS["hats"]
GLASSES: dict[str, str] = _LISTS["glasses"]
FACES: dict[str, str] = _LISTS["faces"]
"""Wearers with yellow skin: what captions call them, by name."""
BEASTS: dict[str, str] = _LISTS["beasts"]
"""Wearers whose drawing is a face seen from the front."""

_WHOLE = re.compile(r"animal-|plant-|food-(fruit|vegetable|sweet|prepared)|drink|transport-|place-building|place-religious")
_NEVER = re.compile(
    r"bouquet|empty nest|spider web|microbe|paw prints|feather|railway track|station|motorway|traffic|fuel|sign|stop|"
    r"construction$|tipping|seat|wood|rock|brick|leaf|, | with .* |broken|cooked"
)


@dataclass(frozen=True, eq=False)
class Box:
    """All drawings of one style, by their use.

    Args:
        style: the name of the style.
        by_noun: the things for pairs, counts and places, by their noun.
        by_name: the first drawing of each emoji name.
    """

    style: str
    by_noun: dict[str, tuple[Drawing, ...]]
    by_name: dict[str, Drawing]

    def of(self, names: Iterable[str]) -> list[Drawing]:
        """Return the emoji names that this style has."""
        return [self.by_name[name] for name in sorted(names) if name in self.by_name]

    def pick(self, draw: random.Random, nouns: Sequence[str]) -> Drawing:
        """Return a random drawing of one of the nouns."""
        return draw.choice(self.by_noun[draw.choice(nouns)])


def boxes(drawings: Iterable[Drawing]) -> dict[str, Box]:
    """Return the drawings of every coloured style."""
    found: dict[str, Box] = {}
    nouns: dict[str, dict[str, list[Drawing]]] = {}
    for made in drawings:
        icon = made.icon
        name = icon.concept.names[0]
        box = found.setdefault(icon.style, Box(icon.style, {}, {}))
        box.by_name.setdefault(name, made)
        if is_thing(icon):
            nouns.setdefault(icon.style, {}).setdefault(made.noun, []).append(made)
    for style, each in nouns.items():
        found[style].by_noun.update({name: tuple(drawings) for name, drawings in each.items()})
    return found


def is_thing(icon: Icon) -> bool:
    """Return whether an icon shows one thing with a name that can stand beside others."""
    name = icon.concept.names[0]
    if _NEVER.search(name) or (not countable(noun(name)) and not name.endswith("s") and name != "fire"):
        return False
    role = (
        icon.concept.subgroup == "person-role"
        and len(name.split()) <= 2
        and not name.startswith(("man ", "woman ", "pregnant"))
    )
    return bool(_WHOLE.match(icon.concept.subgroup)) or name in _LISTS["things"] or role
