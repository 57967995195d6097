"""Templates of scenes: pairs, sizes, counts and colours."""

from __future__ import annotations

from collections.abc import Sequence

from . import grounds
from .captions import with_article
from .colours import PAINTS
from .nouns import countable, plural
from .scenes import Missing, Scene, Stage
from .things import FLYING
from .vector import Box, Drawing

NUMBERS = {2: "two", 3: "three", 4: "four"}


def a(drawing: Drawing, colour: str = "", size: str = "") -> str:
    """Return the noun of a drawing with its article, size and colour, such as "a big red apple"."""
    name = bare(drawing.noun) if colour else drawing.noun
    return with_article(" ".join(word for word in (size, colour, name) if word))


def bare(name: str) -> str:
    """Return a noun without its own colour word.

    >>> bare("red apple"), bare("polar bear")
    ('apple', 'polar bear')
    """
    first, _, rest = name.partition(" ")
    return rest if rest and first in PAINTS else name


def tint(stage: Stage, drawing: Drawing, chance: float) -> str:
    """Return a random colour, with some probability, for a drawing that can have others; else ""."""
    if drawing.own is None or stage.draw.random() > chance or drawing.skin is not None:
        return ""
    return stage.draw.choice(list(PAINTS))


def backdrop(stage: Stage, horizon: float = 70) -> None:
    """Draw a background that is mostly white, and otherwise sky and ground."""
    if stage.draw.random() < 0.7:
        return
    grounds.sky(stage.canvas, stage.draw, "day")
    grounds.ground(stage.canvas, stage.draw, stage.draw.choice(("grass", "grass", "sand")), horizon)


def two(stage: Stage, among: Sequence[str] = ()) -> tuple[Drawing, Drawing]:
    """Return two drawings with different nouns."""
    nouns = sorted(stage.drawings.by_noun)
    first = stage.drawings.pick(stage.draw, among or nouns)
    second = stage.drawings.pick(stage.draw, nouns)
    if bare(first.noun) == bare(second.noun) or first.noun in second.noun or second.noun in first.noun:
        raise Missing
    return first, second


def beside(stage: Stage) -> Scene:
    """Compose two things side by side, such as a cat to the left of a dog."""
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
    """Compose one thing above another, such as a bird above a tree."""
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
    """Compose one thing in front of another, such as a dog in front of a house."""
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
    """Compose two things of different sizes, such as a big cat and a small dog."""
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
    """Compose several of the same thing, such as three apples."""
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
    """Compose one thing in another colour, such as a green bird."""
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
