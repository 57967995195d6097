"""Templates of larger scenes: hats and glasses, villages, forests, waterfalls and campfires; and the list of templates."""

from __future__ import annotations

import random

from . import grounds
from .captions import with_article
from .colours import PAINTS
from .nouns import plural
from .places import placed, trees
from .scenes import Missing, Scene, Stage, Template
from .templates import above, beside, coloured, in_front, several, sizes, tint
from .things import BEASTS, FACES, GLASSES, HATS, HOUSES, WALKERS
from .vector import Box, Drawing


def wearing(stage: Stage) -> Scene:
    """Compose someone who wears a thing, such as a man with a red hat or a cat with glasses."""
    draw, names = stage.draw, stage.drawings.by_name
    wearers = FACES if draw.random() < 0.6 else BEASTS
    who = names.get(draw.choice(list(wearers)))
    items = HATS if draw.random() < 0.65 else GLASSES
    what = names.get(draw.choice(list(items)))
    if who is None or what is None:
        raise Missing
    called = wearers[who.icon.concept.names[0]]
    face_colour = tint(stage, who, 0.3) if wearers is BEASTS else ""
    colour = draw.choice(list(PAINTS)) if what.own and draw.random() < 0.45 else ""
    if draw.random() < 0.2:
        grounds.sky(stage.canvas, draw, draw.choice(("day", "day", "night")))
    size = draw.uniform(64, 74)
    head = stage.canvas.put(who, Box(50 - size / 2, 97 - size, size, size), face_colour)
    skin = who.skin if wearers is FACES else None
    box = stage.canvas.put(what, (_on_head if items is HATS else _on_nose)(head, skin, what), colour)
    item = items[what.icon.concept.names[0]]
    thing = f"{colour} {item}".strip()
    thing = thing if items is GLASSES else with_article(thing)
    first = with_article(f"{face_colour} {called}".strip())
    said = [f"{first} wearing {thing}"] * 3 + [f"{first} with {thing}", f"{first} in {thing}", f"{thing} on {first}"]
    if items is HATS and item == "cap":
        said.append(f"{first} wearing a {colour + ' ' if colour else ''}hat")
    if item == "top hat":
        said += [f"{first} wearing {with_article((colour + ' hat').strip())}"] * 3
    return stage.scene("wearing", said, (called, item), (head, box), "wearing")


def _on_head(head: Box, skin: Box | None, hat: Drawing) -> Box:
    """Return the place of a hat, with its lower edge on the forehead."""
    face = _face(head, skin)
    width = 0.95 * face.w
    brim = face.y + (0.12 if skin else 0.16) * face.h
    height = min(width / hat.aspect, brim - 1)
    return Box(face.x + face.w / 2 - width / 2, brim - height, width, height)


def _on_nose(head: Box, skin: Box | None, glasses: Drawing) -> Box:
    """Return the place of glasses, over the eyes."""
    face = _face(head, skin)
    width = 0.86 * face.w
    height = width / glasses.aspect
    return Box(face.x + face.w / 2 - width / 2, face.y + (0.42 if skin else 0.40) * face.h - height / 2, width, height)


def _face(head: Box, skin: Box | None) -> Box:
    if skin is None:
        return Box(head.x + 0.1 * head.w, head.y, 0.8 * head.w, head.h)
    return Box(
        head.x + skin.x * head.w, head.y + skin.y * head.h, skin.w * head.w, min(skin.h * head.h, skin.w * head.w * 1.15)
    )


def village(stage: Stage) -> Scene:
    """Compose a village, such as a snowy mountain village or a village at night."""
    draw, canvas = stage.draw, stage.canvas
    houses = stage.drawings.of(HOUSES)
    woods = stage.drawings.of(("evergreen tree", "deciduous tree"))
    if not houses or not woods:
        raise Missing
    snowy, high, when = draw.random() < 0.45, draw.random() < 0.5, draw.choice(("day", "day", "night", "sunset"))
    grounds.sky(canvas, draw, "snow" if snowy and when == "day" else when)
    if high:
        grounds.mountains(canvas, draw, 62, snowy or draw.random() < 0.4, when)
    grounds.ground(canvas, draw, "snow" if snowy else "grass", 60, when)
    num = draw.randint(3, 6)
    for i in range(num):
        depth = i / (num - 1)
        size = 20 + 14 * depth
        x = 12 + 76 * ((i * 0.62 + draw.uniform(0, 0.2)) % 1)
        what = draw.choice(houses) if draw.random() < 0.8 else draw.choice(woods)
        box = canvas.put(what if i else houses[0], Box(x - size / 2, 62 + 30 * depth - size, size, size), _wall(draw, what))
        if snowy and what in houses:
            grounds.polygon(
                canvas,
                [(box.x, box.y + 0.35 * box.h), (box.x + box.w / 2, box.y), (box.x + box.w, box.y + 0.35 * box.h)],
                "#ffffffd0",
            )
    if snowy:
        grounds.snowfall(canvas, draw)
    words = [word for word, on in (("snowy", snowy), ("mountain", high)) if on]
    late = {"night": " at night", "sunset": " at sunset"}.get(when, "")
    name = " ".join([*words, "village"])
    said = [f"a {name}{late}"] * 3 + [f"houses in {'the snow' if snowy else 'the mountains' if high else 'a village'}{late}"]
    if snowy:
        said.append(f"a village in the snow{late}")
    if high:
        said.append(f"a {'snowy ' * snowy}village in the mountains{late}")
    return stage.scene("village", said, ("village", *words, when))


def _wall(draw: random.Random, what: Drawing) -> str:
    return draw.choice(list(PAINTS)) if what.own and draw.random() < 0.2 else ""


