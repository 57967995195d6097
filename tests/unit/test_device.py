"""Every walk stays on its model's device: shown without a GPU, on PyTorch's "meta" device, which computes shapes only and, like
a GPU, refuses to meet a tensor that is elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.models.diffusers.memory import placement
from noisewalk.models.precision import fastest_dtype
from noisewalk.models.zoo import WEIGHTS

PICTURES = WEIGHTS.parent / "pictures"
FOX, MASK = PICTURES / "emoji-fox.png", PICTURES / "emoji-mask-top.png"
WALKS: dict[str, Callable[[nw.Pretrained], nw.Result]] = {
    "generate": lambda m: nw.generate(m, "a rocket", num=2, steps=2),
    "thresholded": lambda m: nw.generate(m, "a rocket", steps=2, threshold="dynamic"),
    "guided in an interval": lambda m: nw.generate(m, "a rocket", steps=3, guidance_interval=(200, 800)),
    "negative": lambda m: nw.generate(m, "a rocket", steps=2, negative_prompt="red"),
    "forward": lambda m: nw.forward(m, FOX),
    "denoise": lambda m: nw.denoise(m, FOX, t=[100, 300]),
    "edit": lambda m: nw.edit(m, FOX, start=[25, 31]),
    "inpaint": lambda m: nw.inpaint(m, FOX, MASK, steps=2, num_resamples=[2]),
    "anagram": lambda m: nw.anagram(m, ["a rocket", "a pencil"], steps=2),
    "balanced anagram": lambda m: nw.anagram(m, ["a rocket", "a pencil"], steps=2, balance="auto"),
    "anagram of many views": lambda m: nw.anagram(
        m, ["a sun"] * 4, views=["identity", "jigsaw", "inner-circle", "negate"], steps=2
    ),
    "hybrid": lambda m: nw.hybrid(m, "a rocket", "a pencil", steps=2),
    "inverse": lambda m: nw.inverse(m, FOX, "a pencil", steps=2),
    "factorize": lambda m: nw.factorize(m, ["a rocket", "a pencil"], steps=2),
    **{
        rule: lambda m, rule=rule: nw.generate(m, "a rocket", steps=3, step_rule=rule)  # type: ignore[misc]
        for rule in ("ddim", "ddpm", "heun", "dpmpp-2m", "euler")
    },
}


class OnMeta(TorchDispatchMode):
    """What the "meta" device lacks: a value for whoever asks a tensor for its number. It has no float64, as Apple's GPUs.

    Args:
        number: the answer.
    """

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and args[0].device.type == "meta":
            return self.number
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "meta":
                assert tensor.dtype != torch.float64, f"{func} makes float64 on the device"
        return made


def on_meta(upsample: int) -> nw.Pretrained:
    """The emoji model on the "meta" device, with so many upsampling stages."""
    with OnMeta(0):  # the sum of zeros, by which noisewalk tries whether a device computes
        model = nw.load("emoji", device="meta", dtype="float32")
    return replace(model, defaults=replace(model.defaults, upsample=upsample))


@pytest.mark.parametrize("upsample", [0, 1])
@pytest.mark.parametrize("name", WALKS)
def test_a_walk_stays_on_its_models_device_and_needs_no_float64_there(name: str, upsample: int) -> None:
    model = on_meta(upsample)
    with OnMeta(1):  # every state is finite
        assert {panel.x.device.type for panel in WALKS[name](model).panels} == {"meta"}


@pytest.mark.parametrize("device", ["mps", "mps:0", "xpu"])
@pytest.mark.parametrize("line", ["generate 7", "train flow --data mnist-sample", "search generate 7 --seeds 0:2", "suggest 6"])
def test_a_gpu_that_is_not_there_is_one_clear_line(device: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, there = ("Apple (MPS)", torch.backends.mps) if device != "xpu" else ("Intel (XPU)", torch.xpu)
    if there.is_available():  # type: ignore[attr-defined]
        pytest.skip("there is such a GPU")
    assert main([*line.split(), "--device", device]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"noisewalk: the device '{device}' was asked for, but PyTorch sees no GPU of {name} on this machine; use --device cpu\n"
    )


def test_auto_takes_apples_gpu_for_large_models_and_computes_there_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", lambda *size, device: torch.ones(*size))  # it computes
    place = placement()
    assert (place.device.type, place.dtype) == ("mps", torch.float32)
    with pytest.raises(nw.UserError, match="on mps, use --memory full"):
        placement("offload", "mps")
    assert fastest_dtype(torch.device("mps")) == torch.float32


def test_pictures_of_two_sizes_are_no_one_tensor() -> None:
    model = nw.load("emoji")
    result, side = nw.denoise(model, FOX, t=[500], upsample=1), model.shape[-1]
    sizes = f"{side}x{side} and {4 * side}x{4 * side}"
    with pytest.raises(nw.UserError, match=f"pictures of {sizes} pixels, so they are no single tensor; use its `panels`"):
        _ = result.tensor
    assert len(result.images) == 3
