"""The page in a real browser, used as a person uses it."""

from __future__ import annotations

import base64
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import noisewalk as nw
from noisewalk.documents.reading import read_document
from noisewalk.run.record import parse_record
from noisewalk.studio.teach import lesson
from noisewalk.techniques import TECHNIQUES

PHONE = {"width": 390, "height": 844}
SHOTS = os.environ.get("NOISEWALK_SCREENSHOTS", "")
"""A folder for screenshots, for people who want to look."""


def tab_of(page: Any, name: str) -> None:
    """Open a tab."""
    page.get_by_role("tab", name=name, exact=True).click()


def fill(page: Any, ident: str, text: str) -> None:
    page.locator(f"#{ident} input, #{ident} textarea").first.fill(text)


def choose(page: Any, ident: str, text: str) -> None:
    """Choose from a list."""
    box = page.locator(f"#{ident} input").first
    box.click()
    box.fill(text)
    box.press("Enter")


def viewer(page: Any, technique: str, phase: str = "done") -> Any:
    """Wait until the viewer of a technique is in a phase, and return it."""
    page.wait_for_selector(f"#{technique}-viewer .nw[data-phase='{phase}'], #{technique}-viewer .nw[data-phase='error']")
    found = page.locator(f"#{technique}-viewer .nw")
    assert found.get_attribute("data-phase") == phase, found.inner_text()
    return found


def run(page: Any, technique: str) -> Any:
    """Run a technique to its end, and return its viewer."""
    page.click(f"#{technique}-run")
    return viewer(page, technique)


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def pixels(locator: Any) -> np.ndarray:
    """Return the picture of an <img>."""
    data = base64.b64decode(locator.get_attribute("src").partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def entries(page: Any) -> list[dict[str, Any]]:
    """Return the history that the browser keeps."""
    return page.evaluate("noisewalkEntries")


def png_of(entry: dict[str, Any]) -> bytes:
    return base64.b64decode(entry["png"].partition(",")[2])


def draw(page: Any, technique: str, *strokes: tuple[float, float, float, float]) -> None:
    """Draw strokes on a canvas, in shares of its size."""
    page.locator(f"#{technique}-pad .nw-stack").scroll_into_view_if_needed()
    box = page.locator(f"#{technique}-pad .nw-stack").bounding_box()
    for x, y, to_x, to_y in strokes:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + to_x * box["width"], box["y"] + to_y * box["height"], steps=8)
        page.mouse.up()


def test_a_picture_forms_and_is_the_one_of_the_command_line(tab: Any) -> None:
    fill(tab, "generate-prompt", "a rocket")
    shown = run(tab, "generate")
    assert "20 network calls" in shown.inner_text()
    previews = int(shown.get_attribute("data-previews"))
    assert previews >= 2, "the picture is watched while it is made"
    expected = np.asarray(nw.generate("emoji", "a rocket").images[0].convert("RGB"))
    assert np.array_equal(pixels(shown.locator(".nw-shown img").first), expected)
    (entry,) = entries(tab)
    assert entry["command"] == "noisewalk generate 'a rocket' --model emoji"
    record = parse_record(png_of(entry), "it")
    assert (record.verb, record.request.prompt) == ("generate", "a rocket")
    shot(tab, "generate")


def test_the_scrubber_goes_over_all_steps(tab: Any) -> None:
    fill(tab, "generate-prompt", "7")
    shown = run(tab, "generate")
    slider = shown.locator(".nw-scrub input[type=range]")
    assert slider.get_attribute("max") == "19"
    at_end = tab.evaluate("e => e.toDataURL()", shown.locator(".nw-scrub canvas").first.element_handle())
    slider.fill("0")
    assert "step 1 of 20" in shown.locator(".nw-scrub output").inner_text()
    assert tab.evaluate("e => e.toDataURL()", shown.locator(".nw-scrub canvas").first.element_handle()) != at_end
    tab.wait_for_selector("#technique-generate [data-term=prediction].now")


