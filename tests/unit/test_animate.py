"""Animations start at the picture, end at its view, and move connected pieces between the two."""

from __future__ import annotations

import io
import weakref
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
from noisewalk.report.figures import gif, sheet, shortened
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
    """In the rings view, the ring that turns by four quarters stays, and the corners stay too."""
    assert len(motion_of(get_view(name), 3, 16, 16).middle) == pieces


def test_a_rotation_turns_and_a_flip_turns_over() -> None:
    """Half-way through a rotation by 180 degrees, the picture is rotated by 90 degrees and keeps its size."""
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
        ([str(anagram), "--out", str(tmp_path / "a.avi")], "saved as .gif or .webp or .mp4"),
        ([str(anagram), "--fps", "0"], "--fps must be at least 2, but 0 was asked for"),
    ):
        assert main(["animate", *line]) == 2
        assert said in capsys.readouterr().err


def test_video_if_there_is_a_library(tmp_path: Path) -> None:
    pytest.importorskip("av")
    nw.anagram(nw.load("digits"), ("6", "9"), steps=2).save(tmp_path / "a.png")
    out = tmp_path / "a.mp4"
    assert main(["animate", str(tmp_path / "a.png"), "--out", str(out), "--seconds", "0.2", "--fps", "10", "--size", "56"]) == 0
    assert out.read_bytes()[4:8] == b"ftyp"


class Counted:
    """The most recorded objects that are in memory at the same time."""

    def __init__(self) -> None:
        self.noted: list[weakref.ref[object]] = []
        self.most = 0

    def note(self, thing: object) -> None:
        self.noted = [weakref.ref(thing), *(each for each in self.noted if each() is not None)]
        self.most = max(self.most, len(self.noted))


def moving(count: int, counted: Counted) -> Iterator[Frame]:
    """Return frames of a square that moves over noise."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    for number in range(count):
        image = noise.copy()
        image.paste((255, 0, 0), (number % 50, 7, number % 50 + 9, 16))
        counted.note(image)
        yield Frame(image, 0.05)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
def test_a_film_is_written_frame_by_frame(tmp_path: Path, suffix: str) -> None:
    """At most three frames are in memory, and an interrupted film leaves no file."""
    if suffix == ".mp4":
        pytest.importorskip("av")
    counted = Counted()
    save(Film(300, moving(300, counted), 20), tmp_path / f"x{suffix}")
    assert 1 <= counted.most <= 3

    def breaks() -> Iterator[Frame]:
        yield from moving(50, counted)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(Film(300, breaks(), 20), tmp_path / f"y{suffix}")
    assert [file.name for file in tmp_path.iterdir()] == [f"x{suffix}"]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_every_frame_is_read_as_it_was_drawn(tmp_path: Path, suffix: str) -> None:
    drawn: list[Image.Image] = []

    def frames() -> Iterator[Frame]:
        for each in moving(12, Counted()):
            drawn.append(each.image)
            yield each

    save(Film(12, frames(), 20), tmp_path / f"x.{suffix}")
    with Image.open(tmp_path / f"x.{suffix}") as film:
        assert (film.size, film.n_frames, film.info["loop"]) == ((60, 40), 12, 0)
        for number, image in enumerate(drawn):
            film.seek(number)
            off = np.abs(np.asarray(film.convert("RGB"), int) - np.asarray(image, int))
            assert off.max() == 0 if suffix == "webp" else off.mean() < 12  # a GIF has 256 colours


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_frames_that_do_not_differ_are_shown_longer(tmp_path: Path, suffix: str) -> None:
    still = Image.new("RGB", (9, 7), "red")
    seconds = [0.1, 0.2, 500.0, 500.0, 0.3]
    save(Film(5, (Frame(still, each) for each in seconds), 10), tmp_path / f"x.{suffix}")
    with Image.open(tmp_path / f"x.{suffix}") as film:
        shown = []
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            shown.append(film.info["duration"])
            assert film.convert("RGB").tobytes() == still.tobytes()
    assert sum(shown) == 1_000_600
    assert len(shown) == 2


def test_a_walk_is_shown_by_one_state_at_a_time() -> None:
    counted = Counted()

    def decode(x: torch.Tensor) -> torch.Tensor:
        made = x.clone()
        counted.note(made)
        return made

    states = nw.generate(nw.load("digits"), "7", steps=30).states
    with Image.open(io.BytesIO(gif(states, decode))) as film:
        assert 20 < film.n_frames <= 30
        assert film.size == (2 * 168 + 6, 168)
        film.seek(film.n_frames - 1)
        film.load()
        assert film.info["duration"] >= 1600
    assert 1 <= counted.most <= 4


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
