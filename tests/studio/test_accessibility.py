"""The page for users with a keyboard, a screen reader or a magnifier."""

from __future__ import annotations

from typing import Any

import pytest

from noisewalk.techniques import TECHNIQUES

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")


def test_axe_finds_nothing_serious_in_any_tab_at_a_desk_and_on_a_phone(tab: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the package axe-playwright-python").Axe()
    found = []
    for name in (*TECHNIQUES, "train", "history"):
        tab.set_viewport_size(DESK)
        tab.get_by_role("tab", name=name, exact=True).click()
        for size in (DESK, PHONE):
            tab.set_viewport_size(size)
            tab.wait_for_timeout(300)
            wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{name} scrolls sideways at {size['width']} pixels"
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
