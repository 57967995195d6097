"""Pinning a part of the walk: RePaint, inverse hybrids, colourisation."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from oracles import F64, Counting, Gaussian, TinyNet, Watched, at, moments, no_noise, path_between, tape, walked
from torch import Tensor

from noisewalk.guidance import Map, gaussian_blur, grey, masked
from noisewalk.models.network import NetworkModel
from noisewalk.walk import (
    LinearPath,
    Noise,
    Prediction,
    Schedule,
    SeededNoise,
    cosine_schedule,
    ddim,
    ddpm,
    dpmpp,
    linspace,
    pin,
    renoise,
    sample,
)
from noisewalk.walk import levels as levels_of

# Two pixels with correlation .8: the left one is known to be 1, so the right one is .8 on average.
CORRELATION = 0.8
PAIR = Gaussian(torch.zeros(2, dtype=F64), torch.tensor([[1, CORRELATION], [CORRELATION, 1]], dtype=F64))
KNOWN = masked(torch.tensor([[[[1.0, 0.0]]]]))
REFERENCE = torch.tensor([[[[1.0, 0.0]]]], dtype=F64)

MODEL = NetworkModel(TinyNet(), LinearPath(), "flow_prediction")
PICTURE = tape(3)(torch.empty(1, 3, 6, 6)).clamp(-1, 1)
PATH = path_between(LinearPath(), 1, 0, 5)
MASK = (tape(4)(torch.empty(1, 1, 6, 6)) > 0).double()


def repaint_error(schedule: Schedule, num_resamples: int) -> float:
    """Return the mean of the unknown pixel minus the truth; it is exact, because the mean of an affine walk has no noise."""
    path = levels_of(schedule, linspace(schedule, 20))
    step = pin(ddpm("small"), REFERENCE, KNOWN, no_noise, num_resamples)
    end = walked(PAIR, torch.zeros(1, 1, 1, 2, dtype=F64), path, step, no_noise)
    return end[0, 0, 0, 1].item() - CORRELATION


@pytest.mark.parametrize("schedule", [cosine_schedule(), LinearPath()], ids=["cosine", "linear-path"])
def test_resampling_converges_to_the_conditional_mean(schedule: Schedule) -> None:
    """What RePaint is for (Lugmayr et al. 2022, section 4.2): every doubling of the resamples brings the unknown pixel
    nearer to E[unknown | known]. Once, as the course does it, leaves two fifths of the correlation out."""
    errors = [abs(repaint_error(schedule, r)) for r in (1, 2, 4, 8, 16, 32)]
    assert all(after < 0.66 * before for before, after in pairwise(errors))
    assert errors[0] > 0.3
    assert errors[-1] < 0.02


def test_resampling_one_transition_has_the_fixed_point_of_the_theory() -> None:
    """Going back and forth between t and s for ever with an exact denoiser solves a linear equation. With P the inverse
    covariance at t, the unknown pixel settles at -P_uk / P_uu alpha_s: the mean given the known pixel, as seen at t.

    A re-noising by anything but the variance between s and t, or a composite at t instead of s,
    settles elsewhere.
    """
    schedule = cosine_schedule()
    t, s = at(schedule, 0.6), at(schedule, 0.3)
    precision = PAIR.covariance(t).inverse()
    step = pin(ddpm("small"), REFERENCE, KNOWN, no_noise, num_resamples=200)
    x_s, _ = step(PAIR, torch.zeros(1, 1, 1, 2, dtype=F64), t, s, no_noise, None)
    settled = -precision[0, 1] / precision[1, 1] * s.alpha
    torch.testing.assert_close(x_s.flatten(), torch.stack([s.alpha, settled]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_resamples", [1, 3])
def test_the_known_part_has_the_distribution_of_the_level_just_reached(num_resamples: int) -> None:
    """The mean is alpha_s and the variance sigma_s^2, not those of t; and there is no trace of the step's noise or of the
    noise it had before, which a reused draw would leave as a covariance with the unknown pixel."""
    t, s = at(cosine_schedule(), 0.6), at(cosine_schedule(), 0.3)

    def walk(like: Tensor, noise: Noise) -> Tensor:
        step = pin(ddpm("small"), REFERENCE, KNOWN, noise, num_resamples)
        return step(PAIR, noise(like), t, s, noise, None)[0]

    mean, cov = moments(walk, 2)
    torch.testing.assert_close(mean[0], s.alpha, rtol=0, atol=1e-12)
    torch.testing.assert_close(cov[0], torch.stack([s.sigma**2, torch.zeros((), dtype=F64)]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_resamples", [1, 3])
def test_the_network_always_sees_the_known_part_as_noisy_as_the_rest(num_resamples: int) -> None:
    """After the first call the denoiser gets alpha_t reference + sigma_t z, with a new z.

    Recomputed from the pin's own stream: a draw for each composite and, between resamples, one for going back up.
    """
    path, watched = path_between(LinearPath(), 1, 0, 4), Counting(MODEL)
    step = pin(ddpm("small"), PICTURE, masked(MASK), tape(1), num_resamples)
    walked(watched, tape(0)(PICTURE), path, step, tape(2))

    stream, expected = tape(1), []
    for t, s in pairwise(path):
        known = s.alpha * PICTURE + s.sigma * stream(PICTURE)
        for _ in range(num_resamples - 1):
            expected.append((renoise(known, s, t, stream), t))
            known = s.alpha * PICTURE + s.sigma * stream(PICTURE)
        expected.append((known, s))
    for shown, level, (known, expected_level) in zip(watched.seen[1:], watched.levels[1:], expected[:-1], strict=True):
        assert level is expected_level
        torch.testing.assert_close(MASK * shown, MASK * known, rtol=0, atol=1e-12)


def test_every_resample_is_of_the_transition_at_hand() -> None:
    """A widely used RePaint has an error: it denoises its resamples as if they were at the last levels of the walk."""
    path, watched = path_between(LinearPath(), 1, 0, 3), Counting(MODEL)
    walked(watched, tape(0)(PICTURE), path, pin(ddpm("small"), PICTURE, masked(MASK), tape(1), 3), tape(2))
    assert [level.sigma.item() for level in watched.levels] == [t.sigma.item() for t in path[:-1] for _ in range(3)]


def ideal_low_pass(x: Tensor) -> Tensor:
    """A projection keeps the lowest frequencies exactly."""
    spectrum = torch.fft.fft2(x)
    row, column = torch.fft.fftfreq(x.shape[2])[:, None], torch.fft.fftfreq(x.shape[3])[None, :]
    return torch.fft.ifft2(spectrum * ((row.abs() < 0.3) & (column.abs() < 0.3))).real


@pytest.mark.parametrize("component", [masked(MASK), ideal_low_pass, grey], ids=["mask", "low-pass", "grey"])
@pytest.mark.parametrize("num_resamples", [1, 3])
def test_a_pinned_projection_ends_as_the_reference(component: Map, num_resamples: int) -> None:
    """The last composite uses the clean picture, so the known part has no noise at the end."""
    step = pin(ddpm("small"), PICTURE, component, tape(1), num_resamples)
    end = walked(MODEL, tape(0)(PICTURE), PATH, step, tape(2))
    torch.testing.assert_close(component(end), component(PICTURE), rtol=0, atol=1e-12)
    assert (end - PICTURE).abs().max() > 0.1  # and the rest is the walk's own


def test_known_pixels_end_bit_for_bit_as_they_were() -> None:
    """Polarity: where the mask is 1 the picture is kept. In float32, as pictures are, to the last bit:
    x + mask (picture - x) would round some of them."""
    seeded, start = SeededNoise([0, 1]), torch.empty(2, 3, 32, 32)
    picture, mask = SeededNoise([2])(start[:1]), SeededNoise([3])(start[:1]) > 0
    step = pin(ddpm("small"), picture, masked(mask), seeded.stream("pin"), 2)
    end = walked(lambda x_t, level: Prediction(x_t.tanh()), seeded(start), PATH, step, seeded.stream("step"))
    kept = mask.expand_as(end)
    assert torch.equal(end[kept], picture.expand_as(end)[kept])


def test_a_pinned_blur_lays_the_references_low_frequencies_under_the_walks_high_ones() -> None:
    """A Gaussian blur is no projection: blurring twice is blurring more. What `pin` guarantees then is the sum
    x = high(where the step landed) + low(reference)."""
    step = Watched(ddpm("small"))

    def low(x: Tensor) -> Tensor:
        return gaussian_blur(x, 1.0, 5)

    end = walked(MODEL, tape(0)(PICTURE), PATH, pin(step, PICTURE, low, tape(1)), tape(2))
    landed = step.landed[-1]
    torch.testing.assert_close(end, landed - low(landed) + low(PICTURE), rtol=0, atol=1e-12)


def test_pinning_nothing_changes_nothing() -> None:
    """The pin has its own stream of noise, so the noise of the step is the same with and without it, bit for bit."""
    seeded = SeededNoise([0])
    nothing = pin(ddpm("small"), PICTURE, torch.zeros_like, seeded.stream("pin"))
    pinned = walked(MODEL, tape(0)(PICTURE), PATH, nothing, seeded.stream("step"))
    free = walked(MODEL, tape(0)(PICTURE), PATH, ddpm("small"), seeded.stream("step"))
    assert torch.equal(pinned, free)


def test_a_deterministic_step_draws_nothing() -> None:
    """With eta = 0 only the known part is random, and its randomness comes from the pin."""

    def refuse(like: Tensor) -> Tensor:
        raise AssertionError("a deterministic step asked for noise")

    for rule in (ddim(), dpmpp()):
        step = pin(rule, PICTURE, masked(MASK), tape(1), 2)
        first, second = (walked(MODEL, tape(0)(PICTURE), PATH, step, refuse) for _ in range(2))
        assert (MASK * (first - second)).abs().max() == 0
        assert ((1 - MASK) * (first - second)).abs().max() > 1e-3


def test_a_reference_is_shared_by_a_batch() -> None:
    """Every picture of a batch has the known part, with its own noise."""
    path = path_between(LinearPath(), 1, 0, 4)
    step = pin(ddpm("small"), PICTURE, masked(MASK), tape(1))
    states = list(sample(MODEL, tape(0)(torch.empty(2, 3, 6, 6)), path, step, tape(2)))
    known = [MASK * state.x_t for state in states]
    assert all((each[0] - each[1]).abs().max() > 0.1 for each in known[:-1])
    assert torch.equal(known[-1][0], known[-1][1])


@pytest.mark.parametrize("num_resamples", [0, -1])
def test_a_transition_is_made_at_least_once(num_resamples: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        pin(ddpm(), PICTURE, masked(MASK), tape(0), num_resamples)
