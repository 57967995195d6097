"""Messages that name a command name one that works for the copy at hand."""

from __future__ import annotations

import re
from pathlib import Path

import noisewalk
from noisewalk.errors import install

ROOT = Path(noisewalk.__file__).parents[2]


def test_a_checkout_gets_an_extra_from_its_own_folder() -> None:
    assert install("diffusers") == f'pip install -e "{ROOT}[diffusers]"'


def test_every_extra_that_a_message_names_is_one_of_the_project() -> None:
    named = {
        extra
        for file in (ROOT / "src").rglob("*.py")
        for extra in re.findall(r"""\binstall\(["'](\w+)["']\)""", file.read_text(encoding="utf-8"))
    }
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.optional-dependencies]")[1]
    assert {"cli", "diffusers"} <= named <= set(re.findall(r"^(\w+) = \[", declared, re.MULTILINE))
