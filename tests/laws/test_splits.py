"""Splits: the parts sum to the picture at every size, and `pin` keeps a part of a real picture."""

from __future__ import annotations

import pytest
import torch
from oracles import Gaussian, path_between, tape, walked
from torch import Tensor

from noisewalk import UserError
from noisewalk.guidance import SPLITS, SplitSettings, cfg, combine_components, compose, get_split, motion_blur
from noisewalk.guidance.parts import Part
from noisewalk.guidance.splits import shrink_and_restore
from noisewalk.walk import Denoiser, LinearPath, NoiseLevel, Prediction, ddim, pin


def settings(size: int) -> SplitSettings:
    mask = (tape(9)(torch.empty(1, 1, size, size)) > 0).double()
    return SplitSettings(sigmas=(3.0, 1.0), kernel_size=13, length=7, direction="antidiagonal", mask=mask)


@pytest.mark.parametrize("size", [28, 32, 64, 256])
@pytest.mark.parametrize("name", SPLITS)
def test_parts_sum_to_the_picture(name: str, size: int) -> None:
    """Otherwise a factorized picture of one prompt would not match the prompt, and noise would not stay standard noise."""
    x = tape(size)(torch.empty(1, 3, size, size))
    parts = get_split(name, settings(size))
    torch.testing.assert_close(sum(part.component(x) for part in parts), x, rtol=0, atol=1e-14)
    assert len({part.name for part in parts}) == len(parts) == (3 if name == "bands" else 2)


@pytest.mark.parametrize("name", SPLITS)
def test_parts_are_linear_and_each_does_something(name: str) -> None:
    x, y = tape(0)(torch.empty(2, 3, 28, 28)), tape(1)(torch.empty(2, 3, 28, 28))
    for part in get_split(name, settings(28)):
        torch.testing.assert_close(part.component(2 * x - y), 2 * part.component(x) - part.component(y), rtol=0, atol=1e-13)
        assert 0.02 * x.norm() < part.component(x).norm() < 0.999 * x.norm()
        assert part.look(x).shape == x.shape


@pytest.mark.parametrize(("name", "channels"), [(n, c) for n in SPLITS for c in (1, 3) if (n, c) != ("colour", 1)])
def test_a_part_is_the_same_to_the_bit_in_every_batch(name: str, channels: int) -> None:
    """Otherwise a picture would depend, in its last digits, on the pictures that are made beside it."""
    x = tape(2)(torch.empty(5, channels, 28, 28)).float()
    for part in get_split(name, settings(28)):
        for map_ in (part.component, part.look):
            whole = map_(x)
            for num in (1, 2, 3):
                assert torch.equal(torch.cat([map_(some) for some in torch.split(x, num)]), whole), f"{part.name} by {num}"


@pytest.mark.parametrize("name", SPLITS)
def test_one_prompt_for_all_parts_is_that_prompt(name: str) -> None:
    def ask(x_t: Tensor, level: NoiseLevel) -> Prediction:
        return Prediction(x_t.tanh())

    x, level = tape(0)(torch.empty(1, 3, 28, 28)), LinearPath()(torch.tensor(0.5, dtype=torch.float64))
    parts = get_split(name, settings(28))
    x0 = combine_components([ask] * len(parts), [part.component for part in parts])(x, level).x0
    torch.testing.assert_close(x0, x.tanh(), rtol=0, atol=1e-14)


def test_scaling_is_the_composition_of_prompts() -> None:
    """Guided prompts that share a picture by a_i are u + sum_i a_i g (c_i - u), whatever scale the shares are given on."""

    def asking(factor: float) -> Denoiser:
        return lambda x_t, level: Prediction((factor * x_t).tanh())

    x, level = tape(0)(torch.empty(1, 3, 8, 8)), LinearPath()(torch.tensor(0.5, dtype=torch.float64))
    conds, uncond = [asking(0.3), asking(0.7)], asking(0.5)
    parts = get_split("scaling", SplitSettings(shares=(1, 3)))
    shared = combine_components([cfg(cond, uncond, 2) for cond in conds], [part.component for part in parts])
    torch.testing.assert_close(shared(x, level).x0, compose(conds, uncond, (0.5, 1.5))(x, level).x0, rtol=0, atol=1e-14)


