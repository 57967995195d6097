"""The templates of scenes: pairs, sizes, counts, colours, places."""

from __future__ import annotations

import random
from collections.abc import Sequence

from . import grounds
from .captions import with_article
from .colours import PAINTS
from .nouns import countable, noun, plural
from .scenes import Missing, Scene, Stage
from .things import AFLOAT, FLYING
from .vector import Box, Drawing

NUMBERS = {2: "two", 3: "three", 4: "four"}


def a(drawing: Drawing, colour: str = "", size: str = "") -> str:
    """The noun of a drawing with its article, size and colour: "a big red apple"."""
    name = bare(drawing.noun) if colour else drawing.noun
    return with_article(" ".join(word for word in (size, colour, name) if word))


def bare(name: str) -> str:
    """A noun without a colour word of its own.

    >>> bare("red apple"), bare("polar bear")
    ('apple', 'polar bear')
    """
    first, _, rest = name.partition(" ")
    return rest if rest and first in PAINTS else name


def tint(stage: Stage, drawing: Drawing, chance: float) -> str:
    """A colour for a drawing that can have others, with a chance; else ""."""
    if drawing.own is None or stage.draw.random() > chance or drawing.skin is not None:
        return ""
    return stage.draw.choice(list(PAINTS))


def backdrop(stage: Stage, horizon: float = 70) -> None:
    """Mostly white; else sky and ground."""
    if stage.draw.random() < 0.7:
        return
    grounds.sky(stage.canvas, stage.draw, "day")
    grounds.ground(stage.canvas, stage.draw, stage.draw.choice(("grass", "grass", "sand")), horizon)


def two(stage: Stage, among: Sequence[str] = ()) -> tuple[Drawing, Drawing]:
    """Two drawings of different nouns."""
    nouns = sorted(stage.drawings.by_noun)
    first = stage.drawings.pick(stage.draw, among or nouns)
    second = stage.drawings.pick(stage.draw, nouns)
    if bare(first.noun) == bare(second.noun) or first.noun in second.noun or second.noun in first.noun:
        raise Missing
    return first, second


def beside(stage: Stage) -> Scene:
    """A cat to the left of a dog."""
    draw, (left, right) = stage.draw, two(stage)
    backdrop(stage)
    colours = tint(stage, left, 0.3), tint(stage, right, 0.3)
    size, y = draw.uniform(38, 47), draw.uniform(60, 92)
    gap = draw.uniform(1, 6)
    one = stage.canvas.put(left, Box(50 - gap / 2 - size, y - size, size, size), colours[0], draw.random() < 0.3)
    other = stage.canvas.put(right, Box(50 + gap / 2, y - size, size, size), colours[1], draw.random() < 0.3)
    first, second = a(left, colours[0]), a(right, colours[1])
    said = [
        f"{first} and {second}",
        f"{first} and {second}",
        f"{first} beside {second}",
        f"{first} next to {second}",
        f"{first} to the left of {second}",
        f"{first} left of {second}",
        f"{second} to the right of {first}",
        f"{first} on the left and {second} on the right",
        f"{second} and {first}",
    ]
    return stage.scene("beside", said, (left.noun, right.noun), (one, other), "left of")


def above(stage: Stage) -> Scene:
    """A bird above a tree."""
    draw = stage.draw
    flying = sorted(FLYING & set(stage.drawings.by_noun))
    top, low = two(stage, flying if draw.random() < 0.5 else ())
    if draw.random() < 0.2:
        grounds.sky(stage.canvas, draw)
        grounds.ground(stage.canvas, draw, "grass", draw.uniform(75, 88))
    colours = tint(stage, top, 0.3), tint(stage, low, 0.3)
    size, x, split = draw.uniform(38, 48), draw.uniform(40, 60), draw.uniform(-1, 4)
    under = stage.canvas.put(low, Box(x - 28, 97 - size, 56, size), colours[1])
    over = stage.canvas.put(top, Box(x - 28, 97 - 2 * size - split, 56, size), colours[0])
    first, second = a(top, colours[0]), a(low, colours[1])
    said = [f"{first} above {second}", f"{first} over {second}", f"{second} under {first}", f"{second} below {first}"]
    said += (
        [f"{first} and {second}", f"{second} and {first}"]
        if split > 0
        else [f"{first} on {second}", f"{first} on top of {second}"]
    )
    return stage.scene("above", said, (top.noun, low.noun), (over, under), "above")


