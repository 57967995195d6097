"""Laws of cascades: the low-res conditioning is seen through the same views as x_t, and every stage is a usual walk."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracles import F64, TinyNet, at, tape
from PIL import Image, ImageOps
from torch import Tensor

import noisewalk as nw
from noisewalk.guidance import VIEWS, cfg, combine_components, combine_views, get_view, high_pass, low_pass
from noisewalk.guidance.balance import _LEAST
from noisewalk.images import to_tensor
from noisewalk.models.pretrained import Defaults, Pretrained, Upscaler
from noisewalk.run.prepare import prepare
from noisewalk.techniques.as_json import from_json, to_json
from noisewalk.techniques.hybrid import Hybrid
from noisewalk.techniques.inpaint import Inpaint
from noisewalk.techniques.inverse import Inverse
from noisewalk.techniques.requests import scaled
from noisewalk.walk import (
    Bound,
    LinearPath,
    NoiseLevel,
    Prediction,
    SeededNoise,
    add_noise,
    cosine_schedule,
    ddim,
    leading,
    levels,
    sample,
)

NET = TinyNet(6, 3)
LEVEL = at(LinearPath(), 0.5)


def upscale(x_t: Tensor, level: NoiseLevel, low: Tensor, k: Tensor, label: Tensor) -> Prediction:
    """A toy stage II that gets the small picture as further channels, and its noise level."""
    t = (level.sigma + k / 1000).float().expand(len(x_t))
    return Prediction(NET(torch.cat([x_t, low], 1), t, label))


def label(prompt: str) -> tuple[Tensor, ...]:
    return (torch.tensor([len(prompt)]),)


def bound(prompt: str, low: Tensor) -> Bound:
    return Bound(upscale, (torch.tensor([250]), *label(prompt)), (low,))


@pytest.mark.parametrize("names", [("identity", "rotate180", "negate"), ("rotate90", "skew", "inner-circle")])
def test_the_small_picture_is_seen_through_the_same_views(names: tuple[str, ...]) -> None:
    x, low = tape(1)(torch.empty(2, 3, 8, 8)), tape(2)(torch.empty(2, 3, 8, 8))
    prompts = ("a", "bb", "ccc")
    views = [get_view(name) for name in names]
    ours = combine_views([cfg(bound(p, low), bound("", low), 7) for p in prompts], views)(x, LEVEL).x0
    parts = []
    for prompt, view in zip(prompts, views, strict=True):
        seen, k = (view.forward(x), LEVEL, view.forward(low)), torch.full((2,), 250)
        cond = upscale(*seen, k, torch.full((2,), len(prompt))).x0
        uncond = upscale(*seen, k, torch.zeros(2, dtype=torch.long)).x0
        parts.append(view.inverse(uncond + 7 * (cond - uncond)))
    torch.testing.assert_close(ours, sum(parts) / 3, rtol=0, atol=1e-12)


def test_a_stage_costs_one_call_a_step() -> None:
    low = tape(2)(torch.empty(2, 3, 8, 8))
    empty = bound("", low)
    both = combine_components([cfg(bound(p, low), empty, 4) for p in ("a", "bb")], [low_pass(1, 5), high_pass(1, 5)])
    NET.rows.clear()
    both(tape(1)(torch.empty(2, 3, 8, 8)), LEVEL)
    assert NET.rows == [6]  # the two prompts and the shared empty one, two pictures each


class Stage1:
    """A toy stage I."""

    def __init__(self) -> None:
        self.net = TinyNet(3)

    def __call__(self, x_t: Tensor, level: NoiseLevel, label: Tensor) -> Prediction:
        return Prediction(self.net(x_t, level.sigma.float().expand(len(x_t)), label))


def cascade() -> Pretrained:
    options: Any = {"dtype": F64, "defaults": Defaults(steps=3, guidance_scale=2.0)}
    second = Pretrained("second", upscale, label, cosine_schedule(), (3, 16, 16), **options)
    second = replace(second, defaults=Defaults(steps=2, grid="leading", guidance_scale=4.0))
    first = Pretrained("first", Stage1(), label, LinearPath(), (3, 4, 4), **options)
    return replace(first, upscaler=lambda: Upscaler(second, cosine_schedule(), 100))


def test_upsampling_is_the_walk_of_the_next_stage() -> None:
    """A hybrid written out: its low pass grows with the picture, and guidance, steps and noise level belong to the stage."""
    model = cascade()
    asked: Any = {"sigma": 0.5, "kernel_size": 3, "seed": 5, "num": 2}
    ours = nw.hybrid(model, "a", "bb", upsample=1, noise_level=[300], upsample_steps=[4], **asked).tensor
    low = nw.hybrid(model, "a", "bb", **asked).states[-1].x_t
    noise = SeededNoise((5, 6), "stage 2")
    large = F.interpolate(low, (16, 16), mode="bilinear", align_corners=True)
    beside = add_noise(large, at(cosine_schedule(), 0.301), noise.stream("stage 2, low"))
    far, near, empty = (Bound(upscale, (torch.tensor([300]), *label(p)), (beside,)) for p in ("a", "bb", ""))
    hybrid = combine_components([cfg(far, empty, 4.0), cfg(near, empty, 4.0)], [low_pass(2, 13), high_pass(2, 13)])
    path = levels(cosine_schedule(), leading(cosine_schedule(), 4))
    x = path[0].sigma * noise(torch.empty(2, 3, 16, 16, dtype=F64))
    *_, last = sample(hybrid, x, path, ddim(), noise.stream("stage 2, step"))
    torch.testing.assert_close(ours, last.x_t.clamp(-1, 1), rtol=0, atol=1e-12)


def test_a_balanced_anagram_is_balanced_in_every_stage() -> None:
    """Weights and contrast are computed at the size of the stage, with the small picture seen through the views."""
    model, turn = cascade(), get_view("rotate180")
    asked: Any = {"balance": "auto", "seed": 5, "num": 2}
    ours = nw.anagram(model, ["a", "bb"], ["identity", "rotate180"], upsample=1, noise_level=[300], **asked).tensor
    low = nw.anagram(model, ["a", "bb"], ["identity", "rotate180"], **asked).states[-1].x_t
    noise, k = SeededNoise((5, 6), "stage 2"), torch.full((2,), 300)
    large = F.interpolate(low, (16, 16), mode="bilinear", align_corners=True)
    beside = add_noise(large, at(cosine_schedule(), 0.301), noise.stream("stage 2, low"))

    def balanced(x: Tensor, level: NoiseLevel) -> Prediction:
        u, d = [], []
        for prompt, see in (("a", lambda x: x), ("bb", turn.forward)):
            named, empty = (upscale(see(x), level, see(beside), k, torch.full((2,), len(p))).x0 for p in (prompt, ""))
            u.append(see(empty))  # both views undo themselves
            d.append(see(named - empty))
        size = [each.flatten(1).square().mean(1).sqrt().view(-1, 1, 1, 1) + _LEAST for each in d]
        w = [each / (size[0] + size[1]) for each in size]
        pull = w[0] * d[0] + w[1] * d[1]
        mean_power = sum(w[i] * d[i].square().mean((1, 2, 3), keepdim=True) for i in (0, 1))
        r = (mean_power / pull.square().mean((1, 2, 3), keepdim=True)).clamp(1, 2)
        return Prediction(w[0] * u[0] + w[1] * u[1] + 4.0 * r * pull)

    path = levels(cosine_schedule(), leading(cosine_schedule(), 2))
    x = path[0].sigma * noise(torch.empty(2, 3, 16, 16, dtype=F64))
    *_, last = sample(balanced, x, path, ddim(), noise.stream("stage 2, step"))
    torch.testing.assert_close(ours, last.x_t.clamp(-1, 1), rtol=0, atol=1e-9)


def picture(size: int) -> Image.Image:
    return Image.effect_noise((size, size), 80).convert("RGB")


def test_an_inpainting_holds_the_known_pixels_at_every_size() -> None:
    """Kept parts are read from the source at the size of the stage, and not enlarged from the first stage."""
    source, mask = picture(32), Image.new("L", (32, 32), 0)
    mask.paste(255, (0, 0, 16, 32))
    made = nw.inpaint(cascade(), source, mask, num_resamples=[2], num=2, upsample=1)
    known = to_tensor(ImageOps.fit(source, (16, 16), Image.Resampling.LANCZOS))
    assert made.tensor.shape == (2, 3, 16, 16)
    held = known[..., 8:].expand(2, -1, -1, -1).double()
    torch.testing.assert_close(made.states[-1].x_t[..., 8:], held, rtol=0, atol=1e-12)
    assert (made.tensor[..., :8] - known[..., :8]).abs().mean() > 0.1  # the rest is repainted
    small = nw.inpaint(cascade(), source, mask, num_resamples=[2], num=2).states[-1].x_t
    assert torch.equal(made.states[2].x_t, small)  # the first stage is the same with and without the second


def test_a_picture_of_known_pixels_is_noised_to_the_level_of_the_stage() -> None:
    """Pins use the level that the step has reached, and their own noise."""
    source, mask = picture(16), Image.new("L", (16, 16), 0)
    mask.paste(255, (0, 0, 4, 4))
    made = nw.inpaint(cascade(), source, mask, num_resamples=[1], upsample=1, upsample_steps=[4], seed=9)
    *_, before, last = made.states
    noise = SeededNoise((9,), "stage 2, pin")
    for _ in range(3):  # three levels are reached before the last
        eps = noise(before.x_t)
    known = before.level.alpha * to_tensor(source).double() + before.level.sigma * eps
    torch.testing.assert_close(before.x_t[..., 4:, 4:], known[..., 4:, 4:], rtol=0, atol=1e-12)
    assert last.level.sigma == 0


def test_an_inverse_holds_its_part_at_every_size() -> None:
    source = picture(16)
    made = nw.inverse(cascade(), source, "a", keep="grey", upsample=1, seed=2)
    grey = to_tensor(source).double().mean(1)
    torch.testing.assert_close(made.states[-1].x_t.mean(1), grey, rtol=0, atol=1e-12)


def test_pictures_of_every_size_are_kept_in_the_metadata() -> None:
    source, mask = picture(16), Image.new("L", (16, 16), 255)
    spec = prepare(Inpaint(source, mask, upsample=1), cascade()).record
    again = prepare(from_json(Inpaint, json.loads(json.dumps(to_json(spec)))), cascade()).record
    for shape in ((3, 4, 4), (3, 16, 16)):
        assert torch.equal(again.image.at(shape), spec.image.at(shape))
        assert torch.equal(again.mask.at(shape), spec.mask.at(shape))


def test_the_first_stage_is_the_same_with_and_without_upsampling() -> None:
    model = cascade()
    alone, first = nw.generate(model, "a", seed=3), nw.generate(model, "a", seed=3, upsample=1)
    assert torch.equal(alone.states[-1].x_t, first.states[2].x_t)
    assert [tuple(state.x_t.shape[2:]) for state in first.states] == [(4, 4)] * 3 + [(16, 16)] * 2


def test_lengths_in_pixels_grow_as_published() -> None:
    """Kernel 33 and sigma 2 at 64x64 are 133 and 8 at 256x256 in the public implementation."""
    large = scaled(Hybrid("far", "near", sigma=2.0, kernel_size=33), 4.0)
    assert (large.sigma, large.kernel_size) == (8.0, 133)
    held = scaled(Inverse("photo.png", "a", sigma=2.0, kernel_size=33, length=9), 4.0)  # what is kept is kept at that size too
    assert (held.sigma, held.kernel_size, held.length) == (8.0, 133, 37)


def test_more_stages_than_the_cascade_has() -> None:
    with pytest.raises(nw.UserError, match=r"upsample 2 needs more upscalers than the model 'first' has \(1\)"):
        nw.generate(cascade(), "a", upsample=2)
    with pytest.raises(nw.UserError, match=r"upsample 1 needs more upscalers than the model 'digits' has \(0\)"):
        nw.generate(nw.load("digits"), "7", upsample=1)


def test_views_of_any_name_turn_the_small_picture_too() -> None:
    """For one prompt and one view, a walk of the turned pair, turned back, equals the walk of the pair through the view."""
    x, low = tape(3)(torch.empty(1, 3, 8, 8)), tape(4)(torch.empty(1, 3, 8, 8))
    for view in VIEWS.values():
        through = combine_views([bound("a", low)], [view])(x, LEVEL).x0
        direct = view.inverse(bound("a", view.forward(low))(view.forward(x), LEVEL).x0)
        torch.testing.assert_close(through, direct, rtol=0, atol=1e-12, msg=view.name)
