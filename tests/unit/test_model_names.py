"""The meaning of a model's name; a name that looks like a path is never looked up on the hub."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.models.names import read_name

PATHS = [
    "./missing",
    "../missing",
    "..",
    ".",
    "~/missing",
    "~nobody-at-all/missing",
    "/missing",
    "/missing/model",
    "runs/x",
    "out/x",
    "a\\b",
    "C:\\x",
    "C:x",
    "name.safetensors",
    "owner/name.safetensors",
    "a/b/c",
    "owner/",
    "owner//name",
    "/name",
    "my models/x",
    "owner/my name",
    "ÿwner/name",
    "here/name",
    "x" * 300,
    "a/" + "x" * 300,
]
NOT_NAMES = [
    "",
    " ",
    "a\nb",
    "own\0er/name",
    "owner/na\x1bme",
    "\udcff",
    "hub:",
    "hub:a",
    "hub:a/b/c",
    "hub:../x",
    "owner/a..b",
]


@pytest.fixture(autouse=True)
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test its own folder and no network."""

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    Path("here").mkdir()


@pytest.mark.parametrize("name", PATHS + NOT_NAMES)
def test_a_name_that_reads_as_a_path_is_one_line_and_asks_no_hub(name: str) -> None:
    with pytest.raises(nw.UserError) as error:
        nw.load(name)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["./missing", "runs/x", "C:\\x"])
def test_the_command_line_says_so_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (["generate", "7", "--model", name], ["doctor", "--offline", "--model", name]):
        status = main(line)
        said = "".join(capsys.readouterr())
        assert (status in (1, 2), "no file or folder" in said) == (True, True), said


def test_the_other_meaning_is_said() -> None:
    with pytest.raises(nw.UserError, match="for the hub's model of that name, write hub:here/name"):
        nw.load("here/name")
    assert read_name("https://huggingface.co/owner/name").text == read_name("hub:owner/name").text == "owner/name"


def test_a_folder_here_is_meant_before_a_repository_of_that_name() -> None:
    assert read_name("owner/name").kind == "hub"
    Path("owner/name").mkdir(parents=True)
    assert read_name("owner/name").kind == "path"
    assert read_name("hub:owner/name").kind == "hub"
    with pytest.raises(nw.UserError, match="is not a model folder"):
        nw.load("owner/name")


@pytest.mark.parametrize("name", ["emoji", "digits"])
def test_the_doctor_finds_the_bundled_models_well(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model", name]) == 0
    assert f"ok      {name}: pictures of" in capsys.readouterr().out


def test_the_doctor_looks_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    from noisewalk.models.zoo import weights_path

    whole = weights_path("digits").read_bytes()
    Path("copy.safetensors").write_bytes(whole)
    assert main(["doctor", "--model", "copy.safetensors"]) == 0
    Path("run/checkpoints").mkdir(parents=True)
    Path("run/checkpoints/last.safetensors").write_bytes(whole)
    assert main(["doctor", "--model", "run"]) == 0
    Path("copy.safetensors").write_bytes(whole[:-100])
    capsys.readouterr()
    assert main(["doctor", "--model", "copy.safetensors"]) == 1
    assert "missing cannot read the checkpoint" in capsys.readouterr().out