def forest(stage: Stage) -> Scene:
    """Compose many trees, such as a snowy forest or palm trees."""
    draw = stage.draw
    snowy, when = draw.random() < 0.3, draw.choice(("day", "day", "day", "night"))
    name = draw.choice(("", "", "", "palm tree"))
    kind = "snow" if snowy else "sand" if name == "palm tree" else "grass"
    sort = trees(stage, draw, kind, when, draw.randint(6, 11), name)
    if snowy:
        grounds.snowfall(stage.canvas, draw)
    late = " at night" if when == "night" else ""
    said = [f"a {'snowy ' * snowy}forest{late}"] * 3 + [f"trees{' in the snow' * snowy}{late}", f"many trees{late}"]
    if name == "palm tree":
        said = [f"palm trees{late}", f"a forest of palm trees{late}", f"many palm trees{late}"]
    elif sort == "evergreen tree":
        said += [f"a {'snowy ' * snowy}pine forest{late}"]
    return stage.scene("forest", said, ("forest", kind, when))


def waterfalls(stage: Stage) -> Scene:
    """Compose one to three waterfalls between rocks."""
    draw, canvas = stage.draw, stage.canvas
    num = draw.choice((1, 1, 2, 2, 3))
    when = draw.choice(("day", "day", "day", "sunset", "night"))
    grounds.sky(canvas, draw, when)
    hue, saturation = draw.choice(((25, 0.25), (215, 0.12), (130, 0.35), (20, 0.1)))
    top, base = draw.uniform(14, 32), draw.uniform(70, 80)
    dark = 0.6 if when == "night" else 1
    rock = [
        (-1, 101),
        (-1, top - 6),
        (14, top - draw.uniform(0, 8)),
        (30, top),
        (70, top),
        (86, top - draw.uniform(0, 8)),
        (101, top - 6),
        (101, 101),
    ]
    grounds.polygon(canvas, rock, grounds.shade(draw, hue, 0.42 * dark, saturation))
    for _ in range(draw.randint(4, 9)):
        x, y, r = draw.uniform(0, 100), draw.uniform(top + 6, base), draw.uniform(4, 10)
        grounds.polygon(
            canvas,
            [(x - r, y + r), (x - r * 0.6, y), (x + r * 0.4, y - r * 0.3), (x + r, y + r)],
            grounds.shade(draw, hue, 0.34 * dark, saturation),
        )
    grounds.ground(canvas, draw, "sea", base, when)
    for i in range(num):
        centre = 100 * (i + 0.5) / num + draw.uniform(-5, 5)
        width = draw.uniform(0.3, 0.5) * 100 / (num + 0.6)
        grounds.waterfall(canvas, draw, centre - width / 2, top - 1, width, base + 3)
    woods = stage.drawings.of(("evergreen tree", "deciduous tree"))
    if woods and draw.random() < 0.6:
        for x in draw.sample((4, 20, 78, 94), 2):
            canvas.put(woods[0], Box(x - 12, top - 25, 24, 26))
    many = f"{('', '', 'two ', 'three ')[num]}waterfalls"
    said = (
        ["a waterfall", "a waterfall", "waterfalls", "water falling over rocks"]
        if num == 1
        else ["waterfalls", "waterfalls", many]
    )
    said += [f"{said[0]} {where}" for where in {"night": ["at night"], "sunset": ["at sunset"]}.get(when, ["in the mountains"])]
    return stage.scene("waterfalls", said, ("waterfalls", str(num), when))


def campfire(stage: Stage) -> Scene:
    """Compose people around a campfire."""
    draw, canvas = stage.draw, stage.canvas
    flame = stage.drawings.of(("fire",))
    beasts = draw.random() < 0.15
    folk = stage.drawings.of(sorted(BEASTS) if beasts else sorted(WALKERS))
    if not flame or not folk:
        raise Missing
    when = draw.choice(("night", "night", "day", "none"))
    if when != "none":
        grounds.sky(canvas, draw, when)
        grounds.ground(canvas, draw, "grass", draw.uniform(52, 64), when)
    num = draw.choice((0, 2, 2, 3, 3, 4, 5))
    places = [(16, 80), (84, 80), (34, 60), (66, 60), (50, 54)][:num]
    same = draw.choice(folk)
    size = draw.uniform(29, 36)
    for x, y in sorted(places, key=lambda place: place[1]):
        who = same if beasts or draw.random() < 0.3 else draw.choice(folk)
        canvas.put(who, Box(x - size / 2, y - size + 4, size, size), mirror=x > 50)
    for angle in (-18, 18):
        canvas.add(f'<rect x="36" y="88" width="28" height="5" rx="2" fill="#7a4a25" transform="rotate({angle} 50 90)"/>')
    canvas.put(flame[0], Box(36, 90 - draw.uniform(26, 34), 28, 32))
    late = " at night" if when == "night" else ""
    if not num:
        return stage.scene("campfire", [f"a campfire{late}", f"a fire{late}"], ("campfire", when))
    who_said = plural(BEASTS[same.icon.concept.names[0]]) if beasts else "people"
    count = ("", "", "two ", "three ", "four ", "five ")[num]
    said = [f"{who_said} around a campfire{late}"] * 3
    said += [
        f"{count}{who_said} around a campfire{late}",
        f"{who_said} sitting around a fire{late}",
        f"a campfire with {who_said} around it{late}",
    ]
    return stage.scene("campfire", said, ("campfire", who_said, str(num), when))


TEMPLATES: tuple[tuple[Template, float], ...] = (
    (beside, 16),
    (above, 11),
    (in_front, 8),
    (sizes, 7),
    (several, 11),
    (coloured, 32),
    (placed, 15),
    (wearing, 16),
    (village, 4),
    (forest, 2),
    (waterfalls, 2.5),
    (campfire, 3.5),
)
"""What half of the training is made of, with weights."""