def test_stop_keeps_what_is_finished(tab: Any) -> None:
    tab_of(tab, "edit")
    draw(tab, "edit", (0.3, 0.3, 0.7, 0.7))
    fill(tab, "edit-prompt", "a snowman")
    fill(tab, "edit-start", " ".join(["30"] + ["0"] * 40))
    tab.click("#edit-run")
    tab.wait_for_function("Number(document.querySelector('#edit-viewer .nw').dataset.previews || 0) > 6")
    tab.click("#edit-stop")
    shown = viewer(tab, "edit", "stopped")
    assert "what is finished is kept" in shown.inner_text()
    assert 2 <= shown.locator(".nw-shown img").count() < 42, "the original and the first starts, but not all of them"


def test_another_click_on_run_starts_anew(tab: Any) -> None:
    fill(tab, "generate-prompt", "a rocket")
    tab.get_by_role("button", name="Advanced").locator("visible=true").click()
    fill(tab, "generate-steps", "100")
    tab.click("#generate-run")
    viewer(tab, "generate", "walking")
    fill(tab, "generate-steps", "3")
    assert "3 network calls" in run(tab, "generate").inner_text()
    fill(tab, "generate-steps", "4")
    assert "4 network calls" in run(tab, "generate").inner_text()
    assert len(entries(tab)) == 2


def test_a_snowman_is_drawn_and_edited(tab: Any) -> None:
    tab_of(tab, "edit")
    draw(tab, "edit", (0.5, 0.3, 0.5, 0.35), (0.4, 0.6, 0.6, 0.6), (0.35, 0.8, 0.65, 0.8))
    fill(tab, "edit-prompt", "a snowman")
    fill(tab, "edit-start", "10 20")
    shown = run(tab, "edit")
    assert shown.locator(".nw-shown img").count() == 3
    original = pixels(shown.locator(".nw-shown img").first)
    assert original.shape == (64, 64, 3)
    assert original.std() > 20, "the strokes are in the picture"
    assert len(entries(tab)) == 2
    shot(tab, "edit")


def test_a_picture_is_uploaded_and_repainted_under_a_mask(tab: Any, tmp_path: Path) -> None:
    picture = Image.fromarray((np.indices((64, 64)).sum(0)[..., None] * [2, 1, 1]).clip(0, 255).astype(np.uint8))
    picture.save(tmp_path / "slope.png")
    tab_of(tab, "inpaint")
    tab.locator("#inpaint-pad input[type=file]").set_input_files(str(tmp_path / "slope.png"))
    tab.wait_for_selector("text=A picture of 64 x 64 pixels")
    tab.locator("#inpaint-pad select").select_option("mask")
    draw(tab, "inpaint", (0.2, 0.2, 0.5, 0.5))
    fill(tab, "inpaint-prompt", "a rocket")
    fill(tab, "inpaint-num_resamples", "1")
    shown = run(tab, "inpaint")
    request = parse_record(png_of(entries(tab)[0]), "it").request
    expected = nw.inpaint("emoji", tmp_path / "slope.png", request.mask, prompt="a rocket", num_resamples=(1,))
    assert np.array_equal(pixels(shown.locator(".nw-shown img").last), np.asarray(expected.images[-1].convert("RGB")))
    white = np.asarray(request.mask.image) > 127
    assert white[20, 20]
    assert not white[56, 56]
    shot(tab, "inpaint")


def test_an_anagram_turns_and_follows_its_strengths(tab: Any) -> None:
    tab_of(tab, "anagram")
    fill(tab, "anagram-prompts-1", "6")
    fill(tab, "anagram-prompts-2", "9")
    shown = run(tab, "anagram")
    canvas = shown.locator(".nw-turning canvas").element_handle()
    before = tab.evaluate("e => e.toDataURL()", canvas)
    shown.locator(".nw-turn").click()
    tab.wait_for_function("document.querySelector('.nw-turning input').value === '100'")
    assert tab.evaluate("e => e.toDataURL()", canvas) != before
    shot(tab, "anagram")
    slider = tab.get_by_label("strength of prompt 2", exact=False).locator("visible=true").last
    slider.fill("0.2")
    tab.wait_for_function("noisewalkEntries.length === 2")
    assert "--weights 1 0.2" in entries(tab)[0]["command"]


