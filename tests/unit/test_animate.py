"""Animations: one rule that starts at the picture, ends at what is seen, and moves in between what belongs together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.guidance import VIEWS, get_view
from noisewalk.images import enlarge, to_image
from noisewalk.report.animate import frame, motion_of, partial_turn
from noisewalk.report.figures import sheet, shortened
from noisewalk.run.film import Film, Frame, original, save

EVERY = [*VIEWS, "jigsaw:3", "failure:blur"]
MARGIN, SCALE = 4, 2


def picture(size: int = 16) -> torch.Tensor:
    return torch.rand(3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("name", EVERY)
def test_it_starts_at_the_picture_and_ends_at_what_is_seen(name: str) -> None:
    view, x = get_view(name), picture()
    seen = view.forward(x[None])[0]
    motion = motion_of(view, 3, 16, 16)
    for s, wanted in ((0.0, x), (1.0, seen)):
        pixels = frame(x, seen, motion, s, SCALE, MARGIN / 16 / SCALE)
        inside = pixels[MARGIN:-MARGIN, MARGIN:-MARGIN]
        expected = np.asarray(to_image(wanted)).repeat(SCALE, 0).repeat(SCALE, 1)
        assert np.abs(inside.astype(int) - expected).max() <= 1
        assert (pixels[:MARGIN] == 255).all()


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        *(("rotate180", 1), ("rotate90", 1), ("flip-vertical", 1), ("negate", 1), ("colour-permute", 1)),
        *(("inner-circle", 2), ("polar-rings", 4), ("block-swap", 4), ("failure:blur", 1)),
    ],
)
def test_pieces_are_what_a_view_moves_as_a_whole(name: str, pieces: int) -> None:
    """Rings: the one turned by four quarters stays, as the corners do."""
    assert len(motion_of(get_view(name), 3, 16, 16).middle) == pieces


def test_a_rotation_turns_and_a_flip_turns_over() -> None:
    """Half-way a picture turned by 180 degrees is turned by 90, and not shrunk to a point as it would be on straight lines."""
    middle = motion_of(VIEWS["rotate180"], 3, 16, 16).at(0.5)[0] - 7.5
    assert np.allclose(np.abs(middle).max(), 7.5)
    flat = motion_of(VIEWS["flip-vertical"], 3, 16, 16).at(0.5)[0]
    assert np.allclose(flat[:, 0], 7.5)
    assert flat[:, 1].max() - flat[:, 1].min() == 15
    for k in range(4):
        turn = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), k)
        for symmetry in (turn, turn @ np.diag([1.0, -1.0])):
            assert np.allclose(partial_turn(symmetry, 0), np.eye(2))
            assert np.allclose(partial_turn(symmetry, 1), symmetry)


def test_a_saved_picture_is_found_again_under_its_enlargement() -> None:
    x = picture(28)
    found = original(enlarge(to_image(x)))
    assert found.shape == (1, 3, 28, 28)
    assert (found[0] - x).abs().max() < 1 / 127
    assert original(to_image(picture(256))).shape == (1, 3, 256, 256)


def test_films_of_anagrams_and_hybrids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = nw.load("digits")
    anagram, hybrid = tmp_path / "a.png", tmp_path / "h.png"
    nw.anagram(model, ("6", "9"), views=("identity", "jigsaw"), steps=2).save(anagram)
    nw.hybrid(model, "0", "1", steps=2).save(hybrid)
    short = ["--seconds", "0.2", "--fps", "10", "--size", "56"]
    for made, kind in ((anagram, "gif"), (anagram, "webp"), (hybrid, "gif")):
        out = tmp_path / f"{made.stem}.{kind}"
        assert main(["animate", str(made), "--out", str(out), *short]) == 0
        with Image.open(out) as image:
            assert getattr(image, "n_frames", 1) == 4  # rest, one on the way, rest, one on the way back
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["duration"] == 1200
    assert main(["animate", str(anagram)]) == 0
    assert anagram.with_suffix(".gif").exists()
    capsys.readouterr()
    nw.generate(model, "7", steps=2).save(tmp_path / "g.png")
    for line, said in (
        ([str(tmp_path / "g.png")], "is not one anagram or hybrid"),
        ([str(anagram), "--out", str(tmp_path / "a.avi")], "saved as .gif, .webp, .mp4"),
        ([str(anagram), "--fps", "0"], "--fps 2 to 60"),
    ):
        assert main(["animate", *line]) == 2
        assert said in capsys.readouterr().err


def test_video_if_there_is_a_library(tmp_path: Path) -> None:
    pytest.importorskip("av")
    nw.anagram(nw.load("digits"), ("6", "9"), steps=2).save(tmp_path / "a.png")
    out = tmp_path / "a.mp4"
    assert main(["animate", str(tmp_path / "a.png"), "--out", str(out), "--seconds", "0.2", "--fps", "10", "--size", "56"]) == 0
    assert out.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_film_that_is_too_large_is_refused_after_one_frame(tmp_path: Path, suffix: str) -> None:
    drawn = []

    def frames() -> Iterator[Frame]:
        for number in range(7200):
            drawn.append(number)
            yield Frame(Image.new("RGB", (2048, 2048)), 0.1)

    with pytest.raises(nw.UserError, match="7200 frames of 2048x2048 pixels need about"):
        save(Film(7200, frames(), 60), tmp_path / f"film{suffix}")
    assert drawn == [0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["GIF", "WEBP"])
def test_a_film_is_drawn_frame_by_frame_and_each_is_shown_as_long_as_it_should(tmp_path: Path, suffix: str) -> None:
    made = [Frame(Image.new("RGB", (8, 8), (40 * i, 0, 255 - 40 * i)), 0.1 * (i + 1)) for i in range(5)]
    told: list[tuple[int, int]] = []
    save(Film(5, iter(made), 10), tmp_path / f"x.{suffix.lower()}", lambda done, total: told.append((done, total)))
    assert told == [(i, 5) for i in range(1, 6)]
    with Image.open(tmp_path / f"x.{suffix.lower()}") as saved:
        assert saved.format == suffix
        shown = []
        for i in range(saved.n_frames):
            saved.seek(i)
            saved.load()
            shown.append(saved.info["duration"])
    assert shown == [100, 200, 300, 400, 500]


def test_a_frame_drawn_in_parts_is_that_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    view = VIEWS["rotate90"]
    x = picture(16)
    motion = motion_of(view, 3, 16, 16)
    whole = frame(x, view.forward(x[None])[0], motion, 0.3, 4)
    monkeypatch.setattr("noisewalk.report.animate.AT_ONCE", 1000)
    assert np.array_equal(frame(x, view.forward(x[None])[0], motion, 0.3, 4), whole)


def test_captions_of_any_length_fit() -> None:
    font = ImageFont.load_default(14)
    for text in ("two\nlines", "x" * 100_000, "a word " * 100_000, ""):
        assert font.getlength(shortened(text, font, 168)) <= 168
        assert sheet([[(text, torch.zeros(1, 3, 32, 32))]]).height < 500
