"""Wrong command lines by kind: a file, a folder, a list or a word that does not fit. Each is one line with a remedy."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from noisewalk.cli.main import main
from noisewalk.images import PICTURES
from noisewalk.techniques import TECHNIQUES

FOX, FOUR = PICTURES / "emoji-fox.png", PICTURES / "digit-4.png"
FILES = {
    "text.png": b"not a picture",
    "empty.png": b"",
    "cut.png": FOX.read_bytes()[:300],
    "empty.safetensors": b"",
    "pickled.npy": b"\x80\x04K\x01.",
    "doc.md": b"# A title\n",
    "open.md": b"---\nmodel: digits\n",
}


@pytest.fixture(autouse=True)
def in_a_folder_with_wrong_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    np.save("numbers.npy", np.zeros(784))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("edit ''", "there is no picture file ''; give the name of a file on this machine"),
        ("edit https://example.org/a.png", "there is no picture file https://example.org/a.png; give the name of a file on"),
        ("edit folder", "there is no picture file folder (it is a folder); give the name of a file"),
        ("edit empty.png", "empty.png is empty; give another picture file"),
        ("edit text.png", "text.png is not a picture noisewalk can read, or it is damaged; give a file of PNG, JPEG"),
        ("edit cut.png", "cut.png is damaged or cut short (image file is truncated); make or fetch it again"),
        ("replay cut.png", "cut.png is damaged (it is cut short, or has too many chunks); fetch or make it again"),
        (f"inpaint {FOX} --box 5 5 2 2", "--box must be left top right bottom, with left < right and top < bottom, four whole"),
        (f"denoise {FOUR} --t", "--t must be one or more whole numbers from 0 to 999, but none was asked for"),
        ("anagram 6 9 --views identity file:numbers.npy", "holds float64; convert it with astype(int)"),
        ("anagram 6 9 --views identity file:pickled.npy", "not a .npy file of whole numbers; write the table with numpy.save"),
        ("generate 7 --model empty.safetensors", "empty.safetensors: Error while deserializing header: header too small"),
        ("pack folder --out w.safetensors", "there is no checkpoint folder/checkpoints/last.safetensors; give a folder that"),
        ("compare folder", "folder has no spec.json, so it is not a training run; give a folder that `noisewalk train` wrote"),
        ("compare text.png", "text.png has no spec.json, so it is not a training run"),
        ("train --resume folder", "folder has no spec.json, so it is not a training run"),
        ("report open.md", "open.md:1: the settings begin with --- but do not end; write a line --- after the last one"),
        ("report doc.md --set x=1", "unknown setting of doc.md 'x'; Known: none"),
        ("report doc.md --set x", "--set takes name=value, but 'x' was given"),
        ("tour --image nofile.png", "there is no picture file nofile.png"),
        ("search", "name the technique whose seeds are searched: noisewalk search TECHNIQUE"),
        (f"search forward {FOUR}", "a search ranks one picture per seed, but this forward makes 3"),
        ("factorize 8 3 --split bands --sigmas 1 3", "the sigmas of bands must decrease"),
        ("studio --auth ann", "--auth is written USER:FILE, but 'ann' was given"),
        ("encode --embeddings nofile.pth --model digits", "there is no file nofile.pth; give a .pth file"),
        ("hybrid 3", "NEAR what one should see from near"),
    ],
)
def test_a_wrong_line_says_in_one_line_what_to_do(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(Path().rglob("*"))
    assert main(shlex.split(line)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.startswith("noisewalk: ")
    assert captured.err.count("\n") == 1
    assert set(Path().rglob("*")) == before


def test_help_names_what_stands_where_and_says_no_empty_default(capsys: pytest.CaptureFixture[str]) -> None:
    for name in TECHNIQUES:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        shown = capsys.readouterr().out
        assert "(default: )" not in shown
        assert "(default: None)" not in shown
        assert "STR" not in shown.splitlines()[0]
    with pytest.raises(SystemExit):
        main(["inpaint", "--help"])
    assert "noisewalk inpaint [-h] [OPTIONS] PICTURE [MASK]" in capsys.readouterr().out