def test_a_hybrid_goes_away(tab: Any) -> None:
    tab_of(tab, "hybrid")
    fill(tab, "hybrid-far", "a skull")
    fill(tab, "hybrid-near", "a house")
    shown = run(tab, "hybrid")
    picture = shown.locator(".nw-far")
    near = picture.bounding_box()["width"]
    shown.locator(".nw-distance input").fill("100")
    assert picture.bounding_box()["width"] < near / 5
    shot(tab, "hybrid")


def test_the_lab_compares_three_methods_at_the_level_of_a_slider(tab: Any, tmp_path: Path) -> None:
    nw.generate("digits", "3").images[0].save(tmp_path / "three.png")
    tab_of(tab, "denoise")
    tab.locator("#denoise-pad input[type=file]").set_input_files(str(tmp_path / "three.png"))
    tab.wait_for_selector("text=A picture of 28 x 28 pixels")
    tab.get_by_label("level of noise t", exact=False).locator("visible=true").last.fill("500")
    shown = viewer(tab, "denoise")
    captions = shown.locator(".nw-shown figcaption").all_inner_texts()
    assert [caption.split(",")[0] for caption in captions[:4]] == ["original", "noisy", "blur", "one-step"]
    assert captions[4].startswith("iterative")
    assert all("dB" in caption for caption in captions[2:])
    shot(tab, "denoise")


@pytest.mark.parametrize("technique", ["forward", "factorize", "inverse"])
def test_the_other_techniques(tab: Any, tmp_path: Path, technique: str) -> None:
    tab_of(tab, technique)
    if technique == "factorize":
        fill(tab, "factorize-prompts-1", "8")
        fill(tab, "factorize-prompts-2", "3")
    else:
        nw.generate("digits", "3").images[0].save(tmp_path / "three.png")
        tab.locator(f"#{technique}-pad input[type=file]").set_input_files(str(tmp_path / "three.png"))
        tab.wait_for_selector("text=A picture of 28 x 28 pixels")
    if technique == "inverse":
        fill(tab, "inverse-prompt", "8")
    assert run(tab, technique).locator(".nw-shown img").count() >= 1
    shot(tab, technique)


