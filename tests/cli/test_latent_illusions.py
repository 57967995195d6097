"""Illusions with pipelines in latents: what the command line makes, records and refuses."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_pipelines as tiny
import torch
from PIL import Image
from torch import Tensor

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.guidance import VIEWS, check_inverse, get_view, register
from noisewalk.judge.scorer import get_scorer
from noisewalk.models import zoo
from noisewalk.models.diffusers.memory import placement
from noisewalk.models.diffusers.pipeline import open_pipeline
from noisewalk.search.suggest import Partner, suggest

pytestmark = pytest.mark.filterwarnings("ignore")

LATENT = {"sd-ddim": ("a", "b"), "sdxl": ("a", "b"), "sd3": ("a", "b"), "dit": ("3", "7")}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(autouse=True)
def fresh(one_thread: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "cache"))
    zoo._open.cache_clear()


@pytest.fixture
def views() -> Iterator[None]:
    """Forget the views that a test registers."""
    before = dict(VIEWS)
    yield
    VIEWS.clear()
    VIEWS.update(before)


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.mark.parametrize("name", LATENT)
def test_every_pipeline_makes_an_anagram_that_replays(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The picture is one of pixels, it is blended from latents of each prompt, and its record makes it again bit for bit."""
    folder = tiny.saved(name, root)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        made = nw.anagram(str(folder), LATENT[name], ["identity", "rotate180"], steps=2)
    assert not [w for w in said if "latents" in str(w.message)]
    channels, *size = made.model.walk_shape
    assert made.states[-1].x_t.shape == (1, 2 * channels, *size)
    assert made.tensor.shape == (1, *made.model.shape)
    made.save("a.png")
    with Image.open("a.png") as image:
        assert json.loads(image.text["noisewalk"])["spec"]["detail"] == 0.5
    assert run("replay", "a.png", "--model", folder) == 0
    assert "every pixel agrees" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["flux", "z-image"])
def test_pipelines_in_patches_make_anagrams(name: str, root: Path) -> None:
    """They are opened for small pictures here, because their own size is 1024."""
    model = open_pipeline(tiny.saved(name, root), name, placement(), 16)
    made = nw.anagram(model, ["a", "b"], ["identity", "jigsaw:3"], steps=2, num=2)
    assert made.tensor.shape == (2, 3, 16, 16)
    assert torch.equal(made.tensor, nw.anagram(model, ["a", "b"], ["identity", "jigsaw:3"], steps=2, num=2).tensor)
    assert not torch.equal(made.tensor[0], made.tensor[1])


@pytest.mark.parametrize("name", ["sd-ddim", "sd3"])
def test_one_prompt_without_a_view_is_generate(name: str, root: Path) -> None:
    model = nw.load(str(tiny.saved(name, root)), dtype="float64")
    plain = nw.generate(model, "a", steps=3, num=2)
    torch.testing.assert_close(nw.anagram(model, ["a"], ["identity"], steps=3, num=2).tensor, plain.tensor, rtol=0, atol=1e-9)


def test_every_view_works(root: Path) -> None:
    """Those of colours too, for which latents have no view; and a picture does not depend on those made with it."""
    model = nw.load(str(tiny.saved("sd-ddim", root)))
    for view in [name for name in VIEWS if name != "identity"]:
        made = nw.anagram(model, ["a", "b"], ["identity", view], steps=1, num=2)
        alone = nw.anagram(model, ["a", "b"], ["identity", view], steps=1, seed=1)
        torch.testing.assert_close(made.tensor[1:], alone.tensor, rtol=0, atol=1e-5)


def test_what_the_views_show_comes_together(root: Path) -> None:
    """A view that turns the picture round leaves latents that show the turned picture, and not turned latents."""
    model = nw.load(str(tiny.saved("sd-ddim", root)))
    made = nw.anagram(model, ["a", "b"], ["identity", "rotate180"], steps=6, detail=0)
    first, second = (model.to_picture(z) for z in made.states[-1].x_t.chunk(2, 1))
    start = nw.anagram(model, ["a", "b"], ["identity", "rotate180"], steps=6, detail=0).panels[-1].panel.stages[0].begin
    assert start is not None
    apart = torch.sub(
        *(
            get_view(v).inverse(model.to_picture(z))
            for v, z in zip(("identity", "rotate180"), start().x_t.chunk(2, 1), strict=True)
        )
    ).std()
    assert (first - get_view("rotate180").inverse(second)).std() < apart
    torch.testing.assert_close(made.tensor, ((first + get_view("rotate180").inverse(second)) / 2).clamp(-1, 1))


