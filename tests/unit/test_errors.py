"""Messages that name a command name one that works for the copy at hand."""

from __future__ import annotations

import re
from pathlib import Path

import noisewalk
from noisewalk.errors import install, install_of

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


def test_a_copy_of_unknown_origin_gets_the_packages_of_the_extra_and_no_index_is_asked_for_noisewalk() -> None:
    requirements = [
        "torch>=2.4",
        "noisewalk[cli]; extra == 'studio'",
        'gradio>=6; extra == "studio"',
        "tyro>=0.9; extra == 'cli'",
    ]
    assert install_of("studio", "", requirements) == 'pip install "tyro>=0.9" "gradio>=6" (the extra "studio")'
    assert "noisewalk" not in install_of("cli", "", requirements)


def test_no_page_and_no_message_names_noisewalk_in_an_index() -> None:
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("training/**/*.md"), *ROOT.glob("src/**/*.py")]
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"""pip install ['"]?noisewalk(\[[\w,]+\])?['"]?\s*(`|$|\)|;)""", text, re.MULTILINE), file