def in_front(stage: Stage) -> Scene:
    """A dog in front of a house."""
    draw, (front, back) = stage.draw, two(stage)
    if draw.random() < 0.5:
        grounds.sky(stage.canvas, draw)
        grounds.ground(stage.canvas, draw, draw.choice(("grass", "grass", "snow", "sand")), draw.uniform(68, 80))
    colours = tint(stage, front, 0.3), tint(stage, back, 0.3)
    behind = stage.canvas.put(back, Box(draw.uniform(8, 20), 6, 72, 78), colours[1])
    size = draw.uniform(36, 48)
    x = draw.uniform(8, 92 - size)
    near = stage.canvas.put(front, Box(x, 97 - size, size, size), colours[0])
    first, second = a(front, colours[0]), a(back, colours[1])
    said = [f"{first} in front of {second}", f"{second} behind {first}", f"{first} and {second}", f"{second} and {first}"]
    return stage.scene("in front", said, (front.noun, back.noun), (near, behind), "in front of")


def sizes(stage: Stage) -> Scene:
    """A big cat and a small dog."""
    draw, (large, small) = stage.draw, two(stage)
    backdrop(stage)
    colours = tint(stage, large, 0.2), tint(stage, small, 0.2)
    big, little = draw.uniform(58, 66), draw.uniform(22, 30)
    y = draw.uniform(80, 94)
    left = draw.random() < 0.5
    x, u = (3, 95 - little) if left else (97 - big, 5)
    one = stage.canvas.put(large, Box(x, y - big, big, big), colours[0])
    other = stage.canvas.put(small, Box(u, y - little, little, little), colours[1])
    first, second = a(large, colours[0], "big"), a(small, colours[1], "small")
    said = [
        f"{first} and {second}",
        f"{second} and {first}",
        f"{second} beside {first}",
        f"{second} next to {first}",
        f"{a(large, colours[0], 'large')} and {a(small, colours[1], 'little')}",
        f"{a(large, colours[0])} and {a(small, colours[1], 'tiny')}",
    ]
    return stage.scene("sizes", said, (large.noun, small.noun), (one, other), "bigger than")


_PLACES = {
    2: (((25, 50), (75, 50)),),
    3: (((18, 50), (50, 50), (82, 50)), ((28, 72), (72, 72), (50, 28))),
    4: (((26, 26), (74, 26), (26, 74), (74, 74)),),
}
"""Centres of so many things, in percent."""


def several(stage: Stage) -> Scene:
    """Three apples."""
    draw = stage.draw
    what = stage.drawings.pick(draw, sorted(filter(countable, stage.drawings.by_noun)))
    if draw.random() < 0.15:
        grounds.sky(stage.canvas, draw)
        grounds.ground(stage.canvas, draw, "grass", 72)
    colour, num = tint(stage, what, 0.35), draw.choice((2, 2, 3, 3, 4))
    places = draw.choice(_PLACES[num])
    size = 31 if places[0][0] == 18 else draw.uniform(38, 46)
    put = []
    for left, top in places:
        x, y, s = left + draw.uniform(-2, 2), top + draw.uniform(-3, 3), size * draw.uniform(0.93, 1.07)
        put.append(stage.canvas.put(what, Box(x - s / 2, y - s / 2, s, s), colour))
    name = plural(bare(what.noun) if colour else what.noun)
    name = f"{colour} {name}".strip()
    said = [f"{NUMBERS[num]} {name}", f"{NUMBERS[num]} {name}", f"a group of {NUMBERS[num]} {name}", f"{num} {name}"]
    return stage.scene("several", said, (NUMBERS[num], what.noun), tuple(put))


