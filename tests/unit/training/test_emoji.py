"""Packages, icons, captions and pictures of the emoji model, on a hand-made package."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import everything
import pytest
import torch
from pictures import icons as icons_module
from pictures import packages
from pictures.captions import STYLES, caption, captions, held_out
from pictures.dataset import Row, World, captioned, read_pictures, shrink
from pictures.icons import Concept, Icon, icons
from pictures.packages import PACKAGES, Package
from pictures.render import draw, render, save_pictures

from noisewalk import UserError
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.words import load_words

CIRCLE = '<circle cx="8" cy="8" r="6" fill="currentColor"/>'


def tarball(folder: Path, name: str, files: dict[str, object]) -> Package:
    """A package of JSON files in `folder`, pinned by its own checksum."""
    pack = Package(name, "1.0.0", "", "MIT", "nobody")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / pack.tarball, "w:gz") as tar:
        for path, content in files.items():
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(f"package/{path}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return replace(pack, sha512=hashlib.sha512((folder / pack.tarball).read_bytes()).hexdigest())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four emoji in one style and two pictograms, with their words."""
    emoji = [
        {"label": "rocket", "hexcode": "1F680", "emoji": "R", "tags": ["space"], "group": 5, "subgroup": 56},
        {"label": "man: red hair", "hexcode": "1F468", "emoji": "M", "tags": [], "group": 1, "subgroup": 23},
        {"label": "flag: Peru", "hexcode": "1F1F5", "emoji": "P", "tags": [], "group": 9, "subgroup": 98},
        {"label": "light skin tone", "hexcode": "1F3FB", "emoji": "L", "tags": [], "group": 2, "subgroup": 32},
    ]
    groups = {"groups": {"1": "people-body", "2": "component", "5": "travel-places", "9": "flags"}, "subgroups": {}}
    codes = {f"en/shortcodes/{n}.json": {"1F680": ["rocket_ship"]} for n in ("cldr", "emojibase", "github")}
    names = ("rocket", "man-red-hair", "man-red-hair-light-skin-tone", "flag-for-peru", "nonsense")
    body = {
        "icons": {n: {"body": CIRCLE} for n in names} | {"hidden": {"body": CIRCLE, "hidden": True}},
        "width": 16,
        "height": 16,
    }
    pictograms = {"icons": {n: {"body": CIRCLE} for n in ("rocket", "thor-hammer")}, "width": 16, "height": 16}
    made = (
        tarball(tmp_path, "emojibase-data", {"en/data.json": emoji, "meta/groups.json": groups, **codes}),
        tarball(tmp_path, "emojilib", {"dist/emoji-en-US.json": {"R": ["rocket", "launch", "outer_space"]}}),
        tarball(tmp_path, "@iconify-json/noto", {"icons.json": body, "chars.json": {"1f680": "rocket"}}),
        tarball(tmp_path, "@iconify-json/game-icons", {"icons.json": pictograms}),
    )
    monkeypatch.setattr(packages, "PACKAGES", made)
    monkeypatch.setattr(icons_module, "PACKAGES", made)
    return tmp_path


def test_icons_share_concepts_and_leave_out_flags_skin_tones_and_what_is_no_emoji(folder: Path) -> None:
    found = {(i.style, i.name): i.concept for i in icons(folder)}
    assert found.keys() == {
        ("noto", "rocket"),
        ("noto", "man-red-hair"),
        ("game-icons", "rocket"),
        ("game-icons", "thor-hammer"),
    }
    assert found["noto", "rocket"] == found["game-icons", "rocket"]
    rocket = found["noto", "rocket"]
    assert (rocket.names, rocket.keywords) == (("rocket", "rocket ship"), ("space", "launch", "outer space"))
    assert found["noto", "man-red-hair"].names[0] == "man with red hair"
    assert found["game-icons", "thor-hammer"].group == "pictograms"


def test_a_changed_missing_or_unfetchable_package_is_a_clear_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noto = packages.package("noto")
    path = folder / noto.tarball
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(UserError, match=r"is not @iconify-json/noto 1\.0\.0 as pinned .* delete it and fetch again"):
        list(icons(folder))
    path.unlink()
    with pytest.raises(UserError, match="is missing; fetch it with"):
        list(icons(folder))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"npm was not found; run 'npm pack @iconify-json/noto@1\.0\.0' elsewhere"):
        list(packages.fetch(folder, (noto,)))


def test_what_is_pinned_is_free_to_use_and_has_a_style() -> None:
    assert {p.licence for p in PACKAGES} <= {"MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-3.0"}
    assert all(len(p.sha512) == 128 and p.credit for p in PACKAGES)
    assert {p.short for p in PACKAGES if p.name.startswith("@iconify-json/")} == STYLES.keys()


