"""Stage I at 64 pixels: initial weights from the 32-pixel model, the objective and the data."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pictures import mixture as mixture_module
from pictures.begin import begun, count_taken, widened
from pictures.crops import around, crop
from pictures.dataset import Captioned, Row, World, token_rows
from pictures.mixture import NEUTRAL, Repeated, neutral
from pictures.objective import CleanPrediction
from pictures.pairs import Pairs
from pictures.pool import pool_path, save_pool
from pictures.recipes import RECIPES, STAGE_1
from torch import Tensor
from train import Fit

from noisewalk.models.bundled import WEIGHTS
from noisewalk.models.checkpoint import network_weights, save_tensors
from noisewalk.models.nets.text_unet import TextUNet
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.words import load_words
from noisewalk.training.loop import TrainConfig, start
from noisewalk.training.objectives import uniform_times

NULL = (torch.zeros(1, 2, 4), torch.zeros(1, 2, dtype=torch.bool))


def test_a_widened_first_convolution_sees_the_mean_of_the_picture() -> None:
    torch.manual_seed(0)
    weight, picture = torch.randn(5, 12, 3, 3), torch.randn(2, 3, 16, 16)
    large = picture.repeat_interleave(2, 2).repeat_interleave(2, 3) + F.pixel_shuffle(
        torch.tensor([1.0, -1.0, -1.0, 1.0]).view(1, 4, 1, 1).expand(2, 4, 16, 16), 2
    )
    small = F.conv2d(F.pixel_unshuffle(picture, 2), weight, padding=1)
    wide = F.conv2d(F.pixel_unshuffle(large, 4), widened(weight, 2, 3, 2), padding=1)
    torch.testing.assert_close(wide, small)


def test_stage_1_starts_from_the_weights_of_a_model_of_half_the_size_but_for_its_ends(tmp_path: Path) -> None:
    half, name = TextUNet(replace(STAGE_1, image_size=32, patch=2)), str(tmp_path / "half.safetensors")
    card = {"network": "unet-text", "config": asdict(half.config), "schedule": "linear", "prediction_type": "sample"}
    save_tensors(Path(name), dict(half.state_dict()), card)
    network = begun(lambda: TextUNet(STAGE_1), name)()
    taken, whole = count_taken(network, name)
    assert whole - taken == 64 * 48 * 9 + 48 * 64 * 9 + 48  # the first and the last convolution
    assert network.stem.weight.shape == (64, 48, 3, 3)  # type: ignore[union-attr]
    assert not bool(network.head.weight.any())  # type: ignore[union-attr]


def test_stage_1_continues_from_all_weights_of_the_bundled_model() -> None:
    network, (reached, _) = RECIPES["stage1"]().network(), network_weights(WEIGHTS / "emoji.safetensors")
    for key, weight in network.state_dict().items():
        assert torch.equal(weight, reached[key]), key


def test_the_loss_is_that_of_the_velocity() -> None:
    objective = CleanPrediction(NULL, dropout=0.0, floor=0.0, times=uniform_times)
    x0, cond = torch.rand(4, 3, 8, 8) * 2 - 1, tuple(each.expand(4, *each.shape[1:]) for each in NULL)
    heard: list[Tensor] = []

    def network(x: Tensor, t: Tensor, *words: Tensor) -> Tensor:
        heard.extend([x, t])
        return 0.5 * x

    loss = objective.loss(network, x0, cond, torch.Generator().manual_seed(0))
    x, t = heard[0], heard[1].view(-1, 1, 1, 1)
    velocity = (x - x0) / t  # eps - x0, for x = (1 - t) x0 + t eps
    said = (x - 0.5 * x) / t
    torch.testing.assert_close(loss, (said - velocity).square().flatten(1).mean(1), rtol=1e-4, atol=1e-4)


def test_neutral_prompts_stand_for_clean_single_things_only_and_an_epoch_repeats_rows() -> None:
    prompts = TextPrompts(load_words(), 12)
    rows: list[Row] = [{"group": group} for group in ("food-drink", "people-body", "objects")]
    tokens, masks = prompts.rows(["a rocket"] * 6)
    data = Captioned(torch.zeros(3, 3, 4, 4, dtype=torch.uint8), tokens.view(3, 2, 12), masks.view(3, 2, 12), prompts.table)
    changed = neutral(data, rows, prompts)
    assert torch.equal(changed.tokens[:, 0], data.tokens[:, 0])
    assert torch.equal(changed.tokens[1], data.tokens[1])
    assert not bool(changed.masks[0, 1].any())  # "", the first of them
    expected, _ = prompts.rows([NEUTRAL[1]])
    assert torch.equal(changed.tokens[2, 1], expected[0])
    twice = Repeated(changed, torch.tensor([0, 1, 2, 0, 1, 2]))
    assert len(twice) == 6
    pictures, _ = twice.batch(torch.tensor([5, 0]), torch.Generator())
    assert pictures.shape == (2, 3, 4, 4)


def test_the_scorers_see_scenes_of_the_same_things_as_one_concept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.full((3, 64, 64), 7, np.uint8)
    boxes = [[0, 0, 40, 40], [50, 50, 40, 40]]
    said = [{"kind": "beside", "things": ["cat", "dog"], "boxes": boxes, "captions": ["a cat and a dog"]}] * 2
    save_pool(pool_path(tmp_path, 64, "train"), [(picture, each) for each in [*said, said[0] | {"things": ["cat", "fox"]}]])
    monkeypatch.setenv("NOISEWALK_DATA", str(tmp_path))
    prompts = TextPrompts(load_words(), 12)
    tokens, masks = (each.view(2, 16, 12) for each in prompts.rows(["a rocket"] * 32))
    single = Captioned(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), tokens.int(), masks, prompts.table)
    monkeypatch.setattr(mixture_module, "paired", lambda *given: Pairs(single, torch.tensor([0, 1])))
    both = mixture_module.paired_with_scenes(32, World(), prompts)
    assert both.concepts.tolist() == [0, 1, 2, 2, 3, 4, 5, 4, 5, 4, 6]  # two drawings, three scenes, and the two things of each
    assert both.captioned.pictures.shape == (11, 3, 32, 32)
    assert both.captioned.pictures[2:].unique().tolist() == [7]


def test_a_part_of_a_scene_shows_its_thing() -> None:
    picture = torch.zeros(3, 100, 100, dtype=torch.uint8)
    picture[:, 60:80, 10:30] = 200
    draw = random.Random(0)
    for _ in range(50):
        top, left, side = around((10, 60, 20, 20), draw)
        assert left <= 10
        assert top <= 60
        assert min(left, top) + side >= 30
        assert 20 <= side <= 30
        shown = crop(picture, (top, left, side), 20)
        assert shown.mean() / 200 == pytest.approx((20 / side) ** 2, rel=0.15)  # corners are rounded to pixels
    top, left, side = around((-20, 90, 60, 30), draw)  # a box that is partly outside of the picture
    assert 0 <= top <= 100 - side
    assert left == 0


def test_captions_that_are_there_several_times_are_read_as_each_alone() -> None:
    prompts = TextPrompts(load_words(), 6)
    texts = ["a red hat on a cat", "", "two foxes", "a red hat on a cat", "a very long caption of many words that is cut off"]
    rows, masks = token_rows(prompts, texts)
    for i, text in enumerate(texts):
        alone, mask = prompts.rows([text])
        assert torch.equal(rows[i : i + 1], alone.int()), text
        assert torch.equal(masks[i : i + 1], mask), text


@pytest.mark.parametrize(("hold", "over"), [(0.5, 1000.0), (0.1, 1925.0)])
def test_the_length_of_a_run_follows_its_speed_until_the_rate_falls(hold: float, over: float) -> None:
    """Steps take half a second, and from step 150 on a whole one; a rate that falls early keeps the first length."""
    config = TrainConfig(epochs=100, batch_size=1, decay="cosine", hold=hold)
    data = Captioned(*(torch.zeros(50, 1, 1) for _ in range(3)), load_words())
    state, fit, now, said = start(torch.nn.Linear(1, 1), data, config), Fit(1000.0, config), 0.0, []
    while state.step < state.total_steps:
        state.step += 1
        now += 0.5 if state.step <= 150 else 1.0
        if fit(state, now):
            said.append(state.total_steps)
    assert said[0] == 100 + int(950 / 0.5)
    assert now == pytest.approx(over, rel=0.02)