def coloured(stage: Stage) -> Scene:
    """A green bird: one drawing in another colour."""
    draw = stage.draw
    what = stage.drawings.pick(draw, sorted(stage.drawings.by_noun))
    if what.own is None or (what.skin is not None and draw.random() < 0.8):
        raise Missing
    colour, size = draw.choice(list(PAINTS)), draw.uniform(80, 98)
    box = stage.canvas.put(what, Box(50 - size / 2, 50 - size / 2, size, size), colour)
    first = a(what, colour)
    said = [first] * 4 + [first.partition(" ")[2], f"{with_article(bare(what.noun))} that is {colour}"]
    if "bear" in what.noun.split() and colour == "white":
        said += ["a polar bear", "a polar bear", "a white bear"]
    return stage.scene("coloured", said, (colour, bare(what.noun)), (box,))


def placed(stage: Stage) -> Scene:
    """A castle on a hill; a ship on the sea; a wolf at night; a house in the snow."""
    draw = stage.draw
    nouns = sorted(set(stage.drawings.by_noun) - {"sun", "moon", "cloud", "rainbow", "star", "mountain"})
    place = draw.choice(("hill", "mountain", "snow", "sea", "night", "desert", "rain", "beach", "grass", "sunset", "forest"))
    what = stage.drawings.pick(draw, sorted(AFLOAT & set(nouns)) if place == "sea" else nouns)
    colour = tint(stage, what, 0.25)
    box, phrases = _PLACE[place](stage, what, colour)
    first = a(what, colour)
    things = (what.noun, place)
    return stage.scene("placed", [f"{first} {phrase}" for phrase in phrases], things, (box,), phrases[0])


