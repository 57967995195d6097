"""A studio in its own process, and a browser that opens it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the studio needs Gradio, the extra 'studio'")

STUDIO = """
import os, signal, sys, threading
def end_with_the_test():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_with_the_test, daemon=True).start()
from noisewalk.__main__ import run
sys.exit(run())
"""
"""`noisewalk`, which ends when whoever started it closes its standard input, or is killed."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass(frozen=True)
class Server:
    """The process of a studio, its address, and the folder of its temporary files."""

    process: subprocess.Popen[str]
    url: str
    temporary: Path

    @property
    def folder(self) -> Path:
        (found,) = self.temporary.glob("noisewalk-studio-*")
        return found


def serve(temporary: Path, *arguments: str, before: str = "") -> Server:
    """Start a studio, after some lines of Python, and wait until it prints its address."""
    command = [sys.executable, "-c", before + STUDIO, "studio", "--port", "0", *arguments]
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONWARNINGS": "ignore"}
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell in the background has it ignored
    pipes: Any = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    process = subprocess.Popen(command, env=environment, preexec_fn=heeding, **pipes)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"the studio is at (http\S+)", line):
            return Server(process, found[1], temporary)
    raise AssertionError("".join(lines))


def stop(server: Server) -> None:
    """Stop a studio as Ctrl-C does; it must leave no file behind."""
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=60) == 130
    close(server)
    assert not list(server.temporary.glob("noisewalk-studio-*"))


def close(server: Server) -> None:
    """Close the pipes of a studio that has ended."""
    assert server.process.stdin is not None
    assert server.process.stderr is not None
    server.process.stdin.close()
    server.process.stderr.close()


@pytest.fixture(scope="session")
def studio(posix: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio with the usual limits."""
    server = serve(tmp_path_factory.mktemp("studio"))
    yield server
    stop(server)


@pytest.fixture(scope="session")
def another(posix: None) -> Any:
    """The functions that start and stop a separate studio, and that close the pipes of one that was killed."""
    return serve, stop, close


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, as it is installed on this machine."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the tests of the page need the package playwright")
    if CHROMIUM is None:
        pytest.skip("the tests of the page need Chromium: apt-get install chromium")
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def tab(studio: Any, browser: Any) -> Iterator[Any]:
    """The page in a new tab; there must be no error in the console at the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.text} {message.location}") if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(studio.url)
    page.wait_for_selector("#generate-run")
    yield page
    context.close()
    assert not said