PROJECTIONS = [("colour", 0), ("colour", 1), ("mask", 0), ("circle", 0), ("left-right", 1), ("top-bottom", 0)]


@pytest.mark.parametrize(("name", "which"), PROJECTIONS)
def test_pin_keeps_the_part_of_a_real_picture(name: str, which: int) -> None:
    """A colourised picture has exactly the greys of the original, and the colours of the walk."""
    size = 8
    part = get_split(name, settings(size))[which]
    image = tape(4)(torch.empty(1, 3, size, size))
    end = _pinned(part, image)
    torch.testing.assert_close(part.component(end), part.component(image), rtol=0, atol=1e-12)
    assert (end - image).abs().max() > 0.1


@pytest.mark.parametrize("which", [0, 2])
def test_pin_with_a_blur_gives_what_its_docstring_says(which: int) -> None:
    """A Gaussian blur is not a projection, so the result is x - part(x) + part(image) for the x of the last step."""
    part = get_split("bands", settings(28))[which]
    image = tape(4)(torch.empty(1, 1, 28, 28))
    last = tape(5)(torch.empty(1, 1, 28, 28))

    def says(x_t: Tensor, level: NoiseLevel) -> Prediction:
        return Prediction(last)  # the last step lands on x0

    path = path_between(LinearPath(), 1, 0, 3)
    end = walked(says, last, path, pin(ddim(), image, part.component, tape(6)), tape(7))
    torch.testing.assert_close(end, last - part.component(last) + part.component(image), rtol=0, atol=1e-12)


def _pinned(part: Part, image: Tensor) -> Tensor:
    data = Gaussian(torch.zeros(8, dtype=torch.float64), torch.eye(8, dtype=torch.float64))
    path = path_between(LinearPath(), 1, 0, 4)
    return walked(data, tape(0)(torch.empty(image.shape)), path, pin(ddim(), image, part.component, tape(6)), tape(7))


@pytest.mark.parametrize(("direction", "step"), [("horizontal", (0, 1)), ("vertical", (1, 0)), ("diagonal", (1, 1))])
def test_motion_smears_along_its_line(direction: str, step: tuple[int, int]) -> None:
    """A point becomes a line of its length, with the same sum; a constant picture stays."""
    x = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    x[..., 7, 7] = 1
    seen = motion_blur(5, direction)(x)
    for k in range(-2, 3):
        assert seen[0, 0, 7 + k * step[0], 7 + k * step[1]] == pytest.approx(1 / 5)
    assert seen.sum() == pytest.approx(1)
    torch.testing.assert_close(motion_blur(5, direction)(torch.ones_like(x)), torch.ones_like(x))


def test_from_afar_fine_detail_is_gone_and_coarse_is_not() -> None:
    column = torch.arange(64, dtype=torch.float64)
    look = shrink_and_restore(3.0, 25)
    for period, kept in ((64, True), (4, False)):
        wave = torch.sin(2 * torch.pi * column / period).expand(1, 1, 64, 64)
        assert (look(wave).norm() > 0.85 * wave.norm()).item() is kept
        assert (look(wave).norm() < 0.05 * wave.norm()).item() is not kept


@pytest.mark.parametrize(
    ("name", "asked", "complaint"),
    [
        ("band", SplitSettings(), "unknown split 'band'; did you mean 'bands'"),
        ("bands", SplitSettings(sigmas=(1.0, 2.0)), "sigmas of bands must decrease"),
        ("mask", SplitSettings(), "--mask FILE.png"),
        ("motion", SplitSettings(length=4), "odd number of pixels"),
        ("motion", SplitSettings(direction="up"), "unknown direction 'up'"),
    ],
)
def test_splits_that_cannot_be_are_refused(name: str, asked: SplitSettings, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        get_split(name, asked)


def test_a_grey_model_has_no_colours_and_a_small_one_no_long_motions() -> None:
    with pytest.raises(UserError, match="makes grey pictures"):
        get_split("colour", SplitSettings())[1].component(torch.zeros(1, 1, 8, 8))
    with pytest.raises(UserError, match="too long for 8x8 pixels; it can be at most 15"):
        get_split("motion", SplitSettings(length=17))[0].component(torch.zeros(1, 1, 8, 8))