def test_a_search_fills_its_gallery_and_opens_a_seed(tab: Any) -> None:
    tab_of(tab, "anagram")
    fill(tab, "anagram-prompts-1", "6")
    fill(tab, "anagram-prompts-2", "9")
    tab.get_by_role("button", name="Search the seeds").locator("visible=true").click()
    tab.click("#anagram-search")
    tab.wait_for_selector("#anagram-gallery .nw[data-phase=walking] .nw-open")
    tab.wait_for_selector("#anagram-gallery .nw[data-phase=done]")
    found = tab.locator("#anagram-gallery .nw-open")
    assert found.count() == 16
    scores = [float(text.split()[-1]) for text in tab.locator("#anagram-gallery figcaption").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    seed = int(found.first.get_attribute("data-seed"))
    shot(tab, "search")
    found.first.click()
    tab.wait_for_function("noisewalkEntries.length === 1")
    assert entries(tab)[0]["seed"] == seed


def test_partners_are_suggested_for_a_prompt(tab: Any) -> None:
    tab_of(tab, "anagram")
    fill(tab, "anagram-prompts-1", "6")
    tab.get_by_role("button", name="Search the seeds").locator("visible=true").click()
    tab.get_by_role("button", name="Suggest partners for").click()
    tab.get_by_label("9", exact=True).locator("visible=true").check()
    tab.wait_for_function("document.querySelector('#anagram-prompts-2 input').value === '9'")


def test_known_words_complete_a_prompt(tab: Any) -> None:
    assert tab.locator("#generate-prompt input").get_attribute("list") == "nw-known"
    assert tab.locator("#nw-known option[value='a rocket']").count() >= 1


def test_digits_are_trained_with_a_curve_and_samples(tab: Any) -> None:
    tab_of(tab, "train")
    tab.get_by_label("epochs", exact=False).locator("visible=true").first.fill("0.3")
    tab.click("#train-run")
    tab.wait_for_selector("#train-gallery .nw[data-phase=done], #train-gallery .nw[data-phase=error]", timeout=60_000)
    gallery = tab.locator("#train-gallery .nw")
    assert "step 6 of 6" in gallery.inner_text()
    assert gallery.locator("svg polyline").count() == 1
    assert gallery.locator("figure img").count() >= 1
    shot(tab, "train")


def test_a_png_is_dropped_restored_and_replayed(tab: Any, tmp_path: Path) -> None:
    nw.anagram("digits", ["6", "9"], seed=7, steps=10).save(tmp_path / "six-nine.png")
    tab_of(tab, "history")
    tab.locator("#history input[type=file]").set_input_files(str(tmp_path / "six-nine.png"))
    tab.wait_for_selector("#anagram-prompts-1")
    assert tab.locator("#anagram-prompts-2 input").input_value() == "9"
    assert tab.locator("#anagram-seed input").input_value() == "7"
    tab_of(tab, "history")
    tab.get_by_role("button", name="Replay it").click()
    tab.wait_for_selector("text=every pixel is the same")


def test_the_history_downloads_all_that_was_made(tab: Any, tmp_path: Path) -> None:
    tab_of(tab, "anagram")
    fill(tab, "anagram-prompts-1", "6")
    fill(tab, "anagram-prompts-2", "9")
    run(tab, "anagram")
    tab_of(tab, "history")
    names = {"picture 1": b"\x89PNG", "the filmstrip of picture 1": b"\x89PNG", "the film of picture 1": b"GIF8"}
    for name, begins in names.items():
        with tab.expect_download() as waiting:
            tab.get_by_role("button", name=f"Download {name}", exact=True).click()
        assert Path(waiting.value.path()).read_bytes().startswith(begins)
    tab.get_by_label("Put picture 1 into the report").check()
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Download a report").click()
    text = Path(waiting.value.path()).read_text()
    (tmp_path / "report.md").write_text(text)
    (block,) = read_document(tmp_path / "report.md").blocks.values()
    assert block.commands[0].job.request.prompts == ("6", "9")
    assert "```noisewalk\nanagram 6 9 --model digits\n```" in text
    assert entries(tab)[0]["python"].startswith("import noisewalk as nw")
    shot(tab, "history")
    tab.reload()
    tab.wait_for_selector("#generate-run")
    assert len(entries(tab)) == 1, "the history outlives the page"


def test_a_report_brings_the_pictures_that_it_begins_from(tab: Any, tmp_path: Path) -> None:
    tab_of(tab, "edit")
    draw(tab, "edit", (0.3, 0.3, 0.7, 0.7))
    fill(tab, "edit-prompt", "a snowman")
    fill(tab, "edit-start", "20")
    run(tab, "edit")
    tab_of(tab, "history")
    tab.get_by_label("Put picture 1 into the report").check()
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Download a report").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.namelist() == ["report.md", "01-image.png"]
        assert "edit 01-image.png" in archive.read("report.md").decode()


def test_a_failure_is_a_sentence(tab: Any) -> None:
    fill(tab, "generate-prompt", "<img src=x onerror=alert(1)>")
    fill(tab, "generate-num", "17")
    tab.click("#generate-run")
    tab.wait_for_selector("#generate-viewer .nw[data-phase=error]")
    assert "--num may be at most 16 pictures" in tab.locator("#generate-viewer").inner_text()


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_technique_has_a_lesson(technique: str) -> None:
    text = lesson(technique)
    assert text.count("data-term") > 3
    assert text.count(". ") >= 1


def test_a_phone_opens_a_tab_from_the_menu_and_shows_all_of_a_picture(tab: Any) -> None:
    tab.set_viewport_size(PHONE)
    tab.locator(".overflow-menu > button").click()
    tab.locator(".overflow-dropdown button", has_text="anagram").click()
    fill(tab, "anagram-prompts-1", "6")
    fill(tab, "anagram-prompts-2", "9")
    shown = run(tab, "anagram")
    shot(tab, "phone")
    assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    for picture in shown.locator("img, canvas").all():
        box = picture.bounding_box()
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"])
