"""`noisewalk report` as one types it: a page that is printed, and a document that is watched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from noisewalk.cli.main import main
from noisewalk.documents.site import BROWSERS
from noisewalk.lock import held

needs_browser = pytest.mark.skipif(
    not any(map(shutil.which, BROWSERS)), reason=f"--pdf prints with a browser, and there is none here: {', '.join(BROWSERS)}"
)
HEEDING = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell in the background has it ignored
DOCUMENT = "# Mine\n\n```noisewalk\nforward digit-4.png --t 250\n```\n"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    (tmp_path / "r.md").write_text(DOCUMENT)
    return tmp_path / "r.md"


@needs_browser
def test_a_page_is_printed(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = document.parent / "out"
    assert main(["report", str(document), "--out", str(out), "--model", "digits", "--pdf"]) == 0
    printed = out / "index.pdf"
    assert str(printed) in capsys.readouterr().out
    data = printed.read_bytes()
    assert data.startswith(b"%PDF-")
    assert b"/Image" in data
    assert sorted(path.name for path in out.glob("*.*") if path.is_file() and not path.name.startswith(".")) == [
        "index.html",
        "index.pdf",
    ]


def test_a_page_cannot_be_printed_without_a_browser(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page itself is there then."""
    out = document.parent / "out"
    monkeypatch.setenv("PATH", str(document.parent))
    assert main(["report", str(document), "--out", str(out), "--model", "digits", "--pdf"]) == 2
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "--pdf" in line]
    assert all(browser in said for browser in BROWSERS)
    assert str(out / "index.html") in said
    assert (out / "index.html").is_file()


def until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 180
    while not holds():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < end, "nothing came of the change"
        time.sleep(0.2)


@pytest.mark.usefixtures("posix")
def test_a_document_is_watched_until_ctrl_c(document: Path) -> None:
    """A change makes the page again, a mistake is said and waited out, and Ctrl-C ends it without a traceback."""
    page = document.parent / "out" / "index.html"
    line = [
        sys.executable,
        "-m",
        "noisewalk",
        "report",
        str(document),
        "--out",
        str(page.parent),
        "--model",
        "digits",
        "--watch",
    ]
    said = document.parent / "said.txt"
    with said.open("w") as log:
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=log, text=True, preexec_fn=HEEDING)
        try:
            until(lambda: said.read_text().count("waiting for the next change") == 1, process)
            figures = {path: path.stat().st_mtime_ns for path in page.parent.glob("figures/*/figure.json")}
            assert len(figures) == 1
            document.write_text(DOCUMENT.replace("Mine", "Changed"))
            until(lambda: said.read_text().count("waiting for the next change") == 2, process)
            assert ">Changed</h1>" in page.read_text()
            assert {path: path.stat().st_mtime_ns for path in figures} == figures
            document.write_text(DOCUMENT.replace("forward", "forwrad"))
            until(lambda: "did you mean 'forward'?" in said.read_text(), process)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
            process.wait()
    assert said.read_text().splitlines()[-1] == "noisewalk: interrupted"
    assert "Traceback" not in said.read_text()
    assert not (page.parent / ".noisewalk.lock.json").exists()


def begun(folder: Path, of_b: str) -> tuple[list[str], dict[str, str]]:
    """Return the command line that makes two reports on two threads, and its environment."""
    for name, commands in (("a", "forward digit-4.png --t 250"), ("b", of_b)):
        (folder / f"{name}.md").write_text(f"# {name}\n\n## Of {name}\n\n```noisewalk\n{commands}\n```\n")
    files = [str(folder / "a.md"), str(folder / "b.md")]
    line = [sys.executable, "-m", "noisewalk", "report", *files, "--model", "digits", "--out", str(folder / "out")]
    return line, os.environ | {"OMP_NUM_THREADS": "2"}


def test_two_reports_are_made_at_once(tmp_path: Path) -> None:
    """Two processes of one thread make what one process makes of one after the other; errors stand in their places."""
    line, environment = begun(tmp_path, "generate 7 --steps 2\nedit none.png")
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert f"their errors stand there: {tmp_path / 'b.md'}:7" in done.stderr
    contents = (tmp_path / "out" / "index.html").read_text()
    assert 'href="a/index.html#of-a"' in contents
    assert 'href="b/index.html#of-b"' in contents
    pages = [(tmp_path / "out" / name / "index.html").read_text() for name in "ab"]
    assert all(", 1 threads." in page for page in pages)
    assert "there is no picture none.png" in pages[1]
    shutil.rmtree(tmp_path / "out")
    alone = environment | {"OMP_NUM_THREADS": "1"}
    assert subprocess.run(line, env=alone, capture_output=True, check=False, timeout=300).returncode == 2
    assert [(tmp_path / "out" / name / "index.html").read_text() for name in "ab"] == pages


def test_a_folder_that_another_process_writes_is_one_clear_line(tmp_path: Path) -> None:
    line, environment = begun(tmp_path, "generate 7 --steps 1")
    with held(tmp_path / "out" / "a", "noisewalk report"):
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "is being written by noisewalk report (process" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("posix")
def test_ctrl_c_ends_all_processes_and_the_training_is_saved(tmp_path: Path) -> None:
    line, environment = begun(tmp_path, "train flow --data mnist-sample --network-size small --batch-size 8")
    with (tmp_path / "said.txt").open("w") as log:
        process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=log, text=True, preexec_fn=HEEDING)
        try:
            until(lambda: any(path.stat().st_size for path in tmp_path.glob("out/b/runs/*/metrics.jsonl")), process)
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 130
        finally:
            process.kill()
            process.wait()
    said = (tmp_path / "said.txt").read_text()
    assert said.splitlines()[-1] == "noisewalk: interrupted"
    assert "Traceback" not in said
    assert list(tmp_path.glob("out/b/runs/*/checkpoints/last.safetensors"))
    for name in "ab":
        with held(tmp_path / "out" / name, "a test"):  # no process has it any more
            pass
