"""Reading pictures: limits, changes, and messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from noisewalk import UserError
from noisewalk.images import Picture, enlarge, open_image, prepare_mask, prepare_picture, to_image, to_tensor

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
    picture = prepare_picture(tmp_path / "one.png", SHAPE, dark_background=True)
    assert picture.image.size == (28, 28)
    assert picture.tensor[0, 0, 14, 14] > 0.7  # the stroke is light now
    assert picture.tensor[0, 0, 0, 0] == -1  # and the paper black
    assert [note.split()[0] for note in picture.notes] == ["turned", "cropped", "resized", "inverted,"]


def test_a_picture_of_the_models_kind_is_left_alone() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 60, (28, 28), dtype=np.uint8))
    picture = prepare_picture(image, SHAPE, dark_background=True)
    assert picture.notes == ()
    assert picture.image.tobytes() == image.tobytes()
    assert prepare_picture(picture, SHAPE, dark_background=True) is picture


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (28, 28), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert prepare_picture(tmp_path / "clear.png", (3, 28, 28)).image.getpixel((5, 5)) == (255, 255, 255)


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
        prepare_picture(tmp_path / name, SHAPE)
    assert said in str(error.value)
    assert name in str(error.value)


def test_a_picture_cut_short_is_an_error_not_a_grey_half(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut\.png is damaged or cut short"):
        prepare_picture(tmp_path / "cut.png", SHAPE)


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


def _seven(colour: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGBA", (112, 112), (0, 0, 0, 0))
    image.paste((*colour, 255), (20, 20, 90, 32))
    image.paste((*colour, 255), (60, 30, 74, 100))
    return image


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
@pytest.mark.parametrize(
    ("colour", "ground"), [((255, 255, 255), 0), ((225, 225, 200), 0), ((0, 0, 0), 255), ((150, 20, 20), 255)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_strokes_on_transparency_stay_visible(mode: str, colour: tuple[int, int, int], ground: int, channels: int) -> None:
    prepared = prepare_picture(_seven(colour).convert(mode), (channels, 56, 56))
    pixels = np.asarray(prepared.image.convert("L"), dtype=float)
    assert pixels[0, 0] == ground
    assert abs(pixels[12:15, 14:40].mean() - ground) > 100
    assert any("where it was transparent" in note for note in prepared.notes)


def test_numbers_of_every_size_are_read_in_their_range(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    seen = (ramp * 255).round()
    for name, values in {
        "unit.tif": ramp,
        "bytes.tif": ramp * 255,
        "deep.tif": ramp * 65535,
        "whole.tif": (ramp.astype(np.float64) * (2**31 - 1)).astype(np.int32),
        "deep.png": (ramp * 65535).round().astype(np.uint16),
    }.items():
        Image.fromarray(values).save(tmp_path / name)
        prepared = prepare_picture(tmp_path / name, (1, 64, 64))
        assert np.abs(np.asarray(prepared.image, dtype=float) - seen).max() <= 1, name
        assert prepared.notes or name == "deep.png"


def test_a_dark_sixteen_bit_picture_stays_dark(tmp_path: Path) -> None:
    Image.fromarray(np.full((9, 9), 169, dtype=np.uint16)).save(tmp_path / "dark.png")
    assert open_image(tmp_path / "dark.png").getextrema() == (1, 1)


def test_what_is_no_number_is_black_and_told(tmp_path: Path) -> None:
    Image.fromarray(np.array([[np.nan, np.inf, -np.inf, 0.5]], dtype=np.float32).repeat(4, 0)).save(tmp_path / "nan.tif")
    prepared = prepare_picture(tmp_path / "nan.tif", (1, 4, 4))
    assert list(prepared.image.tobytes()[:4]) == [0, 255, 0, 128]
    assert "4 pixels are not a number and read as black" in prepared.notes


def test_the_first_of_several_pictures_in_a_file_is_read_where_they_are_no_animation(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (28, 28), (200, 10, 10)), Image.new("RGB", (28, 28))
    first.copy().save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second.copy()])
    first.save(tmp_path / "pages.tif", save_all=True, append_images=[second.copy()])
    first.save(tmp_path / "one.gif")
    for name, note in {"phone.jpg": (), "pages.tif": ("it has several pages; the first is used",), "one.gif": ()}.items():
        prepared = prepare_picture(tmp_path / name, (3, 28, 28))
        assert prepared.image.getpixel((9, 9))[0] > 190
        assert prepared.notes == note


@pytest.mark.parametrize("size", [64, 28, 33])
def test_what_a_mask_touches_is_repainted(size: int) -> None:
    mask = Image.new("L", (1024, 1024))
    for i in range(1024):
        mask.putpixel((i, i), 255)
    mask.paste(255, (700, 100, 713, 113))
    small = np.asarray(prepare_mask(mask, (1, size, size), (1024, 1024)).image) > 0
    rows, columns = np.nonzero(np.asarray(mask))
    cell = 1024 / size
    assert small[(rows / cell).astype(int), (columns / cell).astype(int)].all()
    assert small.sum() < 6 * size


@pytest.mark.parametrize(
    ("mask", "note"),
    [
        (Image.fromarray(np.eye(28, dtype=np.uint8)), "its values are 0 and 1"),
        (Image.linear_gradient("L").resize((28, 28)), "shades of grey"),
        (_seven((255, 255, 255)).resize((28, 28), 0), "its white is repainted"),
        (_seven((200, 30, 30)).resize((28, 28), 0), "the painted part is repainted"),
        (Image.new("L", (28, 28), 255), "white everywhere"),
    ],
)
def test_masks_of_every_kind_are_understood_and_told(mask: Image.Image, note: str) -> None:
    prepared = prepare_mask(mask, SHAPE, None)
    assert any(note in each for each in prepared.notes)
    assert prepared.image.getextrema()[1] == 255


def test_the_transparent_hole_of_a_picture_is_repainted() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (28, 28, 4), dtype=np.uint8)
    noise[..., 3] = 255
    noise[5:9, 5:9, 3] = 0
    prepared = prepare_mask(Image.fromarray(noise), SHAPE, None)
    assert np.array_equal(np.asarray(prepared.image) > 0, noise[..., 3] == 0)
    assert prepared.notes == ("its transparent part is repainted, and the rest is kept",)


def test_a_picture_where_the_mask_belongs_is_refused_with_the_reason() -> None:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8))
    with pytest.raises(UserError, match=r"is a colour picture.*If the picture and the mask were swapped"):
        prepare_mask(photo, SHAPE, None)


def test_a_picture_prepared_for_another_model_is_refused() -> None:
    prepared = prepare_picture(Image.new("RGB", (64, 64)), (3, 64, 64))
    with pytest.raises(UserError, match="prepared as 64x64 RGB, but 28x28 L is needed"):
        prepare_picture(prepared, SHAPE)


DAMAGED = sorted((Path(__file__).parents[1] / "pictures" / "damaged").iterdir())


@pytest.mark.parametrize("path", DAMAGED, ids=lambda path: path.name)
def test_each_known_crash_of_a_decoder_is_one_line_or_a_picture(path: Path) -> None:
    said = path.name
    try:
        open_image(path)
    except UserError as error:
        said = str(error)
    assert path.name in said
    assert "\n" not in said


def test_a_format_that_starts_another_program_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(UserError, match="is not a picture noisewalk can read"):
        open_image(tmp_path / "a.png")


def test_pillow_opens_files_in_one_place_only() -> None:
    import noisewalk

    source = Path(noisewalk.__file__).parent
    assert [p.name for p in source.rglob("*.py") if "Image.open(" in p.read_text()] == ["reading.py"]


def test_training_pictures_of_light_strokes_on_transparency_are_no_blanks(tmp_path: Path) -> None:
    from noisewalk.training.folder import read_folder

    for i in range(2):
        _seven((255, 255, 255)).save(tmp_path / f"{i}.png")
    pictures = read_folder(tmp_path, 28, 1)[0].pictures
    assert pictures.min() == 0
    assert pictures.max() == 255
