"""A user's own network: exact answers for every prediction type, in every technique."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import noisewalk as nw
from noisewalk.walk import TARGETS, LinearPath, Schedule, linear_betas, to_target, vp_schedule

MEAN, DEVIATION = 0.3, 0.2
SHAPE = (1, 32, 32)


class Gaussian(nn.Module):
    """The exact network for pictures that are N(MEAN, DEVIATION^2) in every pixel."""

    def __init__(self, schedule: Schedule, prediction_type: str, timesteps: int | None = None) -> None:
        super().__init__()
        self.schedule, self.prediction_type, self.timesteps = schedule, prediction_type, timesteps
        self.mean = nn.Parameter(torch.tensor(MEAN))

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        unit = t[0].double() if self.timesteps is None else (t[0].double() + 1) / self.timesteps
        level = self.schedule(unit)
        mean = self.mean if label is None else torch.where(label == 1, -self.mean, self.mean).view(-1, 1, 1, 1)
        gain = level.alpha * DEVIATION**2 / (level.alpha**2 * DEVIATION**2 + level.sigma**2)
        x0 = mean + gain * (x_t - level.alpha * mean)
        return to_target(x0, (x_t - level.alpha * x0) / level.sigma, level, self.prediction_type).to(x_t.dtype)


@pytest.mark.parametrize("prediction_type", TARGETS)
def test_whatever_is_predicted_the_samples_have_the_mean_and_deviation_of_the_data(prediction_type: str) -> None:
    path = vp_schedule(linear_betas(1000))
    network = Gaussian(path, prediction_type)
    model = nw.from_network(network, shape=SHAPE, schedule=path, prediction_type=prediction_type)
    made = nw.generate(model, "", num=16, steps=250, step_rule="heun").tensor
    assert made.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert made.std().item() == pytest.approx(DEVIATION, abs=0.01)


def test_a_ddpm_that_is_told_timesteps() -> None:
    schedule = vp_schedule(linear_betas(1000))
    network = Gaussian(schedule, "epsilon", timesteps=1000)
    model = nw.from_network(network, shape=SHAPE, schedule="ddpm-1000", prediction_type="epsilon", num_timesteps=1000)
    made = nw.generate(model, "", num=16, steps=100).tensor
    assert made.mean().item() == pytest.approx(MEAN, abs=0.01)


def test_classes_are_prompts_and_guidance_exaggerates_them() -> None:
    network = Gaussian(LinearPath(), "flow_prediction")
    model = nw.from_network(network, shape=SHAPE, classes=["light", "dark"])
    light, dark = (nw.generate(model, prompt, num=4, steps=30).tensor.mean().item() for prompt in ("light", "dark"))
    assert light == pytest.approx(MEAN, abs=0.03)
    assert dark == pytest.approx(-MEAN, abs=0.03)
    assert nw.generate(model, "dark", num=4, steps=30, guidance_scale=2).tensor.mean().item() < dark - 0.1
    with pytest.raises(nw.UserError, match="'blue'"):
        nw.generate(model, "blue")


def test_every_technique_works_with_it(tmp_path: Path) -> None:
    model = nw.from_network(Gaussian(LinearPath(), "sample"), shape=SHAPE, prediction_type="sample", classes=["a", "b"])
    picture = Image.new("L", (32, 32), 180)
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 16, 32))
    made = [
        nw.generate(model, "a", steps=2),
        nw.forward(model, picture),
        nw.denoise(model, picture, steps=4),
        nw.edit(model, picture, prompt="a", steps=4, start=(1, 2)),
        nw.inpaint(model, picture, mask, steps=2, num_resamples=(2,)),
        nw.anagram(model, ["a", "b"], ["identity", "rotate180"], steps=2),
        nw.hybrid(model, "a", "b", steps=2),
        nw.factorize(model, ["a", "b"], split="left-right", steps=2),
        nw.inverse(model, picture, "a", steps=2),
    ]
    for result in made:
        assert result.tensor.shape[1:] == SHAPE
        assert result.save(tmp_path / f"{result.technique}.png")


def test_what_does_not_fit_is_one_clear_line() -> None:
    class Halves(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return x[..., ::2]

    with pytest.raises(nw.UserError, match=r"must return a tensor of the shape of x_t, \(1, 1, 32, 32\)"):
        nw.from_network(Halves(), shape=SHAPE)
    with pytest.raises(nw.UserError, match=r"cannot be called as network\(x_t, t\) .* of shape \(1, 3, 32, 32\)"):
        nw.from_network(nn.Conv2d(1, 1, 3), shape=(3, 32, 32))
    with pytest.raises(nw.UserError, match=r"unknown prediction type 'eps'.*epsilon"):
        nw.from_network(Gaussian(LinearPath(), "sample"), shape=SHAPE, prediction_type="eps")
    with pytest.raises(nw.UserError, match="'epsilon' says nothing about x0 where alpha is 0"):
        nw.from_network(Gaussian(LinearPath(), "epsilon"), shape=SHAPE, prediction_type="epsilon")
    with pytest.raises(nw.UserError, match="unknown schedule 'liner'; did you mean 'linear'"):
        nw.from_network(Gaussian(LinearPath(), "sample"), shape=SHAPE, schedule="liner")
    with pytest.raises(nw.UserError, match="trained without classes"):
        nw.generate(nw.from_network(Gaussian(LinearPath(), "sample"), shape=SHAPE), "a cat")


def test_the_fingerprint_follows_the_weights() -> None:
    one, two = Gaussian(LinearPath(), "sample"), Gaussian(LinearPath(), "sample")
    assert nw.from_network(one, shape=SHAPE).fingerprint == nw.from_network(two, shape=SHAPE).fingerprint
    with torch.no_grad():
        two.mean += 0.1
    assert nw.from_network(one, shape=SHAPE).fingerprint != nw.from_network(two, shape=SHAPE).fingerprint
