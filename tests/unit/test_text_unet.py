"""The properties of the text U-Net, and a run of a tiny one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from pictures.dataset import Captioned
from torch import Tensor, nn

from noisewalk import UserError
from noisewalk.models.checkpoint import RUN_CHECKPOINT, load_tensors, save_tensors
from noisewalk.models.nets.text_unet import TextUNet, TextUNetConfig, attention, text_unet_config
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.words import WordTable, load_words
from noisewalk.models.zoo import load
from noisewalk.training.loop import TrainConfig, start
from noisewalk.training.objectives import Objective, drop_condition
from noisewalk.training.pack import pack
from noisewalk.training.recipe import Recipe
from noisewalk.training.runs import run
from noisewalk.training.saving import load_run
from noisewalk.walk import LinearPath

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = TextUNetConfig(
    image_size=16, channels=(16, 32), attention=(0, 16), embed_dim=16, text_dim=16, text_layers=1, text_heads=2, max_tokens=6
)


def tiny(seed: int = 0) -> TextUNet:
    """A network without zero layers, so that all of its parts have an effect."""
    torch.manual_seed(seed)
    network = TextUNet(TINY).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network


def inputs(words: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x, t = torch.randn(2, 3, 16, 16, generator=generator), torch.tensor([0.3, 0.8])
    return x, t, torch.randn(2, words, TINY.word_dim, generator=generator), torch.ones(2, words, dtype=torch.bool)


def test_padding_changes_nothing_and_words_do() -> None:
    network = tiny()
    x, t, vectors, mask = inputs(3)
    output = network(x, t, vectors, mask)
    for filler in (0.0, 100.0):
        padded = torch.cat([vectors, torch.full((2, 3, TINY.word_dim), filler)], 1)
        longer = torch.cat([mask, torch.zeros(2, 3, dtype=torch.bool)], 1)
        torch.testing.assert_close(network(x, t, padded, longer), output, atol=1e-5, rtol=0)
    assert (network(x, t, vectors.flip(1), mask) - output).abs().max() > 1e-3  # nor is it a bag of words


def test_without_words_the_output_is_finite_and_the_same_for_every_prompt() -> None:
    network = tiny()
    x, t, vectors, mask = inputs(4)
    null = network(x, t, vectors, ~mask)
    assert null.isfinite().all()
    torch.testing.assert_close(network(x, t, 7 - vectors, ~mask), null, atol=1e-5, rtol=0)
    assert (null - network(x, t, vectors, mask)).abs().max() > 1e-3


def test_attention_is_pytorchs() -> None:
    q, k, v = torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    seen = torch.rand(2, 7) < 0.7
    seen[:, 0] = True
    expected = nn.functional.scaled_dot_product_attention(q, k, v, seen[:, None, None])
    bias = torch.zeros(2, 7).masked_fill(~seen, -torch.inf)[:, None, None]
    torch.testing.assert_close(attention(q, k, v, bias), expected, atol=1e-6, rtol=1e-5)
    coarse = attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), bias)
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.float(), expected, atol=3 * 2**-8, rtol=0)  # of numbers about 1, rounded thrice


def test_dropped_conditions_are_the_null_condition_as_often_as_asked() -> None:
    cond = (torch.ones(4000, 3, 2), torch.ones(4000, 3, dtype=torch.bool))
    null = (torch.zeros(1, 3, 2), torch.zeros(1, 3, dtype=torch.bool))
    vectors, mask = drop_condition(cond, null, 0.1, torch.Generator().manual_seed(0))
    assert 0.08 < 1 - float(mask.any(1).float().mean()) < 0.12
    assert torch.equal(mask.float().mean(1), vectors.mean((1, 2)))


def recipe() -> Recipe:
    table = WordTable({}, torch.randint(-9, 9, (5, TINY.word_dim), dtype=torch.int8), torch.ones(5).half())
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 255, (8, 3, 16, 16), dtype=torch.uint8, generator=generator)
    tokens = torch.randint(0, 5, (8, 2, 6), dtype=torch.int32, generator=generator)
    data = Captioned(pictures, tokens, torch.rand(8, 2, 6, generator=generator) < 0.5, table)
    null = (torch.zeros(1, 6, TINY.word_dim), torch.zeros(1, 6, dtype=torch.bool))
    objective = Objective(LinearPath(), "flow_prediction", 0.1, null)
    card = {"network": "unet-text", "config": asdict(TINY), "schedule": "linear", "prediction_type": "flow_prediction"}
    config = TrainConfig(epochs=3, batch_size=4, warmup=2, hold=0.5)
    return Recipe(lambda: TextUNet(TINY), lambda: data, objective.loss, config, card)


def test_a_run_stopped_and_resumed_ends_like_one_that_was_not(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tested = recipe()
    steps = sum(1 for _ in run(tested, tested.config, tmp_path / "whole"))
    stopped = run(tested, tested.config, tmp_path / "parts")
    for _ in range(3):
        next(stopped)
    stopped.close()
    torch.rand(5)  # what happens in between does not matter
    assert 3 + sum(1 for _ in run(tested, tested.config, tmp_path / "parts")) == steps == 6
    whole, parts = (load_tensors(tmp_path / name / RUN_CHECKPOINT)[0] for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    pack(tmp_path / "whole", tmp_path / "tiny.safetensors", {"kind": "model"})
    for path in (tmp_path / "whole", tmp_path / "tiny.safetensors"):
        model = load(str(path))
        assert model.shape == (3, 16, 16)
        assert not model.dark_background


def test_a_run_may_be_made_longer_until_its_learning_rate_begins_to_fall(tmp_path: Path) -> None:
    tested = recipe()
    half_way = run(tested, tested.config, tmp_path)
    for _ in range(3):
        next(half_way)
    half_way.close()
    data, path = tested.data(), tmp_path / RUN_CHECKPOINT
    longer = TrainConfig(epochs=30, batch_size=4, warmup=2, hold=0.5)
    assert load_run(path, start(tested.network(), data, longer), longer).step == 3
    shorter = TrainConfig(epochs=2, batch_size=4, warmup=2, hold=0.5)
    with pytest.raises(UserError, match="belongs to a run of 6 steps, but this one has 4"):
        load_run(path, start(tested.network(), data, shorter), shorter)


def test_shards_are_small_whole_and_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    tensors = {f"t{i}": torch.randn(50_000) for i in range(10)}
    for shift in (0, 1):
        save_tensors(path, {k: v + shift for k, v in tensors.items()}, {"step": shift}, max_bytes=600_000)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) == 5
    assert all(file.stat().st_size <= 600_000 for file in files)
    again, config = load_tensors(path)
    assert config == {"step": 1}
    assert list(again) == list(tensors)
    assert all(torch.equal(again[k], v + 1) for k, v in tensors.items())
    next(f for f in files if f != path).write_bytes(b"cut")
    with pytest.raises(UserError, match="missing or has changed"):
        load_tensors(path)


def test_the_shape_survives_json() -> None:
    import json

    assert text_unet_config(json.loads(json.dumps(asdict(TINY)))) == TINY
    assert TextPrompts(load_words(), TINY.max_tokens)("a rocket")[0].shape == (1, 6, TINY.word_dim)
