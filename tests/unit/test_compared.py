"""Lists of values, prompts and pictures in one command line, drawn masks, and a separate high pass."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.commands import variants
from noisewalk.guidance.components import gaussian_blur
from noisewalk.images import PICTURES, draw_mask
from noisewalk.run.prepare import prepare
from noisewalk.techniques.hybrid import _shared
from noisewalk.techniques.requests import Hybrid, scaled

DIGIT = PICTURES / "digit-4.png"


def test_a_line_without_lists_is_itself() -> None:
    line = ["7", "--steps", "3", "--guidance-scale", "-1.5", "--upsample-steps", "2", "3", "--", "-x"]
    (only,) = variants("generate", line)
    assert (only.row, only.column, list(only.arguments)) == ("", "", line)
    assert [list(each.arguments) for each in variants("anagram", ["6", "9", "--steps=3"])] == [["6", "9", "--steps=3"]]


def test_lists_are_every_combination_and_named() -> None:
    found = variants("edit", ["a/x.png", "y.png", "--steps", "1", "2", "--guidance-scale", "-1", "3", "--start", "1", "3"])
    assert len(found) == 8
    assert (found[0].row, found[0].column) == ("x.png", "1 steps, guidance -1")
    assert found[-1].arguments == ("y.png", "--steps", "2", "--guidance-scale", "3", "--start", "1", "3")
    with pytest.raises(nw.UserError, match="stand for 100 requests"):
        variants("generate", ["7", "--steps", *map(str, range(1, 101))])


def test_pictures_compared_are_those_of_the_single_requests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["generate", "7", "3", "--steps", "1", "2", "--seed", "4", "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(out / "figure.png")
    assert len(list(out.glob("*.png"))) == 5
    assert main(["generate", "3", "--steps", "2", "--seed", "4", "--out", str(tmp_path / "one.png")]) == 0
    assert (out / "3-2-steps-seed4.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    with Image.open(out / "figure.png") as figure:
        assert figure.width < 2.2 * figure.height  # two rows of two: no large white area
    assert main(["generate", "7", "--steps", "1", "2", "--trajectory", "--out", str(out)]) == 2
    assert main(["generate", "7", "--steps", "1", "0", "--out", str(out)]) == 2


def test_a_mask_is_drawn_by_boxes_and_ellipses() -> None:
    mask = draw_mask((8, 6), (1, 2, 3, 4, 6, 0, 99, 1), ())
    white = [(x, y) for y in range(6) for x in range(8) if mask.getpixel((x, y))]
    assert white == [(6, 0), (7, 0), (1, 2), (2, 2), (1, 3), (2, 3)]
    round_one = draw_mask((9, 9), (), (0, 0, 9, 9))
    assert round_one.getpixel((4, 4)) == 255
    assert round_one.getpixel((0, 0)) == 0
    with pytest.raises(nw.UserError, match="--box 8 0 9 1 lies outside of the picture, which has 8x6 pixels"):
        draw_mask((8, 6), (8, 0, 9, 1), ())


def test_a_drawn_mask_repaints_what_it_covers_and_is_replayed(tmp_path: Path) -> None:
    made = nw.inpaint("digits", DIGIT, box=(0, 0, 14, 28), prompt="9", steps=2, num_resamples=1)
    same = nw.inpaint("digits", DIGIT, draw_mask((28, 28), (0, 0, 14, 28), ()), prompt="9", steps=2, num_resamples=1)
    assert torch.equal(made.tensor, same.tensor)
    original = made.panels[0].x
    assert torch.equal(made.tensor[..., 14:], original[..., 14:])
    made.save(tmp_path / "x.png")
    assert nw.replay(tmp_path / "x.png").agrees
    for asked, said in (
        ({}, "is missing"),
        ({"mask": PICTURES / "mask-top.png", "box": (0, 0, 1, 1)}, "give only one of them"),
    ):
        with pytest.raises(nw.UserError, match=said):
            nw.inpaint("digits", DIGIT, **asked)
    with pytest.raises(nw.UserError, match="left top right bottom"):
        nw.inpaint("digits", DIGIT, ellipse=(0, 0, 5))


def test_a_high_pass_of_its_own_keeps_the_sum_of_the_parts() -> None:
    x = torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low, near = (lambda x, k=k: gaussian_blur(x, 2, k) for k in (33, 11))
    far_part, near_part = (part(x) for part in _shared(low, near))
    assert torch.allclose(far_part + near_part, x)
    assert torch.allclose(far_part, (low(x) + near(x)) / 2)
    model = nw.load("digits")
    same = nw.hybrid(model, "0", "1", near_kernel_size=33, near_sigma=2.0, steps=2).tensor
    plain = nw.hybrid(model, "0", "1", steps=2).tensor
    assert torch.allclose(same, plain, atol=1e-2)
    assert not torch.allclose(nw.hybrid(model, "0", "1", near_kernel_size=3, steps=2).tensor, plain, atol=1e-2)
    assert prepare(Hybrid("0", "1"), model).record.near_kernel_size is None
    assert scaled(Hybrid("0", "1", near_kernel_size=11), 2).near_kernel_size == 23
