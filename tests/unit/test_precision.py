"""The dtype of the networks: it depends on the hardware and is recorded, and bfloat16 does not depend on the batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.errors import UserError
from noisewalk.models.nets.course import CourseUNet, CourseUNetConfig
from noisewalk.models.nets.unet import Norm
from noisewalk.models.precision import convert_precision, dtype_of, fastest_dtype
from noisewalk.models.zoo import WEIGHTS, load

CPU = torch.device("cpu")
HARDWARE = fastest_dtype(CPU) == torch.bfloat16


NAMES = ("digits", "emoji", "emoji-upscaler-256")


def inputs(name: str, n: int) -> tuple[Tensor, ...]:
    """Noisy pictures, their times, and for an upscaler the low-res pictures and their noise levels; all but the prompt."""
    shape = load(str(WEIGHTS / f"{name}.safetensors")).shape
    noisy = torch.randn(n, *shape), torch.rand(n)
    return (*noisy, torch.randn(n, *shape), torch.arange(n) * 30) if name == "emoji-upscaler-256" else noisy


def network(name: str, dtype: str) -> Callable[..., Tensor]:
    """Call the bundled network for a prompt that it reads itself."""
    model = load(str(WEIGHTS / f"{name}.safetensors"), dtype=dtype)
    told = model.encode("7" if name == "digits" else "an oil painting of a snowy mountain village")

    def call(x: Tensor, *rest: Tensor) -> Tensor:
        return model.model.network(x, *rest, *(c.expand(len(x), *c.shape[1:]) for c in told))  # type: ignore[attr-defined, no-any-return]

    return call


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.skipif(not HARDWARE, reason="this CPU has no bfloat16")
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_in_bfloat16_a_row_is_the_same_in_every_batch(name: str, threads: int) -> None:
    torch.manual_seed(0)
    call, given = network(name, "bfloat16"), inputs(name, 9)
    whole = call(*given)
    for rows in (1, 2, 3, 5, 8):
        assert torch.equal(call(*(each[:rows] for each in given)), whole[:rows])


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_bfloat16_is_near_float32(name: str) -> None:
    """8 significant bits: a rounding errs by 2^-9 of the number, .1 % in the mean; some tens of layers make it 1 or 2 %."""
    torch.manual_seed(0)
    given = inputs(name, 4)
    exact, rounded = network(name, "float32")(*given), network(name, "bfloat16")(*given)
    error = (rounded - exact).square().mean().sqrt() / exact.square().mean().sqrt()
    assert 1e-4 < error < 0.02


@torch.no_grad()
def test_the_courses_network_computes_in_bfloat16_too() -> None:
    torch.manual_seed(0)
    net = CourseUNet(CourseUNetConfig(hidden=16, time=True, num_classes=10)).eval()
    given = (torch.randn(2, 1, 28, 28), torch.rand(2), torch.tensor([3, 10]))
    exact = net(*given)
    error = (
        convert_precision(net, torch.bfloat16, "")(net)(*given) - exact
    ).square().mean().sqrt() / exact.square().mean().sqrt()
    assert 1e-4 < error < 0.03


@pytest.mark.parametrize("size", [8, 48])  # below and above the size where PyTorch's sums depend on the batch
def test_norm_is_group_normalisation_of_each_picture(size: int, threads: int) -> None:
    torch.manual_seed(0)
    norm, x = Norm(32), (1 + torch.randn(5, 32, size, size)).to(memory_format=torch.channels_last)
    nn.init.normal_(norm.weight)
    trained, norm = norm(x), norm.eval()
    groups = x.double().reshape(5, 2, -1)
    plain = (groups - groups.mean(-1, keepdim=True)) / (groups.var(-1, unbiased=False, keepdim=True) + norm.eps).sqrt()
    plain = plain.reshape(x.shape) * norm.weight[:, None, None] + norm.bias[:, None, None]

    def near(y: Tensor) -> None:
        torch.testing.assert_close(y.double(), plain, rtol=0, atol=1e-5)

    near(trained)
    near(norm(x))
    assert torch.equal(norm(x[:1]), norm(x)[:1])


def test_the_type_is_recorded_and_replayed(tmp_path: Path) -> None:
    bits = {}
    for dtype in ("float32", "bfloat16"):
        (path,) = nw.generate(load("digits", dtype=dtype), "7", steps=4).save(tmp_path / f"{dtype}.png")
        with Image.open(path) as image:
            assert json.loads(image.text["noisewalk"])["model"]["dtype"] == dtype
            bits[dtype] = image.tobytes()
        assert nw.replay(path).agrees
    assert bits["float32"] != bits["bfloat16"]


def test_what_is_not_possible_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert dtype_of("auto") is None
    assert dtype_of(torch.float64) == dtype_of("float64") == torch.float64
    with pytest.raises(UserError, match="unknown dtype 'bf16'"):
        dtype_of("bf16")
    out = ["--out", str(tmp_path / "x.png")]
    assert main(["generate", "7", "--dtype", "float16", *out]) == 2
    assert "'digits' computes in float32 or bfloat16, not in float16" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert main(["generate", "7", "--device", "cuda", *out]) == 2
        assert "PyTorch sees no CUDA GPU on this machine; use --device cpu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--device", "meta"], "the device 'meta' was asked for, but PyTorch cannot compute there ("),
        (["--device", "xla"], "the device 'xla' was asked for, but PyTorch cannot compute there ("),
        (["--device", "hpu"], "the device 'hpu' was asked for, but PyTorch cannot compute there ("),
        (["--device", "gpu"], "there is no device 'gpu'; devices are cpu, cuda, mps, xpu, and auto"),
        (["--memory", "some"], "unknown memory mode 'some'"),
        (["--memory", "offload"], "--memory offload moves parts between a GPU and main memory"),
    ],
)
def test_a_place_that_cannot_be_is_one_line(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["generate", "7", *options, "--out", str(tmp_path / "x.png")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("able", "dtype"),
    [({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)],
)
def test_hardware_decides(able: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: able, raising=False)
    assert fastest_dtype(CPU) == dtype
    monkeypatch.delattr("torch.cpu.get_capabilities", raising=False)
    assert fastest_dtype(CPU) == torch.float32  # an older PyTorch
