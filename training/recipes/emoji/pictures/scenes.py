"""Scenes: several drawings of one style put together by program, with captions that say exactly what is shown."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .captions import MEDIA, STYLES, with_article
from .things import Box as Drawings
from .vector import Box, Canvas


@dataclass(frozen=True)
class Scene:
    """A composed picture.

    Args:
        svg: the picture, 100 by 100.
        sentences: what is to be seen, in several ways, without style or medium.
        kind: which function made it.
        things: nouns of the things in it, in the order of their boxes.
        boxes: where they are, in percent of the side.
        relation: of the first thing to the second: "left of", "above", "in front of", "wearing", ...
        style: the package of its drawings.
    """

    svg: str
    sentences: tuple[str, ...]
    kind: str
    things: tuple[str, ...]
    boxes: tuple[Box, ...] = ()
    relation: str = ""
    style: str = ""

    @property
    def combination(self) -> str:
        """What is held out together: the things, whatever their order."""
        return "|".join(sorted(self.things))


@dataclass
class Stage:
    """What a template composes with: the drawings of a style, its own dice and an empty canvas."""

    drawings: Drawings
    draw: random.Random
    canvas: Canvas = field(default_factory=Canvas)

    def scene(
        self, kind: str, sentences: Sequence[str], things: Sequence[str], boxes: Sequence[Box] = (), relation: str = ""
    ) -> Scene:
        """What is on the canvas, as a scene."""
        said = tuple(dict.fromkeys(sentences))
        return Scene(self.canvas.svg(), said, kind, tuple(things), tuple(boxes), relation, self.drawings.style)


Template = Callable[[Stage], Scene]


def apart(combination: str, share: float = 0.08) -> bool:
    """Whether a combination is held out: never trained on together; the same on every machine.

    >>> apart("cat|dog"), apart("cat|dog", share=1)
    (False, True)
    """
    digest = hashlib.blake2b(f"scene|{combination}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") < share * 2**64


def compose(
    drawings: Mapping[str, Drawings],
    templates: Sequence[tuple[Template, float]],
    number: int,
    held_out: bool = False,
    seed: int = 0,
) -> Scene:
    """The scene of a number: always the same one for the same drawings, templates and seed.

    Args:
        drawings: by style.
        templates: with their weights.
        held_out: of combinations that are never trained on, instead of the others; only scenes with boxes have any.
    """
    draw = random.Random(f"{seed}|{number}|{held_out}")
    made, weights = zip(*templates, strict=True)
    while True:
        template = draw.choices(made, weights)[0]
        style = draw.choice(sorted(drawings))
        try:
            scene: Scene = template(Stage(drawings[style], draw))
        except Missing:
            continue
        if (bool(scene.boxes) and apart(scene.combination)) == held_out:
            return scene


class Missing(Exception):
    """A style does not have the drawings of a template."""


def sentences(scene: Scene, num: int) -> tuple[str, ...]:
    """`num` captions of a scene: its sentences, some with the style and some with an empty medium."""
    draw = random.Random(f"{scene.svg[-200:]}|{scene.sentences[0]}")
    made = []
    for _ in range(num):
        said, phrase, medium = draw.choice(scene.sentences), draw.choice(STYLES[scene.style]), draw.choice(MEDIA)
        forms = (said, f"{with_article(medium)} of {said}", f"{said}, {phrase}")
        made.append(draw.choices(forms, (0.55, 0.2, 0.25))[0])
    return tuple(made)
