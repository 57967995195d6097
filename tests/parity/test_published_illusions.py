"""Illusions as published (Visual Anagrams and Factorized Diffusion on DeepFloyd IF), written out over diffusers' U-Nets and
schedulers: noise estimates averaged through the inverse views, or split by a blur; conditional variances, averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import diffusers
import pytest
import tiny_pipelines as tiny
import torch
import torch.nn.functional as F
from doubled import doubled
from oracles import F64
from torch import Tensor

import noisewalk as nw
from noisewalk.walk import SeededNoise

STEPS, GUIDANCE, SEED = 5, 7.0, 180
Estimate = Callable[[Tensor, int], Tensor]
pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return tiny.saved("if-1", root), tiny.saved("if-2", root)


@pytest.fixture
def model(folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nw.Pretrained:
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path))
    return nw.load(str(folders[0]), upscaler=[str(folders[1])], dtype=F64)


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tensor]:
    """Make a picture with the loop of the public implementations, in float64."""

    def run(folder: Path, estimate: Estimate, x: Tensor, noise: SeededNoise, steps: int = STEPS) -> Tensor:
        doubled(monkeypatch)
        from diffusers.schedulers import scheduling_ddpm

        monkeypatch.setattr(scheduling_ddpm, "randn_tensor", lambda shape, **_: noise(torch.empty(shape, dtype=F64)))
        scheduler = diffusers.DDPMScheduler.from_pretrained(folder / "scheduler")
        scheduler.set_timesteps(steps)
        for t in scheduler.timesteps:
            x = scheduler.step(estimate(x, t), t, x).prev_sample
        return x

    return run


def network(folder: Path) -> Any:
    return diffusers.UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=F64).eval().requires_grad_(False)


def guided(unet: Any, x: Tensor, t: int, cond: Tensor, uncond: Tensor, scale: float, **more: Any) -> tuple[Tensor, Tensor]:
    """Return guided noise for one prompt, and the variance of the conditional branch."""
    eps_u, _ = unet(x, t, encoder_hidden_states=uncond, **more).sample.chunk(2, dim=1)
    eps_c, variance = unet(x, t, encoder_hidden_states=cond, **more).sample.chunk(2, dim=1)
    return eps_u + scale * (eps_c - eps_u), variance


def turn(x: Tensor) -> Tensor:
    return x.flip(2).flip(3)


VIEWS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "identity": (lambda x: x, lambda x: x, lambda v: v),
    "rotate90": (lambda x: torch.rot90(x, 1, (2, 3)), lambda x: torch.rot90(x, 3, (2, 3)), lambda v: torch.rot90(v, 3, (2, 3))),
    "rotate180": (turn, turn, turn),
    "negate": (torch.neg, torch.neg, lambda v: v),  # noise changes its sign, its variance does not
}
PROMPTS = ("an old man", "a campfire", "a snowy village")


def published_anagram(each: Callable[..., tuple[Tensor, Tensor]], names: Sequence[str]) -> Estimate:
    def estimate(x: Tensor, t: int) -> Tensor:
        eps, variance = [], []
        for i, name in enumerate(names):
            see, back, back_variance = VIEWS[name]
            e, v = each(see, x, t, i)
            eps.append(back(e))
            variance.append(back_variance(v))
        return torch.cat([torch.stack(eps).mean(0), torch.stack(variance).mean(0)], dim=1)

    return estimate


def blur(x: Tensor, sigma: float, size: int) -> Tensor:
    """A two-dimensional Gaussian kernel in one convolution, reflected at the border."""
    u = torch.arange(size, dtype=F64) - size // 2
    kernel = torch.exp(-(u[:, None] ** 2 + u[None] ** 2) / (2 * sigma**2))
    weight = (kernel / kernel.sum()).expand(x.shape[1], 1, size, size)
    return F.conv2d(F.pad(x, [size // 2] * 4, mode="reflect"), weight, groups=x.shape[1])


def close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.dtype == theirs.dtype == F64
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_three_views(model: nw.Pretrained, folders: tuple[Path, Path], walk: Any) -> None:
    names = ("identity", "rotate180", "negate")
    ours = nw.anagram(model, PROMPTS, names, steps=STEPS, guidance_scale=GUIDANCE, seed=SEED).states[-1].x_t
    unet, uncond, conds = network(folders[0]), *model.encode(""), [model.encode(p)[0] for p in PROMPTS]
    estimate = published_anagram(lambda see, x, t, i: guided(unet, see(x), t, conds[i], uncond, GUIDANCE), names)
    noise = SeededNoise([SEED])
    close(ours, walk(folders[0], estimate, noise(torch.empty(1, 3, 16, 16, dtype=F64)), noise.stream("step")))


def test_hybrid(model: nw.Pretrained, folders: tuple[Path, Path], walk: Any) -> None:
    asked: Any = {"sigma": 1.0, "kernel_size": 5, "steps": STEPS, "guidance_scale": GUIDANCE, "seed": SEED}
    ours = nw.hybrid(model, "a skull", "waterfalls", **asked).states[-1].x_t
    unet, uncond, far, near = network(folders[0]), *(model.encode(p)[0] for p in ("", "a skull", "waterfalls"))

    def estimate(x: Tensor, t: int) -> Tensor:
        (e1, v1), (e2, v2) = (guided(unet, x, t, cond, uncond, GUIDANCE) for cond in (far, near))
        return torch.cat([blur(e1, 1.0, 5) + e2 - blur(e2, 1.0, 5), (v1 + v2) / 2], dim=1)

    noise = SeededNoise([SEED])
    close(ours, walk(folders[0], estimate, noise(torch.empty(1, 3, 16, 16, dtype=F64)), noise.stream("step")))


def test_three_views_in_stage_two(
    model: nw.Pretrained, folders: tuple[Path, Path], walk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small picture is enlarged and noised once, then seen through each view beside x_t."""
    names = ("rotate90", "identity", "negate")
    asked: Any = {"steps": 2, "seed": SEED, "upsample": 1, "upsample_steps": [STEPS], "noise_level": [50]}
    made = nw.anagram(model, PROMPTS, names, **asked)
    low = made.states[1].x_t
    noise = SeededNoise([SEED], "stage 2")
    doubled(monkeypatch)
    noising = diffusers.DDPMScheduler.from_pretrained(folders[1] / "image_noising_scheduler")
    abar = torch.cumprod(1 - noising.betas, 0)[50]
    large = F.interpolate(low, (32, 32), mode="bilinear", align_corners=True)
    beside = abar.sqrt() * large + (1 - abar).sqrt() * noise.stream("stage 2, low")(large)
    unet, uncond, conds = network(folders[1]), *model.encode(""), [model.encode(p)[0] for p in PROMPTS]

    def each(see: Callable[[Tensor], Tensor], x: Tensor, t: int, i: int) -> tuple[Tensor, Tensor]:
        seen = torch.cat([see(x), see(beside)], dim=1)
        return guided(unet, seen, t, conds[i], uncond, 4.0, class_labels=torch.tensor([50]))

    estimate = published_anagram(each, names)
    theirs = walk(folders[1], estimate, noise(torch.empty(1, 3, 32, 32, dtype=F64)), noise.stream("stage 2, step"))
    close(made.states[-1].x_t, theirs)