def test_drawings_are_on_white_and_a_broken_one_is_named_and_skipped(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    concept = Concept("rocket", ("rocket",), (), "travel-places")
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 8">'
    svgs = {"good": f'{head}<rect width="16" height="8"/></svg>', "cut": f"{head}<rect", "empty": f"{head}</svg>"}
    done = list(render((Icon("noto", name, concept, svg) for name, svg in svgs.items()), 32))
    assert [(r.icon.name, r.picture is None) for r in done] == [("good", False), ("cut", True), ("empty", True)]
    assert all(r.problem for r in done[1:])
    picture = draw(svgs["good"], 32)
    assert picture.shape == (3, 32, 32)
    assert int(picture[:, :4].min()) == 255  # wider than high: white above and below
    assert int(picture[:, 12:20].max()) == 0
    side_by_side = render((Icon("noto", name, concept, svg) for name, svg in svgs.items()), 32, processes=2)
    for one, two in zip(done, side_by_side, strict=True):
        assert (one.icon, one.problem) == (two.icon, two.problem)
        assert (one.picture is None and two.picture is None) or torch.equal(one.picture, two.picture)
    path = save_pictures(tmp_path, 32, done)
    assert [row["name"] for row in json.loads(path.with_suffix(".json").read_text())] == ["good"]


def test_captions_are_the_same_each_time_and_name_the_style_half_of_the_time() -> None:
    names, keywords = ("rocket", "rocket ship"), ("space", "launch")
    assert captions(names, keywords, "twemoji", 8) == captions(names, keywords, "twemoji", 8)
    many = captions(names, keywords, "twemoji", 1000)
    styled = sum(any(phrase in c for phrase in STYLES["twemoji"]) for c in many)
    assert 450 < styled < 650
    assert all("rocket" in c or "space" in c or "launch" in c for c in many)
    assert all(any(p in c for p in STYLES["game-icons"]) for c in captions(names, keywords, "game-icons", 100))
    plain = captions(names, keywords, "game-icons", 1000, only=True)
    assert 450 < sum(any(p in c for p in STYLES["game-icons"]) for c in plain) < 650
    assert caption("old man", "noto") == "an old man, cartoon icon"


def test_a_world_takes_what_is_drawn_in_colour_and_silhouettes_that_prompts_would_name() -> None:
    def row(name: str, style: str, group: str = "objects") -> Row:
        return {"key": name.replace(" ", "-"), "names": [name], "style": style, "group": group, "subgroup": ""}

    coloured = [row("skull", "noto"), row("skull", "twemoji"), row("fox", "noto"), row("plus", "noto", "symbols")]
    dark = [row(name, "game-icons", "pictograms") for name in ("campfire", "pirate skull", "skull crack", "red pirate skull")]
    index = [*coloured, *dark, row("fox", "game-icons")]
    assert World(silhouettes="named").concepts(index) == {"skull", "fox", "campfire", "pirate-skull"}
    assert World().concepts(index) == {"skull", "fox"}
    assert World(2).concepts(index) == {"skull"}
    assert World(silhouettes="all").concepts(index) == {row["key"] for row in index} - {"plus"}
    assert World(silhouettes="all", without=()).concepts(index) == {row["key"] for row in index}


def test_the_held_out_pairs_are_one_in_twenty_and_never_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = sum(held_out(f"concept-{i}", "noto") for i in range(4000)) / 4000
    assert 0.04 < share < 0.06
    assert held_out("rocket", "fxemoji") == held_out("rocket", "fxemoji")
    pytest.importorskip("resvg_py")
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{CIRCLE}</svg>'
    keys = [f"thing-{i}" for i in range(60)]
    made = [Icon(s, k, Concept(k, (k.replace("-", " "),), (), "objects"), drawn) for s in ("noto", "twemoji") for k in keys]
    made += [Icon("noto", "arrow", Concept("arrow", ("arrow",), (), "symbols"), drawn)]
    save_pictures(tmp_path, 64, list(render(made, 64)))
    monkeypatch.setenv("NOISEWALK_DATA", str(tmp_path))
    prompts = TextPrompts(load_words(), 12)
    world = World(2)
    train, rest = captioned(32, world, prompts, "train", 3), captioned(32, world, prompts, "held out", 3)
    assert len(train) + len(rest) == 120
    assert len(rest) == sum(held_out(k, s) for k in keys for s in ("noto", "twemoji")) > 0
    pictures, (vectors, mask) = train.batch(torch.tensor([3, 0]), torch.Generator().manual_seed(0))
    assert pictures.shape == (2, 3, 32, 32)
    assert vectors.shape == (2, 12, prompts.table.dim)
    assert mask.any(1).all()
    with pytest.raises(UserError, match=r"there is no picture .* lower its min_styles"):
        captioned(32, World(9), prompts)


def test_pictures_that_are_missing_or_do_not_fit_their_index_are_clear_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOISEWALK_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"pictures-64.safetensors was not found in .*render\.py"):
        read_pictures(64)
    pytest.importorskip("resvg_py")
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{CIRCLE}</svg>'
    save_pictures(tmp_path, 64, list(render([Icon("noto", "a", Concept("a", ("a",), (), "objects"), drawn)], 64)))
    (tmp_path / "pictures-64.json").write_text("[]")
    with pytest.raises(UserError, match="has 1 pictures, but its index 0; render again"):
        read_pictures(64)


def test_shrinking_is_the_mean_of_squares() -> None:
    pictures = torch.tensor([[0, 100], [200, 100]], dtype=torch.uint8).expand(2, 3, 2, 2)
    assert torch.equal(shrink(pictures, 1), torch.full((2, 3, 1, 1), 100, dtype=torch.uint8))


def test_the_one_command_for_everything_prints_commands_that_their_scripts_accept(tmp_path: Path) -> None:
    made = [
        *everything.rendered(tmp_path, 300, 50, "2"),
        *everything.trained(tmp_path / "runs", 10.0, ["--batch-size", "256", "--learning-rate", "0.001", "--no-compile"]),
    ]
    assert {command[0] for _, command in made} >= {"fetch.py", "render.py", "compose.py", "train.py", "pack.py"}
    for _, (script, *arguments) in made:
        known = inspect.signature(importlib.import_module(script.removesuffix(".py")).main).parameters
        options = {
            each.removeprefix("--no-").removeprefix("--").replace("-", "_") for each in arguments if each.startswith("--")
        }
        assert options <= known.keys(), script
