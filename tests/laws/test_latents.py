"""Laws of illusions in latents: prompts that walk apart agree on one picture, whatever the autoencoder is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from oracles import Counting, TinyNet, at, path_between, tape, walked
from torch import Tensor

import noisewalk as nw
from noisewalk.guidance import (
    VIEWS,
    agreeing,
    blend,
    cfg,
    combine_views,
    from_pyramid,
    get_view,
    high_pass,
    laplacian_pyramid,
    low_pass,
    separately,
)
from noisewalk.models.network import NetworkModel
from noisewalk.models.pretrained import Codec
from noisewalk.techniques.latents import Merge, joint_codec, parts_of_one
from noisewalk.walk import Bound, LinearPath, ddim, resampled

IDENTITY = Codec((3, 8, 8), lambda x: x, lambda z: z)
LOSSY = Codec((3, 4, 4), lambda x: 0.9 * F.avg_pool2d(x, 2) + 0.1, lambda z: F.interpolate(z, scale_factor=2).tanh())
PATH = path_between(LinearPath(), 1, 0, 6)
PAIRS = [("identity", "rotate180"), ("rotate90", "negate"), ("jigsaw:3", "colour-permute:bgr"), ("skew", "inner-circle")]


def prompts() -> list[Bound]:
    model = Counting(NetworkModel(TinyNet(), LinearPath(), "flow_prediction"))
    return [Bound(model, (torch.tensor([label]),)) for label in range(3)]


def mean_of(names: tuple[str, ...], detail: float = 0.0) -> Merge:
    views = [get_view(name) for name in names]
    weights = [1 / len(names)] * len(names)
    return lambda shown: blend([v.inverse(x) for v, x in zip(views, shown, strict=True)], weights, detail)


def looks(names: tuple[str, ...]) -> list[nw.guidance.Map]:
    return [get_view(name).forward for name in names]


def close(ours: Tensor, exact: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(ours, exact, rtol=0, atol=atol)


# Pyramids


@pytest.mark.parametrize("size", [(8, 8), (32, 40), (64, 64), (70, 65), (129, 200)])
def test_a_pyramid_is_the_picture(size: tuple[int, int]) -> None:
    x = tape(0)(torch.empty(2, 3, *size))
    bands = laplacian_pyramid(x)
    close(from_pyramid(bands), x)
    close(blend([x, x, x], [0.2, 0.3, 0.5], 0.7), x)
    assert min(bands[-1].shape[2:]) < 32
    assert [tuple(b.shape[2:]) for b in bands] == [tuple(n >> i for n in size) for i in range(len(bands))]


def test_bands_of_detail_have_no_colour_of_their_own() -> None:
    *bands, coarsest = laplacian_pyramid(torch.full((1, 3, 64, 64), 0.5, dtype=torch.float64))
    assert len(bands) == 2
    assert all(float(band.abs().max()) < 1e-15 for band in bands)
    close(coarsest, torch.full_like(coarsest, 0.5))


def test_without_detail_a_blend_is_the_mean() -> None:
    x, y = (tape(i)(torch.empty(2, 3, 64, 48)) for i in range(2))
    close(blend([x, y], [0.25, 0.75]), 0.25 * x + 0.75 * y)


@pytest.mark.parametrize("detail", [0.0, 0.5, 1.0])
def test_the_stronger_detail_wins(detail: float) -> None:
    """The mean keeps a half of what only one of two pictures has, and value-weighted averaging keeps all of it."""
    x = tape(0)(torch.empty(1, 3, 64, 64))
    *bands, coarsest = laplacian_pyramid(x)
    kept = from_pyramid([*((1 + detail) / 2 * band for band in bands), (coarsest + 0.25) / 2])
    close(blend([x, torch.full_like(x, 0.25)], [0.5, 0.5], detail), kept)


def test_a_blend_of_one_picture_of_a_batch_is_the_same() -> None:
    x, y = (tape(i)(torch.empty(3, 3, 64, 64)).float() for i in range(2))
    assert torch.equal(blend([x[1:2], y[1:2]], [0.5, 0.5], 0.5), blend([x, y], [0.5, 0.5], 0.5)[1:2])


# Samples side by side


def test_each_sample_is_asked_for_its_own_prompt_in_one_call() -> None:
    a, b, empty = prompts()
    x, y = (tape(i)(torch.empty(2, 3, 8, 8)) for i in range(2))
    both = separately([cfg(a, empty, 5), cfg(b, empty, 5)])(torch.cat([x, y], 1), PATH[2]).x0
    assert a.model.rows == [8]  # type: ignore[attr-defined]
    close(both, torch.cat([cfg(a, empty, 5)(x, PATH[2]).x0, cfg(b, empty, 5)(y, PATH[2]).x0], 1))


def test_each_sample_has_its_own_small_picture() -> None:
    model = NetworkModel(TinyNet(6, 3), LinearPath(), "sample")
    lows = tape(3)(torch.empty(2, 6, 8, 8))

    def upscale(x_t: Tensor, level: nw.walk.NoiseLevel, low: Tensor) -> nw.walk.Prediction:
        return nw.walk.Prediction(model.network(torch.cat([x_t, low], 1), level.sigma.expand(len(x_t))))

    x = tape(0)(torch.empty(2, 6, 8, 8))
    both = separately([Bound(upscale, (), (lows,))] * 2)(x, PATH[2]).x0
    for half in (slice(0, 3), slice(3, 6)):
        close(both[:, half], upscale(x[:, half], PATH[2], lows[:, half]).x0)


# Agreement


@pytest.mark.parametrize("names", PAIRS)
def test_in_latents_that_are_pictures_it_is_the_plain_anagram(names: tuple[str, ...]) -> None:
    """If the prompts start from the views of one noise, they walk as an anagram of a model in pixels does."""
    a, b, empty = prompts()
    pair, views = [cfg(a, empty, 3), cfg(b, empty, 3)], [get_view(name) for name in names]
    joint = joint_codec(IDENTITY, looks(names), mean_of(names))
    x = tape(0)(torch.empty(2, 3, 8, 8))
    ours = walked(agreeing(separately(pair), joint.agree), joint.encode(x), PATH, ddim(), tape(1))
    plain = walked(combine_views(pair, views), x, PATH, ddim(), tape(1))
    close(joint.decode(ours), plain)
    close(ours, joint.encode(plain))


@pytest.mark.parametrize("codec", [IDENTITY, LOSSY], ids=["exact", "lossy"])
def test_one_prompt_seen_as_it_is_walks_as_without_views(codec: Codec) -> None:
    """The autoencoder loses a tenth and more, but what it loses is added back, so nothing is lost."""
    a, _, empty = prompts()
    joint = joint_codec(codec, looks(("identity",)), mean_of(("identity",), 0.5))
    z = tape(0)(torch.empty(2, *codec.shape))
    assert torch.equal(joint.agree(z), z)
    ours = walked(agreeing(separately([cfg(a, empty, 3)]), joint.agree), z, PATH, ddim(), tape(1))
    assert torch.equal(ours, walked(cfg(a, empty, 3), z, PATH, ddim(), tape(1)))


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize("detail", [0.0, 1.0])
def test_latents_that_agree_stay_as_they_are(names: tuple[str, ...], detail: float) -> None:
    """Views of whole latents are views of the picture here, because each latent is enlarged to a square of equal pixels."""
    codec = Codec((3, 4, 4), lambda x: 0.8 * F.avg_pool2d(x, 2), lambda z: F.interpolate(z, scale_factor=2))
    names = tuple("patch-permute:patches=4,seed=2" if ":3" in name or name == "skew" else name for name in names)
    names = tuple("rotate270" if name == "inner-circle" else name for name in names)
    joint = joint_codec(codec, looks(names), mean_of(names, detail))
    z = tape(0)(torch.empty(2, 3, 4, 4))
    agreed = torch.cat([get_view(name).forward(z) for name in names], 1)
    close(joint.agree(agreed), agreed)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_and_its_inverse(name: str) -> None:
    """The picture of its latents is the picture, seen through any view."""
    joint = joint_codec(replace(IDENTITY, shape=(3, 64, 64)), looks((name, "identity")), mean_of((name, "identity"), 0.5))
    x = tape(0)(torch.empty(2, 3, 64, 64))
    close(joint.decode(joint.encode(x)), x, 1e-6 if name in ("skew", "row-shear") else 1e-12)
    close(joint.encode(x)[:, :3], VIEWS[name].forward(x))
    assert joint.shape == (6, 64, 64)


def test_parts_are_decided_by_their_prompts() -> None:
    """In latents that are pictures, the two samples agree on the low frequencies of one and the high ones of the other."""
    low, high = low_pass(1.5, 7), high_pass(1.5, 7)
    joint = joint_codec(IDENTITY, *parts_of_one([low, high]))
    x, y = (tape(i)(torch.empty(2, 3, 8, 8)) for i in range(2))
    picture = low(x) + high(y)
    close(joint.decode(torch.cat([x, y], 1)), picture)
    close(joint.agree(torch.cat([x, y], 1)), torch.cat([picture, picture], 1))


# Steps that are made several times


@pytest.mark.parametrize(("between", "calls"), [((0, 1), 30), ((0.2, 0.8), 22), ((0.5, 1), 20), ((0, 0), 10)])
def test_only_steps_in_the_middle_are_made_again(between: tuple[float, float], calls: int) -> None:
    a, *_ = prompts()
    walked(
        a,
        tape(0)(torch.empty(2, 3, 8, 8)),
        path_between(LinearPath(), 1, 0, 10),
        resampled(ddim(), tape(1), 3, between),
        tape(2),
    )
    assert a.model.rows == [2] * calls  # type: ignore[attr-defined]


def test_the_network_sees_each_step_again_at_its_own_level() -> None:
    a, *_ = prompts()
    walked(a, tape(0)(torch.empty(1, 3, 8, 8)), PATH, resampled(ddim(), tape(1), 2, (0.3, 0.6)), tape(2))
    order = [0, 1, 2, 2, 3, 3, 4, 5]
    assert [float(level.sigma) for level in a.model.levels] == [float(PATH[i].sigma) for i in order]  # type: ignore[attr-defined]


def test_going_back_up_gives_samples_of_the_level() -> None:
    """A denoiser that knows the picture leaves nothing but the noise of the level, before and after going back up."""
    seen: list[Tensor] = []

    def knows(x_t: Tensor, level: nw.walk.NoiseLevel) -> nw.walk.Prediction:
        seen.append(x_t / level.sigma)
        return nw.walk.Prediction(torch.zeros_like(x_t))

    path = [at(LinearPath(), t) for t in (0.75, 0.5, 0.25)]
    x = path[0].sigma * tape(0)(torch.empty(64, 1, 16, 16))
    walked(knows, x, path, resampled(ddim(), tape(1), 2), tape(2))
    assert len(seen) == 4
    assert all(abs(float(eps.std()) - 1) < 0.03 for eps in seen)
    assert abs(float((seen[0] * seen[1]).mean())) < 0.7  # it is not the same noise again
