"""Steering: a population of walks, resampled by a reward, samples the tilted distribution."""

from __future__ import annotations

import pytest
import torch
from oracles import F64, Counting, Gaussian, moments, no_noise, path_between, tape, walked
from torch import Tensor

from noisewalk.walk import Noise, SeededNoise, Steered, Step, cosine_schedule, ddim, ddpm, dpmpp, sample

PAIR = Gaussian(torch.tensor([0.2, -0.1], dtype=F64), torch.tensor([[1.0, 0.5], [0.5, 0.8]], dtype=F64))
SLOPE = torch.tensor([1.0, -2.0], dtype=F64)
STEPS = 20
PATH = path_between(cosine_schedule(), 0.98, 0, STEPS)
COUNT = 100_000


def reward(x: Tensor) -> Tensor:
    """The linear reward <slope, x>, which tilts N(m, C) to N(m + strength C slope, C)."""
    return x.flatten(1) @ SLOPE


def start(noise: Noise, like: Tensor) -> Tensor:
    return PATH[0].sigma * noise(like)


def steered(step: Step, at: range, strength: float, count: int = COUNT, seed: int = 0) -> tuple[Tensor, Tensor, Steered]:
    """Return the ends (N, 2) of a population, its weights (N,), and the steering."""
    steering = Steered(step, reward, at, strength, tape(seed + 1))
    noise = tape(seed)
    end = walked(PAIR, start(noise, torch.empty(count, 1, 1, 2)), PATH, steering, noise)
    steering.finish(end)
    return end.flatten(1), steering.log_weights.softmax(0), steering


@pytest.mark.parametrize("at", [range(0), range(4, 18, 4), range(STEPS)], ids=["weights only", "four times", "every step"])
@pytest.mark.parametrize(
    "step", [ddpm("small"), ddpm("large"), ddim(1.0), dpmpp(2, random=True)], ids=["small", "large", "ddim", "sde"]
)
def test_the_weighted_population_is_the_tilted_distribution(step: Step, at: range) -> None:
    """The walk itself is affine in its noise, so where it ends is a Gaussian whose moments are known without sampling; the
    tilted one has the same covariance and a mean that is strength C slope farther, whenever the walks were resampled."""
    strength = 0.4

    def walk(like: Tensor, noise: Noise) -> Tensor:
        return walked(PAIR, start(noise, like), PATH, step, noise)

    mean, cov = moments(walk, 2)
    end, weights, _ = steered(step, at, strength)
    found = weights @ end
    spread = (end - found).T @ (weights[:, None] * (end - found))
    torch.testing.assert_close(found, mean + strength * cov @ SLOPE, rtol=0, atol=0.025)
    torch.testing.assert_close(spread, cov, rtol=0, atol=0.04)
    assert (found - mean).abs().max() > 0.2  # far outside of the tolerance


def test_resampling_keeps_the_weights_even() -> None:
    """What steering is for: with a strong reward, weights alone leave the sample to a few walks; resampling on the way does
    not, at the same number of network calls."""
    _, alone, _ = steered(ddpm("small"), range(0), 3.0, 2000)
    _, resampled, _ = steered(ddpm("small"), range(STEPS), 3.0, 2000)
    assert 1 / alone.square().sum() < 20
    assert 1 / resampled.square().sum() > 200


def test_strength_zero_changes_nothing() -> None:
    """It is the same bit for bit, with a rule that has a memory."""
    for step in (ddpm(), dpmpp(), ddim()):
        seeded, like = SeededNoise(range(6)), torch.empty(6, 1, 1, 2, dtype=F64)
        steering = Steered(step, reward, range(STEPS), 0.0, seeded.stream("steer"))
        with_it = walked(PAIR, start(seeded.stream("init"), like), PATH, steering, seeded.stream("step"))
        without = walked(PAIR, start(seeded.stream("init"), like), PATH, step, seeded.stream("step"))
        assert torch.equal(with_it, without)


def test_a_copied_walk_remembers_its_own_past() -> None:
    """A multistep rule reads the step before. With a reward that chooses one walk for all places, and no noise, every place
    then goes on exactly as that walk alone."""

    def only_the_first(x: Tensor) -> Tensor:
        return torch.tensor([0.0] + [-1e9] * (len(x) - 1))

    x = tape(0)(torch.empty(4, 1, 1, 2))
    steering = Steered(dpmpp(), only_the_first, [5], 1.0, no_noise)
    together = walked(PAIR, x, PATH, steering, no_noise)
    alone = walked(PAIR, x[:1], PATH, dpmpp(), no_noise)
    torch.testing.assert_close(together, alone.expand_as(together), rtol=0, atol=1e-12)


def test_copies_part_in_the_same_step() -> None:
    """Two copies of a walk have different noise from the next step on."""
    steering = Steered(ddpm("large"), lambda x: torch.tensor([0.0, -1e9]), [0], 1.0, no_noise)
    states = list(sample(PAIR, torch.ones(2, 1, 1, 2, dtype=F64), PATH, steering, tape(0)))
    assert (states[0].x0[0] == states[0].x0[1]).all()
    assert (states[0].x_t[0] != states[0].x_t[1]).all()


def test_populations_do_not_mix() -> None:
    """Two populations in one batch end bit for bit as each does alone."""
    like = torch.empty(8, 1, 1, 2, dtype=F64)

    def ends(seeds: list[int]) -> Tensor:
        seeded = SeededNoise(seeds)
        steering = Steered(ddpm("small"), reward, range(STEPS), 5.0, seeded.stream("steer"), population=4)
        return walked(PAIR, start(seeded.stream("init"), like[: len(seeds)]), PATH, steering, seeded.stream("step"))

    both = ends([0, 1, 2, 3, 4, 5, 6, 7])
    assert torch.equal(both[:4], ends([0, 1, 2, 3]))
    assert torch.equal(both[4:], ends([4, 5, 6, 7]))


def test_one_network_call_per_step() -> None:
    counted = Counting(PAIR)
    walked(counted, tape(0)(torch.empty(3, 1, 1, 2)), PATH, Steered(ddpm(), reward, range(STEPS), 9.0, tape(1)), tape(2))
    assert counted.rows == [3] * STEPS


def test_a_reward_is_one_number_per_picture() -> None:
    with pytest.raises(ValueError, match=r"one number per picture.*\(3, 2\) for 3"):
        walked(
            PAIR, tape(0)(torch.empty(3, 1, 1, 2)), PATH, Steered(ddpm(), lambda x: x.flatten(1), [0], 1.0, tape(1)), tape(2)
        )