@pytest.mark.parametrize("line", [
    ("hybrid", "a", "b", "--sigma", 1, "--kernel-size", 5),
    ("factorize", "a", "b", "--split", "colour"),
    ("factorize", "a", "b", "--split", "left-right"),
    ("anagram", "a", "b", "--num-resamples", 3, "--detail", 1, "--weights", 1, 3, "--guidance-interval", 200, 800),
    ("anagram", "a", "b", "--step-rule", "ddpm", "--num", 3, "--trajectory"),
], ids=lambda line: "-".join(map(str, line[:4])))  # fmt: skip
def test_other_illusions_and_settings(line: tuple[object, ...], root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny.saved("sd3", root)
    assert run(*line, "--model", folder, "--steps", 5, "--out", "made") == 0
    assert "latents" not in capsys.readouterr().err
    assert run("replay", "made/seed0.png", "--model", folder) == 0
    assert "every pixel agrees" in capsys.readouterr().out


def test_parts_of_a_picture_are_those_of_its_prompts(root: Path) -> None:
    """The left half of the picture is what the left prompt's latents show, and the right half what the other's show."""
    model = nw.load(str(tiny.saved("sd-ddim", root)))
    made = nw.factorize(model, ["a", "b"], split="left-right", steps=3)
    left, right = (model.to_picture(z) for z in made.states[-1].x_t.chunk(2, 1))
    expected = torch.cat([left[..., :8], right[..., 8:]], -1).clamp(-1, 1)
    torch.testing.assert_close(made.tensor, expected)


def test_a_cascade_of_pixels_and_latents_shares_the_views(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The upscaler sees the small picture through the view of each prompt, and all of its latents are of one large picture."""
    stages = [tiny.saved(name, root) for name in ("if-1", "x4")]
    line = ("--model", stages[0], "--upscaler", stages[1], "--upsample", 1, "--upsample-steps", 2, "--steps", 2)
    assert run("anagram", "a", "b", *line, "--out", "a.png") == 0
    assert run("replay", "a.png") == 0
    assert "every pixel agrees" in capsys.readouterr().out
    made = nw.anagram(nw.load(str(stages[0]), upscaler=[str(stages[1])]), ["a", "b"], steps=2, upsample=1, upsample_steps=[2])
    assert made.tensor.shape == (1, 3, 64, 64)
    assert [state.x_t.shape[1] for state in made.states] == [3, 3, 8, 8]


@pytest.mark.parametrize(("more", "message"), [
    (("--balance", "auto"), "--balance auto works on estimates of one picture, but each prompt has its own latents of"),
    (("--reduction", "alternate"), "--reduction alternate works on estimates of one picture"),
    (("--views", "identity"), "2 prompts need as many --views"),
    (("--views", "identity", "rotate18"), "unknown view 'rotate18'"),
    (("--views", "identity", "lost"), "the view 'lost' is not invertible: inverse(forward(x)) is not x"),
    (("--views", "identity", "smaller"), "the view 'smaller' turns a picture of shape (3, 16, 16) into"),
    (("--detail", "2"), "--detail must be at most 1"),
    (("--num-resamples", "0"), "--num-resamples must be at least 1"),
])  # fmt: skip
def test_bad_input_is_one_line(
    more: tuple[str, ...], message: str, root: Path, views: None, capsys: pytest.CaptureFixture[str]
) -> None:
    register(nw.guidance.View("lost", torch.zeros_like, lambda x: x, lambda x: x))
    register(nw.guidance.View("smaller", lambda x: x[:, :, ::2], lambda x: x, lambda x: x))
    assert run("anagram", "a", "b", "--model", tiny.saved("sd-ddim", root), "--steps", 1, *more, "--out", "a.png") == 2
    said = [line for line in capsys.readouterr().err.splitlines() if message in line]
    assert len(said) == 1
    assert not Path("a.png").exists()


class Turned:
    """The inner circle, turned by 135 degrees with interpolation: no isometry, so no view for a model in pixels."""

    def __init__(self) -> None:
        self.view = nw.guidance.views.failures.bilinear_circle(135.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.view.forward(x)

    def inverse(self, x: Tensor) -> Tensor:
        return self.view.inverse(x)


def test_a_view_of_clean_pictures_needs_no_isometry(root: Path, views: None) -> None:
    register(Turned(), "turned")
    made = nw.anagram(str(tiny.saved("sd3", root)), ["a", "b"], ["identity", "turned"], steps=2)
    assert made.tensor.isfinite().all()
    check_inverse(Turned(), (3, 512, 512), lambda *size: torch.randn(*size, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(nw.UserError, match="not invertible"):
        nw.anagram(str(tiny.saved("if-1", root)), ["a", "b"], ["identity", "turned"], steps=2)


def test_partners_are_suggested_through_a_view_that_is_no_isometry(root: Path, views: None) -> None:
    """As an anagram may use it: with a model in latents, and not with one in pixels."""
    register(Turned(), "turned")

    def suggested(name: str) -> list[Partner]:
        model = nw.load(str(tiny.saved(name, root)))
        return suggest(model, get_scorer("emoji", model), "a cat", ["a fox", "a dog"], "turned", num=1, steps=1)

    assert {partner.prompt for partner in suggested("sd-ddim")} == {"a fox", "a dog"}
    with pytest.raises(nw.UserError, match="not invertible"):
        suggested("if-1")