def _hill(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    grounds.sky(stage.canvas, stage.draw)
    grounds.hill(stage.canvas, stage.draw, "grass", 62)
    return stage.canvas.put(what, Box(25, 8, 50, 58), colour), ["on a hill", "on top of a hill", "on a green hill"]


def _mountain(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    canvas, draw = stage.canvas, stage.draw
    snowy = draw.random() < 0.5
    grounds.sky(canvas, draw, draw.choice(("day", "day", "sunset")))
    if draw.random() < 0.4:
        grounds.peak(canvas, (50, 38), 101, draw.uniform(45, 60), grounds.shade(draw, 215, 0.45, 0.2), 0.4 * snowy)
        return canvas.put(what, Box(32, 4, 36, 38), colour), ["on a mountain", "on top of a mountain", "on a mountain top"]
    grounds.mountains(canvas, draw, 70, snowy)
    grounds.ground(canvas, draw, "snow" if snowy else "grass", 68)
    near = canvas.put(what, Box(22, 40, 56, 54), colour)
    return near, (
        ["in front of snowy mountains", "in the snowy mountains"] if snowy else ["in front of mountains", "in the mountains"]
    )


def _snow(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    grounds.sky(stage.canvas, stage.draw, "snow")
    grounds.ground(stage.canvas, stage.draw, "snow", stage.draw.uniform(60, 75))
    box = stage.canvas.put(what, Box(18, 22, 64, 68), colour)
    grounds.snowfall(stage.canvas, stage.draw)
    return box, ["in the snow", "in snow", "on a snowy day", "in winter"]


def _sea(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    when = stage.draw.choice(("day", "day", "sunset"))
    grounds.sky(stage.canvas, stage.draw, when)
    grounds.ground(stage.canvas, stage.draw, "sea", stage.draw.uniform(50, 62))
    box = stage.canvas.put(what, Box(20, 22, 60, 56), colour)
    return box, ["on the sea", "at sea", "on the ocean", "on the water"]


def _night(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    grounds.sky(stage.canvas, stage.draw, "night")
    kind = stage.draw.choice(("grass", "snow", "grass"))
    grounds.ground(stage.canvas, stage.draw, kind, stage.draw.uniform(68, 82), "night")
    return stage.canvas.put(what, Box(18, 28, 64, 64), colour), ["at night", "by night", "under the stars", "under a night sky"]


def _desert(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    grounds.sky(stage.canvas, stage.draw, stage.draw.choice(("day", "sunset")))
    grounds.hills(stage.canvas, stage.draw, "sand", 52)
    return stage.canvas.put(what, Box(18, 28, 64, 64), colour), ["in the desert", "in a desert", "on the sand"]


def _beach(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    grounds.sky(stage.canvas, stage.draw)
    grounds.ground(stage.canvas, stage.draw, "sea", 45)
    grounds.ground(stage.canvas, stage.draw, "sand", stage.draw.uniform(64, 72))
    return stage.canvas.put(what, Box(18, 28, 64, 64), colour), ["on the beach", "on a beach", "by the sea"]


def _rain(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    grounds.rectangle(stage.canvas, -1, 102, grounds.shade(stage.draw, 215, 0.78, 0.15))
    box = stage.canvas.put(what, Box(16, 24, 68, 70), colour)
    grounds.rain(stage.canvas, stage.draw)
    return box, ["in the rain", "on a rainy day", "in rain"]


def _grass(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    grounds.sky(stage.canvas, stage.draw)
    grounds.hills(stage.canvas, stage.draw, "grass", stage.draw.uniform(48, 60))
    return stage.canvas.put(what, Box(18, 28, 64, 64), colour), ["in a meadow", "on the grass", "in a field", "in the hills"]


def _sunset(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    grounds.sky(stage.canvas, stage.draw, "sunset")
    stage.canvas.add(f'<circle cx="{stage.draw.uniform(30, 70):.1f}" cy="66" r="17" fill="#ff9c2a"/>')
    grounds.ground(stage.canvas, stage.draw, stage.draw.choice(("grass", "sea", "sand")), 68, "night")
    return stage.canvas.put(what, Box(18, 26, 64, 64), colour), ["at sunset", "in front of a sunset"]


def _forest(stage: Stage, what: Drawing, colour: str) -> tuple[Box, list[str]]:
    trees(stage, stage.draw, "grass", "day", stage.draw.randint(5, 8))
    return stage.canvas.put(what, Box(24, 46, 52, 50), colour), ["in a forest", "in the woods", "in the forest"]


def trees(stage: Stage, draw: random.Random, kind: str, when: str, num: int, name: str = "") -> str:
    """Sky, ground and rows of trees of one or two sorts; returns the emoji name of the first sort."""
    known = stage.drawings.of((name,) if name else ("deciduous tree", "evergreen tree"))
    if not known:
        raise Missing
    grounds.sky(stage.canvas, draw, when if when != "day" or kind != "snow" else "snow")
    grounds.ground(stage.canvas, draw, kind, 55, when)
    sort = draw.choice(known)
    for i in range(num):
        depth = i / max(1, num - 1)
        size = 26 + 22 * depth
        x = draw.uniform(0, 100) if i else 50
        what = sort if draw.random() < 0.7 else draw.choice(known)
        stage.canvas.put(what, Box(x - size / 2, 56 + 32 * depth - size, size, size), "")
    return sort.icon.concept.names[0]


_PLACE = {
    "hill": _hill, "mountain": _mountain, "snow": _snow, "sea": _sea, "night": _night, "desert": _desert, "rain": _rain,
    "beach": _beach, "grass": _grass, "sunset": _sunset, "forest": _forest,
}  # fmt: skip

__all__ = ["above", "beside", "coloured", "in_front", "noun", "placed", "several", "sizes", "trees", "two"]
