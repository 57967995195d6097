"""The line before the device: a fair order, a bounded length, and no place for who has left."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from PIL import Image

import noisewalk as nw
from noisewalk.errors import UserError
from noisewalk.images import enlarge
from noisewalk.studio.guard import _until_gone
from noisewalk.studio.line import REPLACED, Control, Line, Stopped
from noisewalk.studio.server import OFFERED

pytestmark = pytest.mark.timeout(120)
LONG = {"prompt": "a rocket", "num": 16, "steps": "100"}


Server = Any


def served(line: Line, controls: list[Control]) -> list[Control]:
    """The order in which a line serves some requests that are in it."""
    order: list[Control] = []
    while len(order) < len(controls):
        (now,) = [each for each in controls if each not in order and line._served is each]
        order.append(now)
        line.leave(now)
    return order


def test_sessions_take_turns() -> None:
    line = Line(32)
    a = [line.join("a", "", 60) for _ in range(4)]
    b = [line.join("b", "", 60) for _ in range(2)]
    c = line.join("c", "", 60)
    assert served(line, [*a, *b, c]) == [a[0], b[0], c, a[1], b[1], a[2], a[3]]


def test_who_comes_again_and_again_does_not_overtake() -> None:
    line = Line(32)
    running, waiting = line.join("a", "", 60), line.join("b", "", 60)
    line.leave(running)
    again = line.join("a", "", 60)
    last = line.join("c", "", 60)
    assert served(line, [waiting, again, last]) == [waiting, again, last]


def test_the_line_is_bounded_for_all_and_for_one() -> None:
    line = Line(8)
    for _ in range(3):
        line.join("a", "", 60)
    with pytest.raises(UserError, match="2 of your requests wait already"):
        line.join("a", "", 60)
    for i in range(6):
        line.join(f"other {i}", "", 60)
    with pytest.raises(UserError, match="the queue is full: 8 requests"):
        line.join("late", "", 60)


def test_a_new_request_of_the_same_name_replaces_the_old_one() -> None:
    line = Line(8)
    old, other = line.join("a", "anagram", 60), line.join("a", "hybrid", 60)
    line.join("a", "anagram", 60)
    with pytest.raises(Stopped, match=REPLACED):
        old.heed()
    other.heed()


def test_who_waits_learns_each_place_and_that_it_is_stopped() -> None:
    line = Line(8)
    first, second, third = (line.join(name, "", 60) for name in "abc")
    places = line.places(third)
    assert next(places) == 2
    line.leave(second)
    assert next(places) == 1
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, places)
        line.stop("c")
        with pytest.raises(Stopped):
            waiting.result(timeout=10)
    line.leave(third)
    line.leave(first)
    assert line._all() == []


@pytest.mark.parametrize("ended", [False, True])
def test_who_has_all_answers_may_close_the_stream(ended: bool) -> None:
    """Gradio's client closes its stream at the end, when it may have asked for more already; that must not be stopped."""
    gone: list[bool] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        """Take the message."""

    async def streamed() -> None:
        received, sent = _until_gone(receive, send, lambda: gone.append(True))
        text = 'data: {"msg":"close_stream"}' if ended else r'data: {"output":"\"msg\":\"close_stream\""}'
        await sent({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await received()

    with ThreadPoolExecutor(1) as other:  # the thread of the tests may have a loop already, of the browser
        other.submit(asyncio.run, streamed()).result()
    assert gone == ([] if ended else [True])


def test_nobody_joins_a_studio_that_has_ended() -> None:
    line = Line(8)
    control = line.join("a", "", 60)
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(line.end, 10)
        while not control.why:
            time.sleep(0.01)
        line.leave(control)
        ending.result(timeout=10)
    with pytest.raises(Stopped):
        line.join("a", "", 60)


@dataclass
class Visitor:
    """A page without a browser: it asks as the page asks, and reads what the page reads."""

    url: str
    session: str

    @contextmanager
    def showing(self, given: dict[str, Any], verb: str = "generate") -> Iterator[Iterator[dict[str, Any]]]:
        """Press Run in a tab whose form holds these values, and read what the viewer is told; leaving closes the page."""
        with httpx.Client(base_url=self.url, timeout=120) as client:
            config = client.get("config").json()
            idents = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
            values = {part["id"]: part["props"].get("value") for part in config["components"]}
            values |= {idents[f"{verb}-{name}"]: value for name, value in given.items()}
            run = next(each for each in config["dependencies"] if [idents[f"{verb}-run"], "click"] in each["targets"])
            body = {"data": [values[i] for i in run["inputs"]], "fn_index": run["id"], "session_hash": self.session}
            client.post("gradio_api/queue/join", json=body).raise_for_status()
            with client.stream("GET", "gradio_api/queue/data", params={"session_hash": self.session}) as answer:
                yield self._told(answer)

    def _told(self, answer: httpx.Response) -> Iterator[dict[str, Any]]:
        seen: dict[str, Any] = {}
        for line in answer.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line else {}
            if message.get("msg") != "process_generating":
                continue
            (data,) = message["output"]["data"]
            if isinstance(data, list):  # changes of the value before
                for how, path, value in data:
                    assert how in ("add", "replace", "delete", "append")
                    if how == "append":
                        seen[path[0]] += value
                    elif how != "delete" and len(path) == 1:
                        seen[path[0]] = value
                    elif not path:
                        seen = value
            else:
                seen = data
            yield dict(seen)


TELLING = """
import sys
from noisewalk.studio.line import Line
join, leave = Line.join, Line.leave
def telling_join(line, session, *rest):
    control = join(line, session, *rest)
    print("joined", session, 0, "", file=sys.stderr, flush=True)
    return control
def telling_leave(line, control):
    print("left", control.session, control.calls, control.why, file=sys.stderr, flush=True)
    leave(line, control)
Line.join, Line.leave = telling_join, telling_leave
"""
"""A studio that says who joins the line, and who leaves it or the device, after how many network calls, and why."""


@pytest.fixture(scope="module")
def telling(another: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    serve, stop, _ = another
    server = serve(tmp_path_factory.mktemp("telling"), before=TELLING)
    for _ in OFFERED:  # with a walk of each model a studio gets ready
        next(line for line in server.process.stderr if line.startswith("left "))
    yield server
    stop(server)


def told(server: Server, what: str, *sessions: str) -> tuple[str, int, str]:
    """The next session of some that has "joined" or "left", its network calls, and why they were stopped."""
    for line in server.process.stderr or ():
        if line.startswith(tuple(f"{what} {session} " for session in sessions)):
            _, session, calls, why = line.rstrip("\n").split(" ", 3)
            return session, int(calls), why
    raise AssertionError("the studio has ended")


def test_the_walk_of_a_closed_page_stops_within_a_call_or_two(telling: Server) -> None:
    leaves, comes = Visitor(telling.url, "leaves"), Visitor(telling.url, "comes")
    with leaves.showing(LONG) as shown:
        state = next(each for each in shown if each["phase"] == "walking" and each["done"] >= 3)
    _, calls, why = told(telling, "left", "leaves")
    assert why == "the page was closed"
    assert calls <= state["calls"] + 3 < 100
    with comes.showing({"prompt": "7", "steps": "2"}) as shown:
        assert [each["phase"] for each in shown][-1] == "done"
    assert told(telling, "left", "comes") == ("comes", 2, "")


def test_who_leaves_the_line_is_not_waited_for(telling: Server) -> None:
    first, second, third = (Visitor(telling.url, name) for name in ("first", "second", "third"))
    with ExitStack() as third_page:
        with ExitStack() as second_page, first.showing(LONG) as first_shown:
            assert next(first_shown)["phase"] == "walking"
            second_shown = second_page.enter_context(second.showing(LONG))
            assert next(second_shown)["message"] == "You are next."
            third_shown = third_page.enter_context(third.showing({"prompt": "7", "steps": "2"}))
            assert next(third_shown)["message"] == "You are number 2 in the queue."
            second_page.close()
            assert told(telling, "left", "second") == ("second", 0, "the page was closed")
            assert next(third_shown)["message"] == "You are next."
        assert [each["phase"] for each in third_shown][-1] == "done"


def test_an_mcp_client_gets_the_picture_as_the_documentation_says_and_is_known_by_its_address(
    telling: Server, tmp_path: Path
) -> None:
    """Gradio's MCP server asks for all of them in one session of its own; nobody else can pretend to be one."""
    docs = (Path(__file__).parents[2] / "docs" / "studio.md").read_text()
    (example,) = re.findall(r"```python\n(import asyncio\n.*?)```", docs, re.DOTALL)
    line = [sys.executable, "-c", example.replace("http://127.0.0.1:7860/", telling.url)]
    ran = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["generate edit inpaint anagram hybrid", "noisewalk generate 7 --steps 2 --model digits"]
    with Image.open(tmp_path / "seven.png") as picture:
        assert picture.tobytes() == enlarge(nw.generate("digits", "7", steps=2).images[0]).tobytes()
    assert told(telling, "left", "mcp:127.0.0.1") == ("mcp:127.0.0.1", 2, "")
    pretends = Client(telling.url, headers={"x-noisewalk-caller": "a-guess 127.0.0.1"}, verbose=False, download_files=False)
    pretends.predict(prompt="7", steps=2, api_name="/generate")
    assert told(telling, "left", pretends.session_hash)[0] == pretends.session_hash
