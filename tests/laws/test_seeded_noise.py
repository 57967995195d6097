"""Noise depends only on the seed of a picture and on its purpose."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from noisewalk.walk import SeededNoise


def draw(seeds: Sequence[int], purpose: str = "init", times: int = 1, size: int = 8) -> list[Tensor]:
    noise = SeededNoise(seeds, purpose)
    return [noise(torch.empty(len(seeds), 1, size, size)) for _ in range(times)]


@given(st.lists(st.integers(0, 2**62), min_size=8, max_size=8), st.integers(0, 7))
def test_a_picture_alone_has_the_noise_it_has_in_a_batch(seeds: list[int], i: int) -> None:
    """The noise is the same bit for bit, at every draw of the walk."""
    for together, alone in zip(draw(seeds, times=3), draw([seeds[i]], times=3), strict=True):
        assert torch.equal(together[i], alone[0])


def test_purposes_do_not_disturb_each_other() -> None:
    """More draws for one purpose (more resamples, for example) do not change the noise of the others."""
    root = SeededNoise([3])
    step, pin = root.stream("step"), root.stream("pin")
    like = torch.empty(1, 1, 8, 8)
    interleaved = [step(like) if i % 3 == 0 else pin(like) for i in range(9)][::3]
    assert all(torch.equal(a, b) for a, b in zip(interleaved, draw([3], "step", times=3), strict=True))


def test_a_stream_starts_afresh_however_far_its_parent_is() -> None:
    root = SeededNoise([3])
    root(torch.empty(1, 1, 8, 8))
    assert torch.equal(root.stream("step")(torch.empty(1, 1, 8, 8)), draw([3], "step")[0])


def test_seeds_purposes_and_draws_are_independent_standard_normals() -> None:
    """All pairs among neighbouring seeds, purposes and successive draws. For n = 65536 independent numbers a correlation
    has deviation 1/256; 5 deviations bound the 66 pairs, and means, and sqrt(2)/256 the variances."""
    everything = [*draw([0, 1, 2], "init", 2, 256), *draw([0, 1, 2], "step", 2, 256)]
    streams = torch.cat(everything).flatten(1).double()
    n = streams.shape[1]
    assert (streams.mean(1).abs() < 5 / n**0.5).all()
    assert ((streams.var(1) - 1).abs() < 5 * (2 / n) ** 0.5).all()
    pairs = torch.corrcoef(streams) - torch.eye(len(streams), dtype=torch.float64)
    assert (pairs.abs() < 5 / n**0.5).all()


def test_noise_takes_the_dtype_of_the_picture_not_other_values() -> None:
    like = torch.empty(1, 1, 8, 8)
    single = SeededNoise([5])(like)
    assert torch.equal(SeededNoise([5])(like.double()), single.double())
    assert torch.equal(SeededNoise([5])(like.half()), single.half())


def test_noise_is_drawn_on_the_cpu_whatever_the_default_device() -> None:
    """The "meta" device stands in for an accelerator that a caller made the default: nothing may be drawn there."""
    like = torch.empty(1, 1, 8, 8)
    with torch.device("meta"):
        drawn = SeededNoise([5])(like)
    assert torch.equal(drawn, SeededNoise([5])(like))


@pytest.mark.gpu
def test_noise_is_the_same_on_an_accelerator() -> None:
    like = torch.empty(2, 3, 16, 16)
    assert torch.equal(SeededNoise([5, 6])(like.cuda()).cpu(), SeededNoise([5, 6])(like))


def test_every_picture_needs_a_seed() -> None:
    with pytest.raises(ValueError, match="2 seeds, but the batch has 3 pictures"):
        SeededNoise([0, 1])(torch.empty(3, 1, 2, 2))
