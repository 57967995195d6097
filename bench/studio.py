"""How soon the page of the studio shows a guided two-view anagram of 10 steps, from the click to its pixels.

    python bench/studio.py --rounds 7 [--model digits]

Each round makes the same anagram in three ways, one after another: `nw.anagram`, the studio over HTTP, and the page in Chromium
(left out where there is none). The figures are medians. Targets on two free cores: of emoji 150 ms to the first preview, and
1.5 s to the end; of digits 100 ms and 0.5 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx

import noisewalk as nw
from noisewalk.requests import Studio
from noisewalk.studio.server import start

PROMPTS, STEPS = {"emoji": ("a skull", "a house"), "digits": ("6", "9")}, 10
Times = dict[str, float]
WATCH = """() => new Promise((done) => {
  const root = document.querySelector("#anagram-viewer .nw"), shown = () => Number(root.dataset.previews || 0);
  const times = {}, from = shown(), began = performance.now();
  const look = () => {
    const now = performance.now() - began, phase = root.dataset.phase;
    if (!times.first && shown() > from) times.first = now;
    if (phase === "error") done({ error: root.innerText });
    if (phase === "done" && shown() > from)
      requestAnimationFrame(() => setTimeout(() => {
        done({ ...times, complete: performance.now() - began, previews: shown() - from });
      }));
  };
  new MutationObserver(look).observe(root, { attributes: true });
  document.querySelector("#anagram-run").click();
})"""
"""Clicks on Run, and answers with milliseconds to the first preview and to the picture."""


def direct(model: str, seed: int) -> Times:
    """The Python function."""
    began = time.perf_counter()
    nw.anagram(model, PROMPTS[model], steps=STEPS, seed=seed)
    return {"complete": 1000 * (time.perf_counter() - began)}


def over_http(client: httpx.Client, prompts: tuple[str, str], seed: int) -> Times:
    """What the page asks for, without a browser."""
    config = client.get("config").json()
    idents = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
    ask = next(each for each in config["dependencies"] if [idents["anagram-run"], "click"] in each["targets"])
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    values |= {
        idents["anagram-prompts-1"]: prompts[0],
        idents["anagram-prompts-2"]: prompts[1],
        idents["anagram-steps"]: str(STEPS),
    }
    values |= {idents["anagram-seed"]: seed}
    body = {"data": [values[i] for i in ask["inputs"]], "fn_index": ask["id"], "session_hash": f"bench{seed}"}
    times: Times = {}
    began = time.perf_counter()
    client.post("gradio_api/queue/join", json=body).raise_for_status()
    with client.stream("GET", "gradio_api/queue/data", params={"session_hash": body["session_hash"]}) as answer:
        for line in answer.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line else {}
            if message.get("msg") in ("process_generating", "process_completed"):
                text, now = json.dumps(message), 1000 * (time.perf_counter() - began)
                if '"walking"' in text:
                    times.setdefault("first", now)
                if '"shown"' in text:
                    times.setdefault("complete", now)
            if message.get("msg") == "close_stream":
                break
    return times


def in_page(page: Any) -> Times:
    """The page."""
    times: Times = page.evaluate(WATCH)
    if "error" in times:
        raise SystemExit(str(times))
    return times


def opened(stack: ExitStack, url: str, prompts: tuple[str, str]) -> Any:
    """The page in Chromium with the anagram written into its form; None where there is no Chromium."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        found = None
    if not found:
        return None
    browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=found, args=["--no-sandbox"])
    stack.callback(browser.close)
    page = browser.new_page()
    page.goto(url)
    page.get_by_role("tab", name="anagram", exact=True).click()
    for number, prompt in enumerate(prompts, 1):
        page.fill(f"#anagram-prompts-{number} input", prompt)
    page.locator("#technique-anagram").get_by_role("button", name="Advanced").click()
    page.fill("#anagram-steps input", str(STEPS))
    page.keyboard.press("Tab")
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--model", choices=list(PROMPTS), default="emoji")
    asked = parser.parse_args()
    running = start(Studio(port=0), wait=False)
    taken: dict[str, list[Times]] = {}
    with ExitStack() as stack:
        stack.callback(running.close)
        client = stack.enter_context(httpx.Client(base_url=running.url, timeout=60))
        prompts = PROMPTS[asked.model]
        page = opened(stack, running.url, prompts)
        ways: dict[str, Callable[[int], Times]] = {
            "nw.anagram": partial(direct, asked.model),
            "over HTTP": partial(over_http, client, prompts),
        }
        if page:
            ways["in the page"] = lambda _: in_page(page)
        for i in range(asked.rounds + 1):
            for name, way in ways.items():
                taken.setdefault(name, []).append(way(i))
                time.sleep(0.3)
    print(
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {asked.rounds} rounds of {asked.model}; milliseconds"
    )
    for name, all_times in taken.items():
        for key in ("first", "complete", "previews"):
            values = [times[key] for times in all_times[1:] if key in times]
            if values:
                spread = f"({min(values):.0f} to {max(values):.0f}; in the round before {all_times[0][key]:.0f})"
                print(f"{name:12} {key:9} {statistics.median(values):7.0f}  {spread}")


if __name__ == "__main__":
    main()
