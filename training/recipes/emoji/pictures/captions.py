"""Captions: names and keywords of a concept, in sentences with and without its style."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

STYLES: dict[str, tuple[str, ...]] = {
    "noto": ("cartoon icon", "shaded emoji", "noto emoji"),
    "noto-v1": ("simple emoji", "blob emoji", "old noto emoji"),
    "twemoji": ("flat icon", "flat emoji", "twitter emoji"),
    "fluent-emoji": ("3d icon", "glossy 3d emoji", "fluent emoji"),
    "fluent-emoji-flat": ("minimal icon", "bold flat drawing", "flat fluent emoji"),
    "emojione": ("clip art", "classic emoji", "emojione emoji"),
    "fxemoji": ("soft sticker", "pastel cartoon", "firefox emoji"),
    "game-icons": ("silhouette", "black pictogram", "stencil"),
}
"""How each package's drawings are asked for; the first phrase is the one to advertise."""

SILHOUETTES = "game-icons"

MEDIA = (
    "picture",
    "drawing",
    "photo",
    "painting",
    "oil painting",
    "sketch",
    "image",
    "lithograph",
    "watercolor",
    "icon",
    "emoji",
)
"""Words that say nothing here, so that they are learned to say nothing: "an oil painting of a campfire"."""


def held_out(concept: str, style: str, share: float = 0.05) -> bool:
    """Return whether a (concept, style) pair is kept for evaluation; it does not depend on the machine or on other icons.

    >>> held_out("rocket", "noto"), held_out("rocket", "noto", share=1.0)
    (False, True)
    """
    digest = hashlib.blake2b(f"{concept}|{style}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") < share * 2**64


def caption(name: str, style: str) -> str:
    """Return the plain caption of a name in a style, which evaluation uses.

    >>> caption("rocket", "twemoji"), caption("skull", "game-icons")
    ('a rocket, flat icon', 'a silhouette of a skull')
    """
    phrase = STYLES[style][0]
    return f"a {phrase} of {with_article(name)}" if style == SILHOUETTES else f"{with_article(name)}, {phrase}"


def captions(names: Sequence[str], keywords: Sequence[str], style: str, num: int, only: bool = False) -> tuple[str, ...]:
    """Return `num` captions of a picture; the same words always give the same captions.

    About half of them name the style. Most use the best name, and some add keywords or use only keywords. The medium is random.

    Args:
        only: whether nothing of this name is drawn in colour. Otherwise all captions of a silhouette name its style, because a
            prompt without a style means colours.
    """
    draw = random.Random(f"{names[0]}|{style}")
    plain = only or style != SILHOUETTES
    return tuple(_sentence(_subject(names, keywords, draw), style, plain, draw) for _ in range(num))


def with_article(name: str) -> str:
    """Return a name with its article, such as "a rocket"; plurals and sentences stay as they are.

    >>> with_article("old man"), with_article("glasses"), with_article("compass")
    ('an old man', 'glasses', 'a compass')
    """
    first, last = name.split(" ")[0], name.split(" ")[-1]
    plural = last.endswith("s") and not last.endswith(("ss", "us"))
    if plural or first in ("a", "an", "the"):
        return name
    return f"an {name}" if first[:1] in "aeiou" and not first.startswith(("uni", "eu", "one")) else f"a {name}"


def _subject(names: Sequence[str], keywords: Sequence[str], draw: random.Random) -> str:
    chance = draw.random()
    name = names[0] if chance < 0.7 else draw.choice(names)
    subject = with_article(name) if draw.random() < 0.75 else name
    if not keywords or chance < 0.75:
        return subject
    if chance < 0.9:
        return ", ".join([subject, *draw.sample(list(keywords), min(len(keywords), draw.choice((1, 1, 2))))])
    return with_article(draw.choice(keywords))


def _sentence(subject: str, style: str, plain: bool, draw: random.Random) -> str:
    phrase, medium = draw.choice(STYLES[style]), draw.choice(MEDIA)
    forms = (
        (subject, 0.3 * plain),
        (f"{with_article(medium)} of {subject}", 0.15 * plain),
        (f"{subject}, {phrase}", 0.3),
        (f"{with_article(phrase)} of {subject}", 0.2),
        (f"{with_article(medium)} of {subject}, {phrase}", 0.05),
    )
    return draw.choices([form for form, _ in forms], [weight for _, weight in forms])[0]
