"""`make gpu-check` on the CPU, where it has small sizes: it runs, it measures, and a check that fails is said to fail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "gpu_check.py"


def check(out: Path, *options: str) -> tuple[int, str]:
    line = [sys.executable, str(SCRIPT), "--device", "cpu", "--out", str(out), *options]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert out.is_file(), done.stderr
    return done.returncode, out.read_text()


@pytest.mark.slow
def test_every_section_is_measured_on_the_cpu(tmp_path: Path) -> None:
    status, page = check(tmp_path / "page.md")
    assert "FAILED" not in page
    assert status == 0
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert len(sections) == 6
    for section in sections:
        assert "| passed |" in section
    assert page.count("| not measured |") < page.count("| passed |") / 2


def test_a_check_that_fails_is_a_row_and_the_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from gpu_checks import Check, Figure, NotMeasured, made

    def absent() -> Figure:
        raise NotMeasured("no such device")

    def broken() -> Figure:
        raise RuntimeError("out\nof memory")

    assert made(Check("a", lambda: Figure(0.2), 0.1, "rms")).outcome == "FAILED"
    assert made(Check("a", lambda: Figure(float("nan")), 0.1, "rms")).outcome == "FAILED"
    assert made(Check("a", lambda: Figure(0.1), 0.1, "rms")).outcome == "passed"
    assert made(Check("a", absent, 0.1, "rms")).outcome == "not measured"
    row = made(Check("a", broken, 0.1, "rms"))
    assert (row.outcome, row.found) == ("FAILED", "RuntimeError: out of memory")
