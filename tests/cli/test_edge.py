"""Errors from outside noisewalk are one line, for every command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from noisewalk.cli.edge import NARROW, guarded, say
from noisewalk.cli.main import OWN, command, main
from noisewalk.cli.terminal import file_to_write, folder_to_write
from noisewalk.commands import default_name
from noisewalk.errors import UserError
from noisewalk.files import slug
from noisewalk.run.progress import tenths
from noisewalk.techniques import TECHNIQUES
from noisewalk.techniques.forward import Forward
from noisewalk.techniques.generate import Generate
from noisewalk.techniques.requests import Inpaint

EVERY = (*TECHNIQUES, *OWN)
NASTY = {
    "long": "x" * 5000,
    "bytes": "\udcff\udc80",
    "null": "a\0b",
    "deep": "deep.json",
    "binary": "binary",
    "shut": "shut/x.png",
}

FEW = {
    "suggest": ["--num", "0"],
    "tour": ["--seed", "x"],
    "evaluate": ["--num", "0"],
    "doctor": ["--offline"],
    "encode": ["--offline"],
}
"""What keeps the commands from doing work of which nothing is wrong."""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("NOISEWALK_TRACEBACK", "1")
    Path("deep.json").write_text("[" * 100_000)
    Path("binary").write_bytes(b"\xff\xfe\x00")
    Path("shut").write_text("a file where a folder should be")


def run(*arguments: str, out: object = subprocess.PIPE, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "noisewalk", *arguments],
        stdout=out,  # type: ignore[call-overload]
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        timeout=300,
        env=os.environ | env,
    )


def test_the_table_of_commands_is_whole() -> None:
    assert all(callable(command(name)) for name in EVERY)


def test_help_loads_no_torch() -> None:
    """Of every command, one after the other."""
    code = (
        "import contextlib, io, sys\n"
        "from noisewalk.__main__ import run\n"
        f"for name in {('', *EVERY, 'search anagram')}:\n"
        "    sys.argv[1:], said = [*name.split(), '--help'], io.StringIO()\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(said):\n"
        "        run()\n"
        "    assert said.getvalue().strip(), f'no help of {name}'\n"
        "    loaded = {'torch', 'numpy', 'PIL', 'safetensors'} & set(sys.modules)\n"
        "    assert not loaded, f'the help of {name} loads {loaded}'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", NASTY)
@pytest.mark.parametrize("name", EVERY)
def test_what_the_system_refuses_is_one_line(name: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is too long, bytes that are not text, a null character, and files of a wrong kind give one line."""
    few = FEW.get(name, []) if name in OWN else ["--steps", "0"]
    for line in ([name, *few, NASTY[kind]], [name, *few, "--out", NASTY[kind]], [name, *few, "--model", NASTY[kind]]):
        assert main(line) in ((1, 2) if name == "doctor" else (2,)), line
        if name == "doctor":
            continue
        said = capsys.readouterr().err
        assert said.startswith("noisewalk: ")
        assert said.count("\n") == 1
        assert len(said) < 1200


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "a.png"), "No space left on device: a.png"),
        (PermissionError(13, "Permission denied", "locked/x"), "Permission denied: locked/x"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "is not UTF-8"),
        (UnicodeEncodeError("charmap", "семь", 0, 1, "undefined"), "cannot be written as charmap"),
        (RecursionError(), "nested too deeply"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"), "not enough memory"),
        (UserError("two\nlines"), "noisewalk: two lines\n"),
    ],
)
def test_the_funnel(error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> int:
        raise error

    assert guarded(fails) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


def test_a_fault_of_noisewalk_says_where_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOISEWALK_TRACEBACK")
    assert guarded(lambda: {}["missing"]) == 2
    said = capsys.readouterr().err
    assert "please report it: KeyError at test_edge.py:" in said
    assert said.count("\n") == 1

    def wrong_call() -> int:
        return slug(7)  # type: ignore[arg-type, return-value]

    assert guarded(wrong_call) == 2
    said = capsys.readouterr().err
    assert re.search(
        r"a fault in noisewalk, .*: TypeError at noisewalk/files\.py:\d+: ", said
    )  # not unicodedata's or re's place
    assert "set NOISEWALK_TRACEBACK=1 to see the whole traceback" in said
    assert said.count("\n") == 1
    monkeypatch.setenv("NOISEWALK_TRACEBACK", "1")
    with pytest.raises(TypeError):
        guarded(wrong_call)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("line", [["models"], ["--version"], ["generate", "--help"]])
def test_a_full_disk_on_standard_output(line: list[str]) -> None:
    with open("/dev/full", "w") as full:
        ended = run(*line, out=full)
    assert (ended.returncode, ended.stderr) == (2, "noisewalk: No space left on device\n")


def test_a_terminal_that_cannot_encode_the_prompt_loses_nothing() -> None:
    ended = run(
        "generate", "a rocket семь", "--model", "emoji", "--steps", "1", PYTHONIOENCODING="cp1252", PYTHONWARNINGS="ignore"
    )
    assert ended.returncode == 0, ended.stderr
    assert "out/generate-a-rocket-\\u0441" in ended.stdout
    assert [folder.name[:23] for folder in Path("out").iterdir()] == ["generate-a-rocket-семь-"]


@pytest.mark.usefixtures("posix")
@pytest.mark.parametrize("seconds", [0, 0.2, 0.5, 1, 1.5, 2])
def test_ctrl_c_while_modules_are_loaded(seconds: float) -> None:
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs are started to ignore it
        "from noisewalk.__main__ import run\n"
        "sys.argv[1:] = ['generate', '7', '--steps', '1000', '--num', '64']\n"
        "print('ready', flush=True)\n"
        "sys.exit(run())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said.splitlines()[-1]) == (130, "noisewalk: interrupted")
    assert all(line.startswith("noisewalk: ") for line in said.splitlines())


@pytest.mark.parametrize("columns", ["1", "2", "3", "4", "5", "0", "-1", "x", "1000000000"])
def test_help_fits_into_any_width(columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as stop:
        main(["generate", "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "--guidance-scale" in shown
    assert NARROW <= max(map(len, shown.splitlines())) <= 300
    assert os.environ["COLUMNS"] == columns


def test_help_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in EVERY)
    with pytest.raises(SystemExit):
        main(["help", "replay"])
    assert "usage: noisewalk replay" in capsys.readouterr().out
    assert main(["help", "rplay"]) == 2
    assert "did you mean 'replay'" in capsys.readouterr().err


@pytest.mark.parametrize("line", [["help", "help"], ["help", "--help"], ["--help", "-h"], ["-h", "help", "generate"]])
def test_help_of_help_is_help(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 0
    assert "  generate " in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_what_tyro_says_in_a_box_is_one_line_on_any_terminal(encoding: str) -> None:
    for line, told in (
        (["generate", "7", "--seed", "1e3"], "Error parsing --seed: "),
        (["generate", "7", "--nope"], "Unrecognized options: --nope; see noisewalk generate --help"),
    ):
        said = run(*line, PYTHONIOENCODING=encoding, LC_ALL="C").stderr
        assert said.startswith(f"noisewalk: {told}")
        assert said.count("\n") == 1
        assert "---" not in said


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_told_the_bounds(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "7", f"--guidance-scale={number}"]) == 2
    assert f"--guidance-scale must be a number from -100 to 100, but {number} was asked for" in capsys.readouterr().err


def test_a_value_that_begins_with_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "7", "--negative-prompt", "-blurry"]) == 2
    assert "as --negative-prompt=-blurry" in capsys.readouterr().err
    assert main(["generate", "-blurry"]) == 2
    assert "as -- -blurry" in capsys.readouterr().err


ENDINGS = {
    "generate 7": (".jpg", ".txt", ".safetensors", ".pdf"),
    "edit x.png": (".webp",),
    "replay a.png": (".gif", ".jpg", ""),
    "animate a.png": (".png", ".avi", ""),
    "pack run": (".json", ".pt", ""),
    "compare run": (".png", ".md", ""),
    "train flow": (".safetensors", ".html"),
    "search generate 7": (".html", ".jsonl"),
    "evaluate digits": (".txt", ".png"),
    "tour": (".html",),
    "report x.md": (".html", ".md"),
}
"""What a command writes as none of these."""


@pytest.mark.parametrize(("line", "ending"), [(line, ending) for line, endings in ENDINGS.items() for ending in endings])
def test_another_ending_is_refused_before_the_work(line: str, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path().iterdir())
    assert main([*line.split(), "--out", f"made{ending}"]) == 2
    said = capsys.readouterr().err
    assert "is saved as ." in said or f"is a folder, but --out made{ending} has the name of a file" in said
    assert sorted(Path().iterdir()) == before


def test_every_command_that_writes_is_asked_for_another_ending(capsys: pytest.CaptureFixture[str]) -> None:
    def help_of(name: str) -> str:
        with pytest.raises(SystemExit):
            main([name, *(["generate"] if name == "search" else []), "--help"])
        return capsys.readouterr().out

    writers = {name for name in OWN if "--out" in help_of(name)}
    assert writers == {line.split()[0] for line in ENDINGS} - set(TECHNIQUES)


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    assert folder_to_write(tmp_path / "v1.2", "a tour") == tmp_path / "v1.2"
    for name in ("page.html", "shut"):
        with pytest.raises(UserError, match="is a folder"):
            folder_to_write(tmp_path / name, "a tour")
    (tmp_path / "x.png").mkdir()
    with pytest.raises(UserError, match="it is a folder"):
        file_to_write(tmp_path / "x.png", "a picture", ".png")


def test_different_requests_have_different_folders() -> None:
    long = "a very long prompt " * 9
    asked = [Generate(p) for p in ("семь", "七", "7", "7!", long, long + "cat")]
    asked += [Generate("7", seed=1), Generate("7", steps=3), Generate("7", num=2), Generate("7", seeds=(5,))]
    names = [default_name("generate", spec, "digits") for spec in asked]
    names += [default_name("generate", asked[0], "emoji"), default_name("generate", asked[0], "digits", {"dtype": "bfloat16"})]
    assert len(set(names)) == len(names)
    assert names[0].startswith("generate-семь-seed0-")
    assert default_name("generate", Generate("семь"), "digits") == names[0]
    assert default_name("inpaint", Inpaint("fox.png", box=(1, 1, 9, 9)), "digits").startswith("inpaint-fox-seed0-")
    assert all(len(name.encode()) < 120 for name in names)


def test_the_contents_of_a_picture_and_not_its_place_tell_requests_apart() -> None:
    Path("a").mkdir()
    for name, content in (("p.png", b"1"), ("a/p.png", b"2")):
        Path(name).write_bytes(content)
    one, two = (default_name("forward", Forward(name)) for name in ("p.png", "a/p.png"))
    assert one != two
    Path("a/p.png").write_bytes(b"1")
    assert default_name("forward", Forward("a/p.png")) == one


def test_names_of_any_script() -> None:
    assert slug("Ünï-coде 7!") == "ünï-coде-7"
    assert slug("🚀") == "any"
    assert len(slug("七" * 99).encode()) <= 60


def test_progress_is_a_line_for_every_tenth_and_silent_for_quick_work(capsys: pytest.CaptureFixture[str]) -> None:
    now = 1.0
    watch = tenths("work", say, clock=lambda: now)
    for done in range(1, 101):
        now += 0.001
        watch(done, 100)
    assert capsys.readouterr().err == ""
    watch = tenths("work", say, clock=lambda: now)
    for done in range(1, 101):
        now += 0.1
        watch(done, 100)
    said = capsys.readouterr().err.splitlines()
    assert said == [f"noisewalk: work: {n} % ({n} of 100)" for n in range(20, 101, 10)]


def test_old_pictures_beside_the_new_ones_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "7", "--steps", "1", "--num", "3", "--out", "here"]) == 0
    assert "earlier request" not in capsys.readouterr().err
    assert main(["generate", "7", "--steps", "1", "--num", "1", "--out", "here"]) == 0
    assert "here also holds pictures of an earlier request: seed1.png, seed2.png" in capsys.readouterr().err


def test_importing_noisewalk_loads_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "PIL", "tyro", "rich")
    code = f"import sys, noisewalk, noisewalk.cli.main; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
