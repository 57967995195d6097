"""The page for users with a keyboard, a screen reader or a magnifier."""

from __future__ import annotations

from typing import Any

import pytest

from noisewalk.techniques import TECHNIQUES

SERIOUS = ("serious", "critical")


def test_axe_finds_nothing_serious_in_any_tab(tab: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the package axe-playwright-python").Axe()
    found = []
    for name in (*TECHNIQUES, "train", "history"):
        tab.get_by_role("tab", name=name, exact=True).click()
        tab.wait_for_timeout(300)
        for violation in axe.run(tab).response["violations"]:
            if violation["impact"] in SERIOUS:
                found += [f"{name}: {violation['id']}: {node['html'][:160]}" for node in violation["nodes"]]
    assert not found, "\n".join(sorted(set(found)))


def test_the_keyboard_runs_a_technique(tab: Any) -> None:
    tab.locator("#generate-prompt input").focus()
    tab.keyboard.type("7")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#generate-viewer .nw[data-phase=done]")
    slider = tab.locator("#generate-viewer .nw-scrub input")
    slider.focus()
    tab.keyboard.press("ArrowLeft")
    assert slider.input_value() == "18"
