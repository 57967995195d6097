"""The upscaler and its training data."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from pictures.begin import begun
from pictures.upscale import Upscaling, crops
from torch import Tensor, nn

import noisewalk as nw
from noisewalk.models.checkpoint import save_tensors
from noisewalk.models.nets.text_unet import TextUNet, TextUNetConfig
from noisewalk.models.nets.upscaler_unet import UPSCALER_32, UpscalerUNet, enlarge
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.words import load_words
from noisewalk.models.zoo import load
from noisewalk.training.objectives import Objective, uniform_times
from noisewalk.walk import LinearPath, SeededNoise

pytestmark = pytest.mark.usefixtures("one_thread")

NULL = (torch.zeros(1, 2, 4), torch.zeros(1, 2, dtype=torch.bool))
WORDS = (torch.ones(6, 2, 4), torch.ones(6, 2, dtype=torch.bool))
SILENT = (torch.zeros(1, 1, 1, 1), torch.zeros(1, dtype=torch.long), *NULL)


def numbered(num: int, size: int) -> Tensor:
    """Pictures whose pixels hold their row, their column and the number of the picture."""
    rows = torch.arange(size).float().view(1, 1, -1, 1).expand(num, 1, size, size)
    which = torch.arange(num).float().view(-1, 1, 1, 1).expand(num, 1, size, size)
    return torch.cat([rows, rows.transpose(2, 3), which], 1)


def test_crops_are_squares_of_their_own_pictures_from_anywhere() -> None:
    found = crops(numbered(200, 12), 5, torch.Generator().manual_seed(0))
    corners = found[:, :2, 0, 0]
    expected = numbered(200, 5) + torch.cat([corners, torch.zeros(200, 1)], 1)[:, :, None, None]
    assert torch.equal(found, expected)
    assert set(corners.flatten().tolist()) == set(range(8))


class Listener(nn.Module):
    """A network that records its inputs and returns x_t."""

    def forward(self, x: Tensor, t: Tensor, beside: Tensor, timestep: Tensor, vectors: Tensor, mask: Tensor) -> Tensor:
        self.heard = (beside, timestep, vectors, mask)
        return x


def test_the_network_is_shown_the_enlarged_small_picture_as_noisy_as_it_is_told() -> None:
    objective = Objective(LinearPath(), "sample", 0.0, SILENT, uniform_times)
    x0 = torch.rand(6, 3, 32, 32) * 2 - 1
    network, exact = Listener(), Upscaling(objective, NULL, crop=32, dropout=0.0, max_noise_level=1, blur=0.0)
    exact.loss(network, x0, WORDS, torch.Generator().manual_seed(0))
    beside, timestep, vectors, mask = network.heard
    assert timestep.tolist() == [0] * 6
    torch.testing.assert_close(beside, enlarge(F.avg_pool2d(x0, 4), 32), atol=0.008, rtol=0)  # sigma is 0.001
    assert bool(vectors.all() and mask.all())
    replace(exact, max_noise_level=1000, dropout=1.0).loss(network, x0, WORDS, torch.Generator().manual_seed(0))
    beside, timestep, vectors, mask = network.heard
    s = ((timestep + 1) / 1000).view(-1, 1, 1, 1)
    noise = (beside - (1 - s) * enlarge(F.avg_pool2d(x0, 4), 32)) / s
    assert noise.flatten(1).std(1).sub(1).abs().max() < 0.1
    assert not bool(vectors.any() or mask.any())


def test_its_convolutions_draw_pictures_of_other_sizes_and_see_what_is_beside_and_how_noisy_it_is() -> None:
    torch.manual_seed(0)
    small = replace(UPSCALER_32, channels=(16, 16, 16), embed_dim=16, text_dim=16, text_heads=2, word_dim=4, max_tokens=2)
    network = UpscalerUNet(small).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    for size in (32, 64):
        x, beside = torch.randn(2, 3, size, size), torch.randn(2, 3, size, size)
        t, k, words = torch.tensor([0.3, 0.8]), torch.tensor([10, 500]), (WORDS[0][:2], WORDS[1][:2])
        answer = network(x, t, beside, k, *words)
        assert answer.shape == x.shape
        for other in ((x, t, -beside, k, *words), (x, t, beside, k + 300, *words), (x, t, beside, k, words[0], ~words[1])):
            assert (network(*other) - answer).abs().max() > 1e-3


def checkpoint(path: Path, network: nn.Module, name: str, prediction_type: str) -> None:
    """A packed network in which all layers have an effect."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    card = {"network": name, "config": asdict(network.config), "schedule": "linear", "prediction_type": prediction_type}
    save_tensors(path, dict(network.state_dict()), card | {"defaults": {"steps": 2}})


def test_a_cascade_is_a_walk_then_a_walk_beside_what_it_drew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    small = {"channels": (16, 16, 16), "embed_dim": 16, "text_dim": 16, "text_heads": 2, "max_tokens": 4}
    first = TextUNet(TextUNetConfig(image_size=64, patch=4, attention=(0, 0, 0), **small))
    checkpoint(tmp_path / "first.safetensors", first, "unet-text", "flow_prediction")
    second = UpscalerUNet(replace(UPSCALER_32, image_size=128, **small))
    checkpoint(tmp_path / "emoji-upscaler-256.safetensors", second, "unet-upscaler", "sample")
    monkeypatch.setattr("noisewalk.models.trained.WEIGHTS", tmp_path)
    model = load(str(tmp_path / "first.safetensors"), dtype="float32")
    low = nw.generate(model, "a rocket", seed=3).states[-1].x_t
    high = nw.generate(model, "a rocket", seed=3, upsample=1, noise_level=[99]).states[-1].x_t
    assert (low.shape, high.shape) == ((1, 3, 64, 64), (1, 3, 128, 128))
    noise = SeededNoise([3], "stage 2")
    x = noise(torch.empty(1, 3, 128, 128))
    beside = 0.9 * enlarge(low, 128) + 0.1 * noise.stream("stage 2, low")(x)
    words = TextPrompts(load_words(), 4)("a rocket")
    for t, s in ((1.0, 0.5), (0.5, 0.0)):
        with torch.no_grad():
            x0 = second.eval()(x, torch.tensor([t]), beside, torch.tensor([99]), *words)
        x = x + (s - t) * (x - x0) / t  # Euler on the linear path: dx/dt = eps - x0
    torch.testing.assert_close(high, x, atol=2e-4, rtol=0)
    with pytest.raises(nw.UserError, match=r"upsample 2 needs more upscalers than the model .* has \(1\)"):
        nw.generate(model, "a rocket", upsample=2)


def test_an_upscaler_of_another_size_starts_from_all_weights(tmp_path: Path) -> None:
    shape = replace(UPSCALER_32, channels=(16, 16, 16), embed_dim=16, text_dim=16, text_heads=2)
    small = UpscalerUNet(shape)
    checkpoint(tmp_path / "small.safetensors", small, "unet-upscaler", "sample")
    large = begun(lambda: UpscalerUNet(replace(shape, image_size=256)), str(tmp_path / "small.safetensors"))()
    for key, weight in small.state_dict().items():
        assert torch.equal(large.state_dict()[key], weight), key
