"""Scenes: several drawings of one style that a program composes, with exact captions."""

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
        svg: the picture, with sides of 100.
        sentences: several descriptions of it, without style or medium.
        kind: the name of the template that made it.
        things: the nouns of its things, in the order of their boxes.
        boxes: the places of its things, in per cent of the side.
        relation: the relation of the first thing to the second, such as "left of", "above", "in front of" or "wearing".
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
        """The things without their order, which are trained on or held out together."""
        return "|".join(sorted(self.things))


@dataclass
class Stage:
    """The tools of a template: the drawings of a style, random numbers and an empty canvas."""

    drawings: Drawings
    draw: random.Random
    canvas: Canvas = field(default_factory=Canvas)

    def scene(
        self, kind: str, sentences: Sequence[str], things: Sequence[str], boxes: Sequence[Box] = (), relation: str = ""
    ) -> Scene:
        """Return the canvas as a scene."""
        said = tuple(dict.fromkeys(sentences))
        return Scene(self.canvas.svg(), said, kind, tuple(things), tuple(boxes), relation, self.drawings.style)


Template = Callable[[Stage], Scene]


def apart(combination: str, share: float = 0.08) -> bool:
    """Return whether a combination is held out and never trained on; it does not depend on the machine.

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
    """Return the scene of a number; the same drawings, templates and seed always give the same scene.

    Args:
        drawings: the drawings by style.
        templates: the templates with their weights.
        held_out: whether the scene has a combination that is never trained on; only scenes with boxes have any.
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
    """A style does not have the drawings that a template needs."""


def sentences(scene: Scene, num: int) -> tuple[str, ...]:
    """Return `num` captions of a scene: its sentences, some with the style and some with a meaningless medium."""
    draw = random.Random(f"{scene.svg[-200:]}|{scene.sentences[0]}")
    made = []
    for _ in range(num):
        said, phrase, medium = draw.choice(scene.sentences), draw.choice(STYLES[scene.style]), draw.choice(MEDIA)
        forms = (said, f"{with_article(medium)} of {said}", f"{said}, {phrase}")
        made.append(draw.choices(forms, (0.55, 0.2, 0.25))[0])
    return tuple(made)
