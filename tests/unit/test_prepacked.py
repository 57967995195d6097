"""Packed weights change no bit in bfloat16, and reading the words once gives the same pictures."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from noisewalk.models.checkpoint import network_weights
from noisewalk.models.nets import prepacked
from noisewalk.models.nets.build import build
from noisewalk.models.nets.prepacked import PrepackedConv2d, PrepackedLinear, prepack
from noisewalk.models.precision import fastest_dtype
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.words import load_words
from noisewalk.models.zoo import WEIGHTS, load

HARDWARE = fastest_dtype(torch.device("cpu")) == torch.bfloat16
LAYERS = {
    "stem": (nn.Conv2d(12, 64, 3, padding=1), (16, 16)),
    "same": (nn.Conv2d(64, 64, 3, padding=1), (16, 16)),
    "down": (nn.Conv2d(64, 128, 3, stride=2, padding=1), (16, 16)),
    "coarse": (nn.Conv2d(256, 256, 3, padding=1), (4, 4)),
    "joined": (nn.Conv2d(512, 256, 3, padding=1), (4, 4)),
    "1x1": (nn.Conv2d(256, 768, 1), (4, 4)),
    "no bias": (nn.Conv2d(32, 32, 3, padding=1, bias=False), (8, 8)),
}


BFLOAT16 = pytest.param(torch.bfloat16, marks=pytest.mark.skipif(not HARDWARE, reason="this CPU has no bfloat16"))


@pytest.mark.skipif(not prepacked._ABLE, reason="this PyTorch has no oneDNN on x86")
@pytest.mark.parametrize("dtype", [torch.float32, BFLOAT16])
@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_a_packed_convolution_is_the_convolution(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    conv, size = LAYERS[name]
    plain = copy.deepcopy(conv).to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    wrapped = nn.Sequential(copy.deepcopy(plain))
    prepack(wrapped)
    assert type(wrapped[0]) is PrepackedConv2d
    assert list(wrapped.state_dict()) == [f"0.{key}" for key in plain.state_dict()]
    for rows in (8, 1, 2, 3, 16, 4):
        x = torch.randn(rows, conv.in_channels, *size).to(dtype).contiguous(memory_format=torch.channels_last)
        if dtype == torch.bfloat16:
            assert torch.equal(wrapped(x), plain(x)), rows
        else:  # another order of summing errs by 6e-8 of the sum of the products' sizes, 55 at most
            torch.testing.assert_close(wrapped(x), plain(x), rtol=0, atol=1e-5)


@pytest.mark.skipif(not prepacked._ABLE or not HARDWARE, reason="this CPU has no bfloat16, or PyTorch no oneDNN on x86")
@torch.no_grad()
def test_a_packed_matrix_product_is_the_product_to_the_bit() -> None:
    torch.manual_seed(0)
    plain = nn.Linear(256, 512).to(torch.bfloat16)
    wrapped = nn.Sequential(copy.deepcopy(plain), nn.Linear(512, 4))
    prepack(wrapped)
    assert type(wrapped[0]) is PrepackedLinear
    assert type(wrapped[1]) is nn.Linear  # float32: not oneDNN's
    for shape in ((1, 256), (50, 256), (3, 25, 256)):
        x = torch.randn(*shape).to(torch.bfloat16)
        assert torch.equal(wrapped[0](x), plain(x))


@torch.no_grad()
def test_bfloat16_is_left_alone_where_it_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "fastest_dtype", lambda device: torch.float32)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 4)).to(torch.bfloat16)
    prepack(network)
    assert [type(layer) for layer in network] == [nn.Conv2d, nn.Linear]


def test_what_is_differentiated_is_not_packed() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, 3)
    x = torch.randn(1, 3, 8, 8, requires_grad=True)
    (plain,) = torch.autograd.grad(conv(x).square().sum(), x)
    prepack(conv)
    conv(x).square().sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, plain)


@torch.no_grad()
def test_words_read_once_draw_the_same_picture() -> None:
    tensors, config = network_weights(WEIGHTS / "emoji.safetensors")
    whole = build(config).eval()
    whole.load_state_dict(tensors)
    torch.manual_seed(0)
    prompts, model = TextPrompts(load_words(), config["config"]["max_tokens"]), load("emoji", dtype="float32")
    x, t = torch.randn(2, *model.shape), torch.tensor([0.3, 0.8])

    def cond(encode: TextPrompts) -> list[torch.Tensor]:
        return [torch.cat(each) for each in zip(encode("a red rocket"), encode(""), strict=True)]

    assert isinstance(model.encode, TextPrompts)
    drawn = model.model.network(x, t, *cond(model.encode))  # type: ignore[attr-defined]
    torch.testing.assert_close(drawn, whole(x, t, *cond(prompts)), rtol=0, atol=2e-5)
