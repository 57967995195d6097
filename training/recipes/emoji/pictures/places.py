"""Templates of places: a castle on a hill, a ship on the sea, a wolf at night, a house in the snow, a thing in a forest."""

from __future__ import annotations

import random

from . import grounds
from .scenes import Missing, Scene, Stage
from .templates import a, tint
from .things import AFLOAT
from .vector import Box, Drawing


def placed(stage: Stage) -> Scene:
    """Compose a thing in a place, such as a castle on a hill, a ship on the sea, a wolf at night or a house in the snow."""
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
    """Draw sky, ground and rows of one or two kinds of trees, and return the emoji name of the first kind."""
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
