"""The command line as a user sees it: files, messages and exit statuses."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from noisewalk.cli.main import main
from noisewalk.commands import parse_technique
from noisewalk.images import PICTURES, encode_png
from noisewalk.techniques import TECHNIQUES

UNKNOWN_TECHNIQUE = {"verb": "x", "model": {"name": "digits", "weights": ""}, "spec": {}, "picture": {"kind": "figure"}}
DIGIT, MASK = str(PICTURES / "digit-4.png"), str(PICTURES / "mask-top.png")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_technique_writes_its_pictures_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        ["generate", "a handwritten seven", "--num", "2", "--steps", "4", "--trajectory"],
        ["forward", DIGIT, "--t", "250", "500", "750"],
        ["denoise", DIGIT, "--t", "300", "--method", "all"],
        ["edit", DIGIT, "--prompt", "9", "--start", "20", "30"],
        ["inpaint", DIGIT, MASK, "--num-resamples", "2", "--steps", "4"],
        ["anagram", "6", "9", "--views", "identity", "rotate180", "--weights", "1", "1.2", "--steps", "4"],
        ["hybrid", "0", "1", "--sigma", "1.5", "--kernel-size", "9", "--steps", "4"],
    ]
    for line in lines:
        assert main(line) == 0
        written = [Path(name) for name in capsys.readouterr().out.split()]
        assert written
        for file in written:
            Image.open(file).verify()
    (generated,) = Path("out").glob("generate-a-handwritten-seven-seed0-*")
    assert {path.name for path in generated.iterdir()} == {
        *("figure.png", "seed0.png", "seed1.png", "trajectory.png", "trajectory.gif")
    }


def test_the_user_is_told_what_was_done_to_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forward", str(PICTURES / "drawing-snowman.png"), "--t", "100", "--model", "digits"]) == 0
    said = capsys.readouterr().err
    assert "drawing-snowman.png: turned grey; resized to 28x28; inverted" in said


@pytest.mark.parametrize(
    ("line", "model"),
    [
        (["generate", "a handwritten 7"], "digits"),
        (["anagram", "6", "nine"], "digits"),
        (["hybrid", "0", "a rocket"], "emoji"),
        (["generate", ""], "emoji"),
        (["forward", str(PICTURES / "digit-4.png")], "emoji"),
        (["forward", str(PICTURES / "digit-4.png"), "--model", "digits"], "digits"),
    ],
)
def test_the_prompts_choose_the_bundled_model(line: list[str], model: str) -> None:
    assert parse_technique(shlex.join(line)).model == model


def test_replay_says_whether_the_pixels_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["anagram", "6", "9", "--steps", "4", "--out", "a.png"]) == 0
    assert main(["replay", "a.png"]) == 0
    assert "every pixel agrees" in capsys.readouterr().out
    with Image.open("a.png") as image:
        text, changed = image.text["noisewalk"], image.copy()
    changed.putpixel((3, 3), 77)
    Path("b.png").write_bytes(encode_png(changed, {"noisewalk": text}))
    assert main(["replay", "b.png", "--out", "c.png"]) == 1
    assert "pixels differ" in capsys.readouterr().out
    assert main(["replay", "c.png"]) == 0


def test_replay_takes_many_pictures_and_stops_at_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "7", "--steps", "2", "--num", "2", "--out", "two"]) == 0
    good = ["two/seed0.png", "two/seed1.png"]
    capsys.readouterr()
    assert main(["replay", *good]) == 0
    assert capsys.readouterr().out == "".join(f"{picture}: every pixel agrees\n" for picture in good)
    assert main(["replay", good[0], _foreign_png(), "missing.png", good[1]]) == 2
    said = capsys.readouterr()
    assert said.out.count("every pixel agrees") == 2
    assert said.err.count("foreign.png has no noisewalk metadata") == said.err.count("no picture file missing.png") == 1
    assert main(["replay", *good, "--out", "x.png"]) == 2
    assert "--out is for one picture, but 2 were given" in capsys.readouterr().err
    assert main(["replay"]) == 2
    assert "give the pictures to make again" in capsys.readouterr().err


def test_models_are_listed_with_their_quality(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert "digits" in capsys.readouterr().out


def test_defaults_on_the_command_line_are_those_of_the_spec() -> None:
    for technique, arguments in {"generate": "7", "edit": DIGIT, "inpaint": f"{DIGIT} {MASK}", "anagram": "6 9"}.items():
        job = parse_technique(f"{technique} {arguments}")
        positional = [("6", "9")] if technique == "anagram" else arguments.split()
        assert job.request == TECHNIQUES[technique].request(*positional)


def _foreign_png() -> str:
    Image.new("L", (9, 9)).save("foreign.png")
    return "foreign.png"


def _damaged_record(record: object) -> str:
    Path("damaged.png").write_bytes(encode_png(Image.new("L", (9, 9)), {"noisewalk": json.dumps(record)}))
    return "damaged.png"


def _wrong_mask() -> str:
    Image.new("L", (30, 28), 255).save("mask.png")
    return "mask.png"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (lambda: ["gnerate", "7"], "unknown command 'gnerate'; did you mean 'generate'?"),
        (lambda: ["generate"], "what the picture should show"),
        (lambda: ["generate", "7", "--stepz", "4"], "--stepz"),
        (lambda: ["generate", "7", "--steps", "many"], "'many' is not INT"),
        (lambda: ["generate", "7", "--steps", "0"], "--steps must be at least 1, but 0 was asked for"),
        (lambda: ["generate", "cat", "--model", "digits"], "does not know the prompt 'cat'. It knows 0 to 9"),
        (lambda: ["generate", "7", "--model", "digit"], "unknown model 'digit'; did you mean 'digits'?"),
        (lambda: ["generate", "7", "--upscaler", "nothere"], "unknown model 'nothere'"),
        (lambda: ["generate", "7", "--upscaler", "digits", "digits"], "only one --upscaler can follow 'digits'; 2 were given"),
        (lambda: ["tour", "--model", "digits", "--upsample", "1"], "leave out --upsample"),
        (lambda: ["train", "flow", "--minutes", "0", "--out", "run"], "--minutes must be more than 0, but 0 was asked for"),
        (lambda: ["generate", "7", "--step-rule", "eulr"], "unknown step rule 'eulr'; did you mean 'euler'?"),
        (lambda: ["generate", "7", "--out", "/proc/nowhere"], "cannot write"),
        (lambda: ["generate", "7", "--out", "seven.jpg"], ".png"),
        (lambda: ["anagram", "6", "9", "--views", "identity", "rotate18"], "did you mean 'rotate180'?"),
        (lambda: ["anagram", "6", "9", "--views", "identity", "rotate180", "negate"], "need as many --views; 3 were given"),
        (lambda: ["edit", DIGIT, "--start", "34"], "it can start at 0 to 33, but 34 was asked for"),
        (lambda: ["forward", "nowhere.png"], "there is no picture file nowhere.png"),
        (lambda: ["inpaint", DIGIT, _wrong_mask()], "the mask mask.png is 30x28, the picture 28x28"),
        (lambda: ["replay", _foreign_png()], "has no noisewalk metadata"),
        (lambda: ["replay", _damaged_record([1])], "metadata of damaged.png is damaged"),
        (
            lambda: ["replay", _damaged_record(UNKNOWN_TECHNIQUE)],
            "unknown technique 'x'",
        ),
        (lambda: ["train", "flwo"], "unknown objective 'flwo'; did you mean 'flow'?"),
        (lambda: ["tour", "--model", "digit"], "unknown model 'digit'"),
        (lambda: ["pack", "nowhere", "--out", "x.safetensors"], "nowhere"),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(line, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = line()
    before = set(Path().rglob("*"))
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("noisewalk: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err
    assert set(Path().rglob("*")) == before  # nothing half-written


def test_damaged_records_never_end_in_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "7", "--steps", "2", "--out", "whole.png"]) == 0
    with Image.open("whole.png") as image:
        record = json.loads(image.text["noisewalk"])
    damages = [
        {"model": {"name": "../../etc/passwd", "weights": ""}},
        {"model": "digits"},
        {"spec": {"prompt": "7", "steps": "many"}},
        {"spec": {"prompt": 7}},
        {"spec": {"unknown": 1}},
        {"spec": []},
        {"picture": {"kind": "picture", "index": 99}},
        {"picture": {"kind": "picture"}},
        {"picture": "figure"},
        {"verb": ["generate"]},
    ]
    for damage in damages:
        assert main(["replay", _damaged_record(record | damage)]) == 2, damage
        assert capsys.readouterr().err.count("\n") == 1


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["generate", "7", "--steps", "2", "--out", "seven.png"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("posix")
def test_ctrl_c_keeps_what_was_finished_and_exits_130(tmp_path: Path) -> None:
    """Run three walks, and send the signal of Ctrl-C during the third."""
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs of a shell ignore it
        "from noisewalk import cli\n"
        "from noisewalk.run import make as making\n"
        "run = making.run\n"
        "def interrupted(technique, spec, model, watch, **rest):\n"
        "    def press(done, total):\n"
        "        if done == 5: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return run(technique, spec, model, press, **rest)\n"
        "making.run = interrupted\n"
        "sys.exit(cli.main(['generate', '7', '--num', '150', '--steps', '2', '--out', 'many']))\n"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert process.returncode == 130
    assert process.stderr.endswith("noisewalk: interrupted\n")
    assert all(line.startswith("noisewalk: ") for line in process.stderr.splitlines())  # progress, and no traceback
    kept = sorted((tmp_path / "many").glob("seed*.png"))
    assert len(kept) == 128  # two of the three parts of 64, 64 and 22 pictures
    assert main(["replay", str(kept[0])]) == 0


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "anagram" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.count(".") == 2
    with pytest.raises(SystemExit) as stop:
        main(["inpaint", "--help"])
    assert stop.value.code == 0
    assert "white is repainted, and black is kept" in " ".join(capsys.readouterr().out.replace("│", " ").split())
