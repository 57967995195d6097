"""The Python functions show their progress only in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty")

CODE = """
import sys
{before}
import noisewalk as nw
from noisewalk.run import progress
progress.QUIET = 0
nw.generate("digits", "7", steps=3, progress=False)
print("|", end="", file=sys.stderr, flush=True)
nw.generate("digits", "7", steps=3)
"""


def in_terminal(before: str) -> str:
    """Return what appears on standard error in a terminal."""
    here, there = pty.openpty()
    command = [sys.executable, "-c", CODE.format(before=before)]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stderr=there, env=environment) as process:
        os.close(there)
        said = b""
        try:
            while part := os.read(here, 4096):
                said += part
        except OSError:  # the other end is closed
            pass
        os.close(here)
    assert process.returncode == 0, said
    return said.decode()


@pytest.mark.parametrize("before", ["", "sys.modules['rich'] = None"], ids=["rich", "without rich"])
def test_a_terminal_shows_the_steps_and_is_left_clean_unless_it_is_asked_to_show_nothing(before: str) -> None:
    nothing, said = in_terminal(before).split("|", 1)
    assert nothing == ""
    assert "generate" in said
    assert "3/3" in said or "of 3" in said
    assert said.endswith("\r") or "\x1b[2K" in said  # the line is emptied


def test_a_file_or_a_pipe_hears_nothing() -> None:
    command = [sys.executable, "-c", CODE.format(before="")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "|")
