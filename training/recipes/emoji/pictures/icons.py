"""The icons of all packages, each with its concept; packages share concepts with their names and keywords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .packages import PACKAGES, Package, members, package

SHORTCODES = tuple(f"en/shortcodes/{n}.json" for n in ("cldr", "emojibase", "github", "iamcal", "joypixels"))
_SKIN = re.compile(r"(light|medium|dark)-skin-tone|(-(medium|light|dark))+$")
_SKIN_CODES = frozenset({"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"})
_DROPPED = frozenset({"flags", "component"})


@dataclass(frozen=True)
class Concept:
    """Something that can be drawn.

    Args:
        key: its name as a slug, such as "old-man"; it is the same in every package.
        names: its names, best first, such as "rocket" and "rocket ship".
        keywords: words that belong to it, such as "space" and "launch".
        group: its group in emojibase, such as "travel-places"; "pictograms" for a concept that is not an emoji.
        subgroup: its subgroup in emojibase, such as "transport-air".
    """

    key: str
    names: tuple[str, ...]
    keywords: tuple[str, ...]
    group: str
    subgroup: str = ""


@dataclass(frozen=True)
class Icon:
    """A picture to render: the icon `name` of the package `style` as SVG, and its concept."""

    style: str
    name: str
    concept: Concept
    svg: str


@dataclass(frozen=True)
class Dictionary:
    """The concepts by emoji (code points, such as "1f680"), by name, and by short code without spaces ("rocketship")."""

    by_code: dict[str, Concept]
    by_name: dict[str, Concept]
    by_short: dict[str, Concept]


def dictionary(folder: Path) -> Dictionary:
    """Return the emoji of emojibase with emojilib's keywords, without flags and components."""
    base = members(package("emojibase-data"), folder, ("en/data.json", "meta/groups.json", *SHORTCODES))
    extra = members(package("emojilib"), folder, ("dist/emoji-en-US.json",))["dist/emoji-en-US.json"]
    groups = base["meta/groups.json"]
    codes: dict[str, list[str]] = {}
    for table in (base[n] for n in SHORTCODES if n in base):
        for code, names in table.items():
            codes.setdefault(code, []).extend([names] if isinstance(names, str) else names)
    known = Dictionary({}, {}, {})
    for row in base["en/data.json"]:
        group = groups["groups"].get(str(row.get("group")), "component")
        if group in _DROPPED or "facing right" in row["label"] or row["label"].startswith("keycap"):
            continue
        first = extra.get(row["emoji"], [])
        short = [_spaced(n) for n in codes.get(row["hexcode"], []) + first[:1]]
        label = _readable(row["label"])
        names = tuple(dict.fromkeys([label, *(n for n in short if " " in n and len(n) < 30)]))
        words = dict.fromkeys(_spaced(w) for w in [*row.get("tags", []), *first[1:]])
        keywords = tuple(w for w in words if w.isascii() and w not in label and re.search("[a-z]{2}", w))
        concept = Concept(_slug(label), names, keywords, group, groups["subgroups"].get(str(row.get("subgroup")), ""))
        known.by_code[_code(row["hexcode"])] = concept
        for alias in (row["label"], label):
            known.by_name.setdefault(_squashed(alias), concept)
        for alias in codes.get(row["hexcode"], []):
            known.by_short.setdefault(_squashed(alias), concept)
    return known


def icons(folder: Path) -> Iterator[Icon]:
    """Return every icon of every picture package, without flags, skin-tone variants and meaningless names."""
    known = dictionary(folder)
    for pack in PACKAGES:
        if pack.name.startswith("@iconify-json/"):
            yield from _of(pack, folder, known)


def _of(pack: Package, folder: Path, known: Dictionary) -> Iterator[Icon]:
    files = members(pack, folder, ("icons.json", "chars.json"))
    data = files["icons.json"]
    codes: dict[str, list[str]] = {}
    for code, name in files.get("chars.json", {}).items():
        codes.setdefault(name, []).append(code)
    for name, icon in data["icons"].items():
        if icon.get("hidden") or _is_skin(name, codes.get(name, []), data["icons"]):
            continue
        concept = _concept(name, codes.get(name, []), known)
        if pack.short == "game-icons":  # short codes are not exact ("skeleton" is the skull), and these are not emoji
            concept = known.by_name.get(_squashed(name), Concept(name, (name.replace("-", " "),), (), "pictograms"))
        if concept is not None:
            yield Icon(pack.short, name, concept, _svg(icon, data))


def _concept(name: str, codes: list[str], known: Dictionary) -> Concept | None:
    found = (known.by_code.get(_code(c)) for c in codes)
    name = _squashed(name)
    return next((c for c in found if c), known.by_name.get(name, known.by_short.get(name)))


def _is_skin(name: str, codes: list[str], names: dict[str, Any]) -> bool:
    if any(_SKIN_CODES & set(code.lower().split("-")) for code in codes):
        return True
    base = _SKIN.sub("", name)
    return "skin-tone" in name or (base != name and base in names)


def _svg(icon: dict[str, Any], data: dict[str, Any]) -> str:
    """Return the body of an icon in an <svg> element, with black for the colour of the text."""
    width = icon.get("width", data.get("width", 16))
    height = icon.get("height", data.get("height", 16))
    box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    head = f'<svg {space} viewBox="{box}" width="{width}" height="{height}">'
    body: str = icon["body"].replace("currentColor", "#000")
    return f"{head}{body}</svg>"


def _readable(label: str) -> str:
    """Return a label of emojibase in natural words: "man: red hair" becomes "man with red hair"."""
    text = re.sub(r"\(.*?\)", "", label.lower().replace("“", "").replace("”", "").replace("’", "'")).strip()
    who, colon, what = text.partition(": ")
    if not colon:
        return text
    return f"{what} {who}" if what in ("bald", "blond hair") else f"{who} with {what}".replace("with beard", "with a beard")


def _spaced(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").strip().lower()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _squashed(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def _code(code: str) -> str:
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")
