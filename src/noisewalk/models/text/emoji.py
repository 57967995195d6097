"""Emoji in prompts, read by their names. An emoji may be several characters: joined ones, skin tones, flags and keycaps.

References: *Unicode Emoji* (Unicode Technical Standard 51), https://unicode.org/reports/tr51/
"""

from __future__ import annotations

import re
import unicodedata

_JOINER = "\u200d"
_BASE = "[\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
_ONE = f"{_BASE}[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_SEQUENCE = re.compile(f"([0-9#*])\ufe0f?\u20e3|([\U0001f1e6-\U0001f1ff]{{2}})|{_ONE}(?:{_JOINER}+{_ONE})*{_JOINER}*")
_MODIFIERS = re.compile("[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
_OLD_STYLE = ("black", "white", "heavy", "medium")
"""Words in the names of the oldest signs that say how they are printed, not what they show ("black telephone")."""

_PEOPLE = {"👨": "man", "👩": "woman", "🧑": "", "👦": "boy", "👧": "girl", "🧒": "child", "👶": "baby"}
_GENDERS = {"♂": "man", "♀": "woman"}
_WORK = {
    "⚕": "health worker",
    "🎓": "student",
    "🏫": "teacher",
    "⚖": "judge",
    "🌾": "farmer",
    "🍳": "cook",
    "🔧": "mechanic",
    "🏭": "factory worker",
    "💼": "office worker",
    "🔬": "scientist",
    "💻": "technologist",
    "🎤": "singer",
    "🎨": "artist",
    "✈": "pilot",
    "🚀": "astronaut",
    "🚒": "firefighter",
    "🎄": "mx claus",
}
"""What a person is who is joined with one of these."""
_WITH = {
    "🦰": "red hair",
    "🦱": "curly hair",
    "🦳": "white hair",
    "🦲": "bald head",
    "🍼": "baby bottle",
    "🦯": "white cane",
    "🦼": "motorized wheelchair",
    "🦽": "manual wheelchair",
}
_NAMES = {
    "🏳🌈": "rainbow flag",
    "🏳⚧": "transgender flag",
    "🏴☠": "pirate flag",
    "👁🗨": "eye in speech bubble",
    "🐕🦺": "service dog",
    "🐈⬛": "black cat",
    "🐻❄": "polar bear",
    "🐦⬛": "black bird",
    "🐦🔥": "phoenix",
    "🍋🟩": "lime",
    "🍄🟫": "brown mushroom",
    "⛓💥": "broken chain",
    "❤🔥": "heart on fire",
    "❤🩹": "mending heart",
    "😶🌫": "face in clouds",
    "😮💨": "face exhaling",
    "😵💫": "face with spiral eyes",
    "🙂↔": "head shaking",
    "🙂↕": "head nodding",
    "🧑🤝🧑": "people holding hands",
    "👩🤝👩": "women holding hands",
    "👨🤝👨": "men holding hands",
    "👩🤝👨": "woman and man holding hands",
    "🫱🫲": "handshake",
}
"""Emoji that are joined of several and have a name of their own."""
_LANDS = (
    "AR Argentina,AT Austria,AU Australia,BD Bangladesh,BE Belgium,BG Bulgaria,BR Brazil,CA Canada,CH Switzerland,"
    "CL Chile,CN China,CO Colombia,CU Cuba,CZ Czechia,DE Germany,DK Denmark,EE Estonia,EG Egypt,ES Spain,"
    "ET Ethiopia,EU European Union,FI Finland,FR France,GB United Kingdom,GH Ghana,GR Greece,HR Croatia,HU Hungary,"
    "ID Indonesia,IE Ireland,IL Israel,IN India,IQ Iraq,IR Iran,IS Iceland,IT Italy,JM Jamaica,JP Japan,KE Kenya,"
    "KR South Korea,LT Lithuania,LV Latvia,MA Morocco,MX Mexico,MY Malaysia,NG Nigeria,NL Netherlands,NO Norway,"
    "NP Nepal,NZ New Zealand,PE Peru,PH Philippines,PK Pakistan,PL Poland,PT Portugal,RO Romania,RS Serbia,"
    "RU Russia,SA Saudi Arabia,SE Sweden,SG Singapore,SI Slovenia,SK Slovakia,TH Thailand,TN Tunisia,TR Turkey,"
    "TW Taiwan,TZ Tanzania,UA Ukraine,UG Uganda,UN United Nations,US United States,UY Uruguay,VE Venezuela,"
    "VN Vietnam,ZA South Africa"
)
_FLAGS = {entry[:2]: entry[3:] for entry in _LANDS.split(",")} | {"gbeng": "England", "gbsct": "Scotland", "gbwls": "Wales"}


def spelled(text: str) -> str:
    """Return a text with every emoji replaced by its name, without skin tones and variation selectors.

    >>> spelled("🐱 and 👍🏽"), spelled("no emoji")
    ('cat face and thumbs up', 'no emoji')
    >>> spelled("👩🏽‍🚀 🏳️‍🌈 🇫🇷 7️⃣ 👨‍👩‍👧")
    'woman astronaut rainbow flag flag of France keycap 7 family of man woman and girl'
    """
    named = _SEQUENCE.sub(lambda found: f" {_name(found)} " if _is_emoji(found[0]) else found[0], text)
    return text if named == text else " ".join(named.split())


def pieced(text: str) -> list[str]:
    r"""Return the emoji of a text that are joined of several, and have no name that is known here.

    They are read by their parts.

    >>> pieced("👩‍🚀 and 🐱‍🐉")
    ['🐱\u200d🐉']
    """
    found = (match[0] for match in _SEQUENCE.finditer(text) if _is_emoji(match[0]))
    return [each for each in found if len(parts := _parts(each)) > 1 and _joined(parts) is None]


def _is_emoji(sequence: str) -> bool:
    return "\u20e3" in sequence or unicodedata.category(sequence[0]) in ("So", "Sk") or _JOINER in sequence.strip(_JOINER)


def _name(found: re.Match[str]) -> str:
    keycap, flag = found.groups()
    if keycap:
        return f"keycap {keycap}"
    if flag:
        code = "".join(chr(ord(letter) - 0x1F1E6 + ord("A")) for letter in flag)
        return f"flag of {_FLAGS[code]}" if code in _FLAGS else "flag"
    parts = _parts(found[0])
    return _joined(parts) or " ".join(filter(None, map(_own_name, parts)))


def _parts(sequence: str) -> list[str]:
    """Return the emoji that a sequence joins, without skin tones and variation selectors."""
    if len(sequence) == 1:
        return [sequence]
    return [part for part in _MODIFIERS.sub("", sequence).split(_JOINER) if part] or [sequence]


def _joined(parts: list[str]) -> str | None:
    """Return the name of a whole sequence; None if it has no known name, or if it is a single emoji."""
    if len(parts) > 1 and parts[-1] == "➡":  # it is turned to the right
        parts = parts[:-1]
        if len(parts) == 1:
            return _own_name(parts[0])
    first, *rest = parts
    if not rest:
        return None
    if name := _NAMES.get("".join(parts)):
        return name
    if all(part in _PEOPLE for part in parts):
        *before, last = [_PEOPLE[part] or "adult" for part in parts]
        return f"family of {' '.join(before)} and {last}"
    if first in _PEOPLE and rest[-1] in _PEOPLE and rest[0] == "❤":
        return "kissing couple" if "💋" in rest else "couple with heart"
    if len(rest) == 1 and rest[0] in _GENDERS:
        return f"{_GENDERS[rest[0]]} {_own_name(first)}"
    if len(rest) == 1 and first in _PEOPLE and rest[0] in _WORK:
        return f"{_PEOPLE[first]} {_WORK[rest[0]]}".strip()
    if len(rest) == 1 and first in _PEOPLE and rest[0] in _WITH:
        return f"{_PEOPLE[first] or 'person'} with {_WITH[rest[0]]}"
    return None


def _own_name(emoji: str) -> str:
    """Return the Unicode name of an emoji, without words that do not say what it shows; for a tagged flag, its country."""
    character = emoji[0]
    if unicodedata.category(character) == "Sk":  # a skin tone by itself
        return ""
    tags = "".join(chr(ord(tag) - 0xE0000) for tag in emoji[1:] if 0xE0061 <= ord(tag) <= 0xE007A)
    if tags in _FLAGS:
        return f"flag of {_FLAGS[tags]}"
    if unicodedata.category(character) != "So":
        return character
    dropped = ("sign", "symbol", "emoji", "component", *(() if character >= "\U0001f000" else _OLD_STYLE))
    return " ".join(word for word in unicodedata.name(character).lower().split() if word not in dropped)
