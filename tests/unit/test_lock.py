"""Folders that are written over hours have one writer at a time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from noisewalk import UserError
from noisewalk import lock as locks
from noisewalk.commands import expanded
from noisewalk.files import sweep, write_atomic
from noisewalk.lock import HOLDER, held

HOLD = "import sys, time; from pathlib import Path; from noisewalk.lock import held\n"
HOLD += "with held(Path(sys.argv[1]), 'noisewalk train'): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def other(tmp_path: Path):
    """Another process that holds a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_writer_is_told_who_holds_the_folder(other, tmp_path: Path) -> None:
    for _ in range(2):  # being refused changes nothing
        with pytest.raises(UserError) as refused, held(tmp_path, "noisewalk train"):
            pass
        said = str(refused.value)
        for part in (str(tmp_path), "noisewalk train", f"process {other.pid} on {socket.gethostname()}", "since 20", "kill"):
            assert part in said
        assert "\n" not in said


def test_a_folder_of_a_killed_process_is_taken_over_and_swept(other, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    left = tmp_path / "checkpoints" / f".noisewalk-{other.pid}-abc.part"
    ours = tmp_path / f".noisewalk-{os.getpid()}-abc.part"
    for file in (left, ours):
        file.touch()
    other.kill()
    other.wait()
    with held(tmp_path, "noisewalk train"):
        assert not left.exists()
        assert ours.exists()  # its process lives
        assert json.loads((tmp_path / HOLDER).read_text())["pid"] == os.getpid()
    assert not (tmp_path / HOLDER).exists()
    os.utime(ours, (0, 0))
    sweep(tmp_path)
    assert not ours.exists()


def test_one_process_cannot_hold_a_folder_twice_but_again_after_it(tmp_path: Path) -> None:
    with held(tmp_path, "a"), pytest.raises(UserError, match="is being written by a "), held(tmp_path, "b"):
        pass
    with held(tmp_path, "c"):
        pass


@pytest.mark.parametrize("lives", [True, False])
def test_a_holder_on_a_computer_whose_locks_are_not_seen_is_awaited(
    lives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "SIGN_OF_LIFE", 0.1)
    holder = {"pid": 7, "host": "elsewhere", "since": "2026-01-01 00:00:00", "doing": "noisewalk search"}
    (tmp_path / HOLDER).write_text(json.dumps(holder))
    beat = threading.Thread(target=lambda: [time.sleep(0.1), os.utime(tmp_path / HOLDER)])
    if lives:
        beat.start()
        with pytest.raises(UserError, match=r"noisewalk search \(process 7 on elsewhere"), held(tmp_path, "b"):
            pass
        beat.join()
    else:
        with held(tmp_path, "b"):
            pass


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"[" * 9000, b"\xff", b'{"pid": "x"}', b"5"])
def test_a_damaged_holder_file_stops_nobody(text: bytes, tmp_path: Path) -> None:
    (tmp_path / HOLDER).write_bytes(text)
    with held(tmp_path, "a"):
        pass


def test_a_place_that_cannot_be_held_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="choose another folder with --resume"), held(tmp_path / "file", "a", "--resume"):
        pass


@pytest.mark.usefixtures("posix")
def test_files_are_written_through_links_with_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    before = os.umask(0o027)
    try:
        write_atomic(link, b"1")
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert target.read_bytes() == b"1"
    assert target.stat().st_mode & 0o777 == 0o640
    target.chmod(0o600)
    write_atomic(link, b"2")
    assert target.read_bytes() == b"2"
    assert target.stat().st_mode & 0o777 == 0o600  # what was private stays private
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]


def test_a_home_folder_is_found_where_no_shell_looks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    asked = ["~/a.png", "--out=~/b c", "--out", "~", "a~/b", "~a wave", "--prompt=a ~/x"]
    assert expanded(asked) == ["/home/me/a.png", "--out=/home/me/b c", "--out", "/home/me", "a~/b", "~a wave", "--prompt=a ~/x"]


def test_only_regular_files_are_replaced_and_long_names_are_one_clear_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", tmp_path / ("x" * 300), tmp_path / "pipe" / "x"):
        with pytest.raises(UserError, match=r"cannot write .*; choose another place with --out"):
            write_atomic(place, b"")
    write_atomic(tmp_path / ("x" * 255), b"")
