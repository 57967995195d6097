"""Random command lines: no traceback, only the exit statuses 0, 1, 2 and 130, and no files left behind.

The options come from the dataclasses of the commands, so that a new option is tested without a change here.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from noisewalk.cli.main import OWN, main
from noisewalk.cli.search import search_command
from noisewalk.commands import technique_command
from noisewalk.images import encode_png
from noisewalk.techniques import TECHNIQUES

LINES = 300

NASTY = (
    *(
        "",
        " ",
        "7",
        "a,b",
        "a\nb",
        "семь",
        "\udcff",
        "🚀",
        "x" * 300,
        "x" * 5000,
        "a\0b",
        "[red]x[/red]",
        "%s{}",
        "--",
        "1" * 400,
    ),
    *("0", "1", "2", "-1", "1.5", "nan", "inf", "1e400", "0x7", "None", "True", "0:2", "1,2", "prompt=7,8", "steps=1"),
    *(
        "digit.png",
        "mask.png",
        "saved.png",
        "deep.png",
        "empty.png",
        "text.png",
        "folder",
        "run",
        "nowhere/x",
        "/proc/x",
        "~",
        ".",
    ),
    *("file:nope.npy", "file:text.png", "jigsaw:x", "rotate180", "digits", "euler", "-blurry", "clip:x", "x.gif", "x.html"),
)
SMALL = {"num": "01", "num_resamples": "12", "steps": "12", "upsample": "01", "upsample_steps": "1", "top": "12", "batch": "1"}
"""Options whose large values are allowed and would only take long: their values come from here or are refused."""
REFUSED = ("0", "-1", "nan", "x", "", "99999999999999999999999")

COMMANDS: dict[str, Any] = {technique: technique_command(technique) for technique in TECHNIQUES}
COMMANDS |= {technique: row.request for technique, row in OWN.items() if technique not in ("search", "studio")}
COMMANDS |= {f"search {technique}": search_command(technique) for technique in ("generate", "anagram")}

ALWAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "encode": {"offline": (), "model": ("digits",)},
    "doctor": {"offline": ()},
    "suggest": {"model": ("digits",), "num": ("1",)},
    "animate": {"fps": ("2",), "seconds": ("0.5",), "size": ("32",)},
    "train": {"data": ("folder",)},
    "tour": {"model": ("nowhere",), "part": ("a",)},
    "evaluate": {"num": ("99",)},
}
"""What keeps a command's work small, whatever else is asked."""


RIGHT = {
    **dict.fromkeys(("generate", "suggest", "search generate", "encode"), ("7",)),
    **dict.fromkeys(("forward", "denoise", "edit"), ("digit.png",)),
    **dict.fromkeys(("anagram", "hybrid", "search anagram", "factorize"), ("6", "9")),
    **dict.fromkeys(("animate", "replay"), ("saved.png",)),
    "inpaint": ("digit.png", "mask.png"),
    "inverse": ("digit.png", "7"),
}
"""Arguments with which a command has something to do."""


def options(command: type) -> list[str]:
    """Return the names of a command's options except `watch`, which waits until Ctrl-C."""
    return [f.name for f in fields(command) if f.name != "watch"]


def _arguments(name: str, right: bool, wrong: st.SearchStrategy[tuple[str, ...]]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.just(RIGHT[name]) if right and name in RIGHT else wrong


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(sorted(COMMANDS)))
    wrong = st.lists(st.sampled_from(NASTY), max_size=3).map(tuple)
    words = [*name.split(), *draw(st.sampled_from([True, True, False]).flatmap(lambda right: _arguments(name, right, wrong)))]
    small = {"steps": ("1",), "model": ("digits",)} if name.split()[-1] in TECHNIQUES else ALWAYS.get(name, {})
    chosen: dict[str, tuple[str, ...]] = {}
    for option in draw(st.lists(st.sampled_from(sorted(options(COMMANDS[name])) or ["help"]), max_size=3, unique=True)):
        pool = (*SMALL[option], *REFUSED) if option in SMALL else NASTY
        chosen[option] = tuple(draw(st.lists(st.sampled_from(pool), min_size=1, max_size=2)))
    if name in ALWAYS:
        chosen |= small
    for option, values in (small | chosen).items():
        words += ["--" + option.replace("_", "-"), *values]
    return words


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few files, and nothing beside it."""
    work = tmp_path_factory.mktemp("fuzz") / "work"
    (work / "folder").mkdir(parents=True)
    (work / "run").mkdir()
    (work / "run" / "spec.json").write_text("[" * 100_000)
    Image.new("L", (28, 28), 9).save(work / "digit.png")
    mask = Image.new("L", (28, 28))
    mask.paste(255, (4, 4, 20, 20))
    mask.save(work / "mask.png")
    (work / "deep.png").write_bytes(encode_png(mask, {"noisewalk": "[" * 100_000}))
    (work / "empty.png").touch()
    (work / "text.png").write_bytes(b"\xff\xfe not a picture \x00")
    assert main(["anagram", "6", "9", "--steps", "1", "--out", str(work / "saved.png")]) == 0
    return work


@given(line=lines())
@settings(max_examples=LINES, suppress_health_check=list(HealthCheck), database=None)
def test_any_command_line_ends_in_an_exit_status(place: Path, line: list[str]) -> None:
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("NOISEWALK_TRACEBACK", "1")  # an unexpected error is raised here
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("TMPDIR", str(place))
        try:
            status = main(line)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 0
    assert status in (0, 1, 2, 130), line
    assert [path.name for path in place.parent.iterdir()] == ["work"]
    assert not list(place.rglob("*.part")), "a temporary file is left"
    assert Path.cwd() == before
