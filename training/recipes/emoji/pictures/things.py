"""Which drawings scenes are made of, what captions call them, and where they may stand."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .icons import Icon
from .nouns import countable, noun
from .vector import Drawing

_WHOLE = re.compile(r"animal-|plant-|food-(fruit|vegetable|sweet|prepared)|drink|transport-|place-building|place-religious")
_OTHER = frozenset(
    "crescent moon; full moon; sun; sun with face; cloud; rainbow; star; glowing star; fire; umbrella; snowman; "
    "snowman without snow; ghost; robot; alien; skull; clown face; pile of poo; jack-o-lantern; teddy bear; balloon; kite; "
    "christmas tree; wrapped gift; trophy; soccer ball; basketball; baseball; tennis; guitar; violin; trumpet; drum; saxophone; "
    "key; bell; candle; light bulb; camera; television; telephone; book; closed book; pencil; scissors; hammer; axe; bomb; "
    "anchor; crown; top hat; woman's hat; glasses; sunglasses; t-shirt; jeans; dress; handbag; backpack; running shoe; "
    "high-heeled shoe; umbrella with rain drops; volcano; mount fuji; mountain; snow-capped mountain; tent; fountain; "
    "statue of liberty; moai; chair; door; bed; bathtub; broom; bucket; basket; shopping cart; red heart; gem stone; ring; "
    "baby; boy; girl; man; woman; old man; old woman; person; child; princess; prince; astronaut; police officer; "
    "construction worker; detective; ninja; mage; fairy; vampire; mermaid; zombie; elf; santa claus; person standing; "
    "person walking".split("; ")
)
_NEVER = re.compile(r"bouquet|empty nest|spider web|microbe|paw prints|feather|railway track|station|motorway|traffic|fuel|sign|stop|construction$|tipping|seat|wood|rock|brick|leaf|, | with .* |broken|cooked")
_PERSONS = re.compile(r"^(person|person-role|person-fantasy|person-activity)$")
FLYING = frozenset(
    "airplane; helicopter; rocket; ufo; balloon; kite; cloud; sun; moon; star; rainbow; bird; eagle; dove; owl; duck; bee; "
    "butterfly; bat; parachute; ghost; fairy; parrot; dragon; ladybird; swan; satellite".split("; ")
)
"""Nouns that stay up by themselves."""
AFLOAT = frozenset("ship; sailboat; boat; ferry; speedboat; canoe; whale; dolphin; duck; swan; shark; seal; penguin".split("; "))
"""Nouns that are at home on the sea."""
TREES = frozenset({"deciduous tree", "evergreen tree", "palm tree", "christmas tree"})
HOUSES = frozenset({"house", "house with garden", "houses", "hut", "derelict house"})
WALKERS = frozenset(
    {"person standing", "person walking", "person kneeling", "person running", "woman dancing", "man dancing", "man standing",
     "woman standing", "man walking", "woman walking", "man kneeling", "woman kneeling", "person in lotus position",
     "person in tuxedo", "man", "woman", "boy", "girl", "child", "person"}
)  # fmt: skip
HATS = {"top hat": "top hat", "woman's hat": "hat", "billed cap": "cap", "crown": "crown", "graduation cap": "graduation cap"}
GLASSES = {"glasses": "glasses", "sunglasses": "sunglasses", "goggles": "goggles"}
FACES = {"man": "man", "woman": "woman", "boy": "boy", "girl": "girl", "old man": "old man", "old woman": "old woman",
         "baby": "baby", "child": "child", "person": "person", "smiling face": "smiling face",
         "slightly smiling face": "smiling face", "grinning face": "smiling face", "neutral face": "face",
         "grinning face with big eyes": "smiling face", "smiling face with smiling eyes": "smiling face"}  # fmt: skip
"""Wearers with yellow skin."""
BEASTS = {"cat face": "cat", "dog face": "dog", "lion": "lion", "fox": "fox", "bear": "bear", "panda": "panda",
          "pig face": "pig", "rabbit face": "rabbit", "monkey face": "monkey", "mouse face": "mouse", "hamster": "hamster",
          "wolf": "wolf", "tiger face": "tiger", "cow face": "cow", "koala": "koala", "frog": "frog", "polar bear": "polar bear",
          "skull": "skull", "robot": "robot", "alien": "alien", "horse face": "horse", "grinning cat": "cat",
          "jack-o-lantern": "pumpkin"}  # fmt: skip
"""Wearers whose drawing is a face seen from the front."""


@dataclass(frozen=True, eq=False)
class Box:
    """All drawings of one style, by what they are good for.

    Args:
        style: of the package.
        by_noun: things of which pairs, counts and places are made.
        by_name: the first drawing of each emoji name.
    """

    style: str
    by_noun: dict[str, tuple[Drawing, ...]]
    by_name: dict[str, Drawing]

    def of(self, names: Iterable[str]) -> list[Drawing]:
        """Those of the emoji names that this style has."""
        return [self.by_name[name] for name in names if name in self.by_name]

    def pick(self, draw: random.Random, nouns: Sequence[str]) -> Drawing:
        """A drawing of one of the nouns."""
        return draw.choice(self.by_noun[draw.choice(nouns)])


def boxes(drawings: Iterable[Drawing]) -> dict[str, Box]:
    """The drawings of every coloured style."""
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
    """Whether an icon shows one nameable thing that can stand beside others."""
    name = icon.concept.names[0]
    if _NEVER.search(name) or (not countable(noun(name)) and not name.endswith("s") and name != "fire"):
        return False
    role = icon.concept.subgroup == "person-role" and len(name.split()) <= 2 and not name.startswith(("man ", "woman ", "pregnant"))
    return bool(_WHOLE.match(icon.concept.subgroup)) or name in _OTHER or role
