"""The nouns by which captions name emoji, and their plurals."""

from __future__ import annotations

import re

NOUNS = {
    "automobile": "car",
    "oncoming automobile": "car",
    "delivery truck": "truck",
    "passenger ship": "ship",
    "motor boat": "boat",
    "deciduous tree": "tree",
    "evergreen tree": "pine tree",
    "honeybee": "bee",
    "lady beetle": "ladybird",
    "sauropod": "dinosaur",
    "spouting whale": "whale",
    "snow-capped mountain": "mountain",
    "crescent moon": "moon",
    "soccer ball": "football",
    "house with garden": "house",
    "office building": "building",
    "woman's hat": "hat",
    "billed cap": "cap",
    "t-shirt": "shirt",
    "full moon": "moon",
    "sun with face": "sun",
    "wrapped gift": "gift",
    "person standing": "person",
    "person walking": "person",
    "locomotive": "train",
    "two-hump camel": "camel",
    "snowman without snow": "snowman",
    "hatching chick": "chick",
    "front-facing baby chick": "chick",
    "baby chick": "chick",
    "flying saucer": "ufo",
    "small airplane": "airplane",
    "blowfish": "fish",
    "tropical fish": "fish",
    "glowing star": "star",
    "rescue worker's helmet": "helmet",
}
"""What captions call what emojibase names otherwise."""


def noun(name: str) -> str:
    """Return the noun of an emoji in captions: "dog face" becomes "dog".

    >>> noun("dog face"), noun("red apple"), noun("automobile"), noun("smiling face")
    ('dog', 'red apple', 'car', 'smiling face')
    """
    if name in NOUNS:
        return NOUNS[name]
    return name if "smiling" in name or "grinning" in name else name.removesuffix(" face")


_IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "mouse": "mice", "ox": "oxen", "wolf": "wolves",
    "leaf": "leaves", "knife": "knives", "fish": "fish", "sheep": "sheep", "deer": "deer", "goose": "geese", "tooth": "teeth",
    "policeman": "policemen", "snowman": "snowmen", "foot": "feet", "elf": "elves", "loaf": "loaves", "dice": "dice",
    "shrimp": "shrimp", "squid": "squid", "bison": "bison", "moose": "moose", "cactus": "cacti", "octopus": "octopuses",
}  # fmt: skip
_MASS = re.compile(
    r"(s|milk|bread|beer|tea|sake|bacon|corn|rice|cheese|honey|butter|garlic|ginger root|coral|fire|poo|water|glass of .*|"
    r"fries|spaghetti|broccoli|seaweed|food|meat.*|leafy green|herb|spine|construction|poultry leg|popcorn|salt|curry|"
    r"sushi|jeans)$"
)


def countable(name: str) -> bool:
    """Return whether one can say "two ..." with a noun.

    >>> countable("apple"), countable("glasses"), countable("bus"), countable("milk")
    (True, False, True, False)
    """
    return name.endswith(("bus", "ss", "us")) or not _MASS.search(name)


def plural(name: str) -> str:
    """Return the plural of a noun, of which the last word changes.

    >>> [plural(n) for n in ("red apple", "old man", "bus", "strawberry", "monkey", "mouse", "bicycle", "sailboat")]
    ['red apples', 'old men', 'buses', 'strawberries', 'monkeys', 'mice', 'bicycles', 'sailboats']
    """
    first, _, last = name.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif re.search(r"(s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = last[:-1] + "ies"
    elif last in ("tomato", "potato", "mango", "mosquito"):
        last += "es"
    else:
        last += "s"
    return f"{first} {last}".strip()
