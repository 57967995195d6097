"""Components are linear and sum to the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracles import tape
from torch import Tensor

from noisewalk import UserError
from noisewalk.guidance import Map, band_split, colour, gaussian_blur, grey, high_pass, low_pass, masked

SHAPE = (2, 3, 9, 12)
MASK = (tape(9)(torch.empty(1, 1, 9, 12)) > 0).double()
SPLITS: dict[str, tuple[Map, ...]] = {
    "low + high": (low_pass(2.0, 9), high_pass(2.0, 9)),
    "two bands": band_split((1.5,), 7),
    "five bands": band_split((4.0, 2.0, 1.0, 0.5), 17),
    "grey + colour": (grey, colour),
    "mask + rest": (masked(MASK), masked(1 - MASK)),
}


@pytest.mark.parametrize("parts", SPLITS.values(), ids=SPLITS)
def test_components_sum_to_the_identity(parts: tuple[Map, ...]) -> None:
    """Otherwise a hybrid of a prompt with itself would not be that prompt, and noise would not stay standard noise."""
    x = tape(0)(torch.empty(SHAPE))
    torch.testing.assert_close(sum(part(x) for part in parts), x, rtol=0, atol=1e-14)


@pytest.mark.parametrize("parts", SPLITS.values(), ids=SPLITS)
def test_components_are_linear_and_each_does_something(parts: tuple[Map, ...]) -> None:
    x, y = tape(0)(torch.empty(SHAPE)), tape(1)(torch.empty(SHAPE))
    for part in parts:
        torch.testing.assert_close(part(2 * x - y), 2 * part(x) - part(y), rtol=0, atol=1e-13)
        assert part(x).norm() > 0.05 * x.norm()
        assert (part(x) - x).norm() > 0.05 * x.norm()


@pytest.mark.parametrize("part", [grey, colour, masked(MASK)], ids=["grey", "colour", "mask"])
def test_projections_project(part: Map) -> None:
    """Pinned parts end exactly like the reference only for projections."""
    x = tape(0)(torch.empty(SHAPE))
    torch.testing.assert_close(part(part(x)), part(x), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("sigma", "kernel_size"), [(2.0, 9), (0.7, 5), (1.0, 1), (8.0, 17)])
def test_the_blur_is_the_sum_of_its_definition(sigma: float, kernel_size: int) -> None:
    """sum_uv g(u) g(v) x[i + u, j + v] with g a normalised Gaussian over the kernel, mirrored at the edge pixel."""
    x = tape(0)(torch.empty(1, 2, 9, 12))
    pad = kernel_size // 2
    u = np.arange(-pad, pad + 1)
    weights = np.exp(-(u[:, None] ** 2 + u[None, :] ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    mirrored = np.pad(x.numpy(), ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, weights.shape, axis=(2, 3))
    expected = torch.from_numpy(np.einsum("nchwuv,uv->nchw", windows, weights))
    torch.testing.assert_close(gaussian_blur(x, sigma, kernel_size), expected, rtol=0, atol=1e-14)


def test_bands_go_from_coarse_to_fine() -> None:
    """A slow wave is in the first band and a fast one in the last."""
    column = torch.arange(64, dtype=torch.float64)
    bands = band_split((4.0, 1.0), 25)

    def shares(period: float) -> list[float]:
        wave = torch.sin(2 * torch.pi * column / period).expand(1, 1, 64, 64)
        return [band(wave)[..., 16:48].norm().item() for band in bands]

    assert shares(60)[0] > 5 * max(shares(60)[1:])
    assert shares(8)[1] > 2 * max(shares(8)[0], shares(8)[2])
    assert shares(2.5)[2] > 5 * max(shares(2.5)[:2])


@pytest.mark.parametrize(
    ("sigma", "kernel_size", "complaint"),
    [(0, 3, "sigma above 0"), (-1, 3, "sigma above 0"), (1, 4, "odd kernel"), (1, 0, "odd kernel"), (1, 19, "at most 17")],
)
def test_blurs_that_cannot_be_are_refused(sigma: float, kernel_size: int, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        gaussian_blur(torch.zeros(1, 1, 9, 12), sigma, kernel_size)


@pytest.mark.parametrize("sigmas", [(), (1.0, 2.0)])
def test_bands_are_cut_at_decreasing_sigmas(sigmas: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="sigmas of bands must decrease"):
        band_split(sigmas, 5)


def test_masks_follow_the_picture_they_are_put_on() -> None:
    """A mask of booleans or float32 selects from pictures of any dtype."""
    x: Tensor = tape(0)(torch.empty(SHAPE))
    assert torch.equal(masked(MASK.bool())(x), MASK * x)
    assert masked(MASK)(x.float()).dtype == torch.float32
