"""Pictures in: limits, what is done to them, and what the user is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from noisewalk import UserError
from noisewalk.images import Picture, enlarge, open_image, prepare, prepare_mask, to_image, to_tensor

SHAPE = (1, 28, 28)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_eight_bit_pictures_survive_the_round_trip(mode: str) -> None:
    channels = len(Image.new(mode, (1, 1)).getbands())
    array = np.arange(256, dtype=np.uint8).repeat(channels).reshape(16, 16, channels).squeeze()
    image = Image.fromarray(array)
    assert np.array_equal(np.asarray(to_image(to_tensor(image)[0])), array)


def test_values_outside_the_range_are_clipped_not_wrapped() -> None:
    assert to_image(torch.tensor([[[-3.0, 3.0]]])).tobytes() == bytes([0, 255])


def test_a_drawing_on_white_is_cropped_resized_turned_grey_and_inverted_and_the_user_is_told(tmp_path: Path) -> None:
    image = Image.new("RGB", (300, 200), "white")
    image.paste((0, 0, 90), (140, 40, 160, 160))
    image.save(tmp_path / "one.png")
    picture = prepare(tmp_path / "one.png", SHAPE, dark_background=True)
    assert picture.image.size == (28, 28)
    assert picture.tensor[0, 0, 14, 14] > 0.7  # the stroke is light now
    assert picture.tensor[0, 0, 0, 0] == -1  # and the paper black
    assert [note.split()[0] for note in picture.notes] == ["turned", "cropped", "resized", "inverted,"]


def test_a_picture_of_the_models_kind_is_left_alone() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 60, (28, 28), dtype=np.uint8))
    picture = prepare(image, SHAPE, dark_background=True)
    assert picture.notes == ()
    assert picture.image.tobytes() == image.tobytes()
    assert prepare(picture, SHAPE, dark_background=True) is picture


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (28, 28), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert prepare(tmp_path / "clear.png", (3, 28, 28)).image.getpixel((5, 5)) == (255, 255, 255)


def test_photos_are_turned_upright_by_their_exif_orientation(tmp_path: Path) -> None:
    image = Image.new("L", (40, 40))
    image.paste(255, (0, 0, 40, 20))
    exif = Image.Exif()
    exif[274] = 6  # turn a quarter clockwise to see it upright
    image.save(tmp_path / "photo.jpg", exif=exif)
    upright = to_tensor(open_image(tmp_path / "photo.jpg"))
    assert upright[0, 0, :, 30].mean() > 0.9
    assert upright[0, 0, :, 10].mean() < -0.9


def test_sixteen_bit_greys_keep_their_contrast(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(0, 65535, 28 * 28).reshape(28, 28).astype(np.uint16)).save(tmp_path / "deep.png")
    assert open_image(tmp_path / "deep.png").getextrema() == (0, 255)


def _animation(path: Path) -> None:
    frames = [Image.new("L", (9, 9), value) for value in (0, 255)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("missing.png", lambda path: None, "there is no picture file"),
        ("folder", lambda path: path.mkdir(), "it is a folder"),
        ("empty.png", lambda path: path.touch(), "is empty"),
        ("text.png", lambda path: path.write_text("not a picture"), "not a picture noisewalk can read"),
        ("moving.gif", _animation, "is an animation"),
        ("bomb.png", lambda path: Image.new("1", (9000, 9000)).save(path), "the limit is 50,000,000"),
        ("huge.png", lambda path: Image.new("1", (20000, 20000)).save(path), "too large"),
    ],
)
def test_unusable_files_are_named_with_the_reason(tmp_path: Path, name: str, write, said: str) -> None:
    write(tmp_path / name)
    with pytest.raises(UserError) as error:
        prepare(tmp_path / name, SHAPE)
    assert said in str(error.value)
    assert name in str(error.value)


def test_a_picture_cut_short_is_an_error_not_a_grey_half(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut\.png is damaged or cut short"):
        prepare(tmp_path / "cut.png", SHAPE)


def test_masks_are_resized_without_in_between_values() -> None:
    """In-between values would mix known and unknown pixels along the seam."""
    mask = Image.new("L", (280, 280))
    mask.paste(200, (0, 0, 280, 133))
    prepared = prepare_mask(mask, SHAPE, (280, 280))
    assert set(prepared.image.tobytes()) == {0, 255}
    assert prepared.tensor[0, 0, :13].min() == 1
    assert prepared.tensor[0, 0, 14:].max() == -1


@pytest.mark.parametrize(
    ("mask", "said"),
    [(Image.new("L", (30, 28), 255), "30x28, the picture 280x280"), (Image.new("L", (28, 28)), "no white pixel")],
)
def test_masks_that_do_not_fit_or_repaint_nothing_are_errors(mask: Image.Image, said: str) -> None:
    with pytest.raises(UserError, match=said):
        prepare_mask(mask, SHAPE, (280, 280))


def test_enlarging_repeats_pixels() -> None:
    image = Image.fromarray(np.array([[0, 255], [10, 20]], dtype=np.uint8))
    assert np.array_equal(np.asarray(enlarge(image, 5)), np.kron(np.asarray(image), np.ones((3, 3), np.uint8)))


def test_pictures_name_their_file() -> None:
    assert str(Picture(Image.new("L", (2, 2)), "cat.png")) == "cat.png"
