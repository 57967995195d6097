"""Scenes of the recipe: exact captions, correct places, other colours, and held-out combinations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures.captions import caption
from pictures.colours import PAINTS, Palette, recoloured
from pictures.composed import Pair, main_colour, pairs
from pictures.crops import crop
from pictures.icons import Concept, Icon
from pictures.nouns import countable, noun, plural
from pictures.pool import pool_path, read_pool, save_pool
from pictures.render import draw
from pictures.scenes import Scene, Stage, apart, compose, sentences
from pictures.templates import above, bare, beside, coloured, several
from pictures.things import Box as Drawings
from pictures.things import boxes
from pictures.vector import Box, Canvas, Drawing, drawing, rgba
from pictures.worlds import TEMPLATES, wearing

import noisewalk as nw

pytest.importorskip("resvg_py")
BODIES = {
    "red apple": '<circle cx="9" cy="9" r="5" fill="#d22"/><path d="M9 1v3" stroke="#630"/>',
    "banana": '<rect x="2" y="6" width="12" height="5" fill="#fd3"/>',
    "cat face": '<circle cx="8" cy="8" r="7" fill="#e80"/>',
    "green book": '<rect x="4" y="2" width="8" height="12" fill="#2a4"/>',
    "man": '<circle cx="8" cy="8" r="7" fill="#ffc83d"/>',
    "top hat": '<rect x="2" y="10" width="12" height="3" fill="#24c"/><rect x="4" y="2" width="8" height="8" fill="#24c"/>',
}


def made(name: str) -> Drawing:
    """A hand-made drawing of an emoji name."""
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" width="16" height="16">'
    group = "people-body" if name == "man" else "food-drink"
    subgroup = "person" if name == "man" else "food-fruit"
    concept = Concept(name.replace(" ", "-"), (name,), (), group, subgroup)
    found = drawing(Icon("noto", name, concept, f"{head}{BODIES[name]}</svg>"), noun(name))
    assert found
    return found


@pytest.fixture(scope="module")
def drawings() -> dict[str, Drawings]:
    return boxes(made(name) for name in BODIES)


def test_nouns_and_plurals_are_english() -> None:
    assert [noun(n) for n in ("dog face", "automobile", "smiling face", "rocket")] == ["dog", "car", "smiling face", "rocket"]
    names = ("red apple", "old man", "bus", "strawberry", "monkey", "mouse", "bicycle", "fish")
    assert [plural(n) for n in names] == [
        "red apples", "old men", "buses", "strawberries", "monkeys", "mice", "bicycles", "fish",
    ]  # fmt: skip
    assert [countable(n) for n in ("apple", "glasses", "bus", "milk")] == [True, False, True, False]
    assert (bare("red apple"), bare("polar bear")) == ("apple", "polar bear")


def test_a_drawing_lies_exactly_in_its_box_whatever_was_empty_around_it() -> None:
    canvas = Canvas()
    box = canvas.put(made("banana"), Box(10, 20, 40, 60))
    assert box == pytest.approx((10, 80 - 40 * 5 / 12, 40, 40 * 5 / 12), abs=0.01)
    rows, columns = np.nonzero(rgba(canvas.svg(), 200)[..., 3] > 128)
    edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert edges == pytest.approx((20, 2 * box.y, 100, 160), abs=2)


@pytest.mark.parametrize("colour", [name for name, paint in PAINTS.items() if not paint.neutral])
def test_a_drawing_of_one_hue_takes_the_colour_that_its_caption_says(colour: str) -> None:
    apple = made("red apple")
    assert apple.own
    assert apple.own.hue == pytest.approx(0, abs=8) or apple.own.hue == pytest.approx(360, abs=8)
    canvas = Canvas()
    canvas.put(apple, Box(0, 0, 100, 100), colour)
    assert main_colour(draw(canvas.svg(), 64).float() / 127.5 - 1) == colour


def test_other_hues_outlines_and_references_stay() -> None:
    svg = '<g fill="#e02020" stroke="#000"/><g fill="url(#abc)"/><g fill="#20e020"/><stop stop-color="red"/>'
    blue = recoloured(svg, Palette(0.0, 0.5), "blue")
    assert 'stroke="#000000"' in blue or 'stroke="#000"' in blue
    assert "url(#abc)" in blue
    assert "#20e020" in blue
    assert "#e02020" not in blue
    assert '"red"' not in blue


def test_ids_of_two_drawings_in_one_scene_do_not_meet() -> None:
    canvas, what = Canvas(), made("banana")
    what = replace(what, icon=replace(what.icon, svg=what.icon.svg.replace("<rect", '<rect id="a" clip-path="url(#a)"')))
    canvas.put(what, Box(0, 0, 50, 50))
    canvas.put(what, Box(50, 0, 50, 50))
    assert all(f'id="n{i}-a" clip-path="url(#n{i}-a)"' in canvas.svg() for i in (0, 1))


def test_a_scene_of_a_number_is_always_the_same_and_of_its_split(drawings: dict[str, Drawings]) -> None:
    templates = ((beside, 1.0), (above, 1.0), (several, 1.0), (coloured, 1.0))
    for held_out in (False, True):
        found = [compose(drawings, templates, number, held_out) for number in range(12)]
        assert found == [compose(drawings, templates, number, held_out) for number in range(12)]
        assert {apart(scene.combination) for scene in found} == {held_out}
    share = sum(apart(f"{i}|dog") for i in range(4000)) / 4000
    assert 0.07 < share < 0.09


def test_captions_say_which_thing_is_where(drawings: dict[str, Drawings]) -> None:
    for number in range(8):
        left = compose(drawings, ((beside, 1.0),), number)
        one, other = left.boxes
        assert one.x + one.w <= other.x + 0.01
        assert any(f"{left.things[0]} to the left of" in said or "to the left of" in said for said in left.sentences)
        top = compose(drawings, ((above, 1.0),), number)
        assert top.boxes[0].y < top.boxes[1].y
    many = compose(drawings, ((several, 1.0),), 3)
    number_of = {"two": 2, "three": 3, "four": 4}[many.things[0]]
    assert len(many.boxes) == number_of
    assert all(text.strip() for text in sentences(many, 8))


def test_a_hat_stands_on_the_forehead(drawings: dict[str, Drawings]) -> None:
    scene = compose({"noto": replace(drawings["noto"])}, ((wearing, 1.0),), 0)
    head, hat = scene.boxes
    assert scene.relation == "wearing"
    assert head.y < hat.y + hat.h < head.y + 0.35 * head.h
    assert abs((hat.x + hat.w / 2) - (head.x + head.w / 2)) < 3
    assert f"wearing a {scene.things[1]}" in " ".join(scene.sentences) or "wearing a" in " ".join(scene.sentences)


def test_every_template_says_what_it_misses_or_makes_a_scene(drawings: dict[str, Drawings]) -> None:
    from random import Random

    from pictures.scenes import Missing

    for template, weight in TEMPLATES:
        assert weight > 0
        for seed in range(3):
            try:
                scene = template(Stage(drawings["noto"], Random(seed)))
            except Missing:
                continue
            assert scene.sentences
            assert draw(scene.svg, 32).shape == (3, 32, 32)


def test_a_pool_is_read_as_written_and_grows(tmp_path: Path) -> None:
    path = pool_path(tmp_path, 8, "train")
    with pytest.raises(nw.UserError, match=r"is missing; make it with training/recipes/emoji/compose\.py"):
        read_pool(tmp_path, 8)
    first, second = np.zeros((3, 8, 8), np.uint8), np.full((3, 8, 8), 9, np.uint8)
    save_pool(path, [(first, {"kind": "beside"})])
    save_pool(path, [(second, {"kind": "above"})], add=True)
    pictures, index = read_pool(tmp_path, 8)
    assert [said["kind"] for said in index] == ["beside", "above"]
    assert pictures[:, 0, 0, 0].tolist() == [0, 9]
    assert json.loads(path.with_suffix(".json").read_text()) == index


def test_the_questions_about_a_scene_do_not_offer_its_things_as_wrong() -> None:
    def said(first: str, second: str) -> dict[str, object]:
        return {"relation": "left of", "things": [first, second], "sentences": [f"a {first} to the left of a {second}"]}

    index = [said(f"thing {i}", f"other {i}") for i in range(30)]
    asked = pairs(index, 5)
    assert [pair.row for pair in asked] == [0, 1, 2, 3, 4]
    assert all(isinstance(pair, Pair) and len(pair.wrong) == 19 and not set(pair.wrong) & set(pair.things) for pair in asked)
    picture = torch.arange(64.0).view(1, 8, 8).expand(3, 8, 8) / 64
    part = crop(picture, (50, 25, 50), 8)
    assert part.shape == picture.shape
    assert float(part.min()) == float(picture[0, 4, 2])
    assert float(part.max()) == float(picture[0, 7, 5])


def test_scenes_name_the_style_as_single_drawings_do(drawings: dict[str, Drawings]) -> None:
    scene = compose(drawings, ((beside, 1.0),), 1)
    assert isinstance(scene, Scene)
    assert any("cartoon icon" in text or "emoji" in text for text in sentences(scene, 60))
    assert caption("rocket", "noto") == "a rocket, cartoon icon"
