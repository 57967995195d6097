"""Training stays on its device: shown without a GPU, on PyTorch's "meta" device (see tests/unit/test_device.py)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from pictures.dataset import Captioned
from pictures.pairs import Pairs
from pictures.recipes import RECIPES

from noisewalk.models.text.words import load_words
from noisewalk.training.data import Data, LabelledPictures
from noisewalk.training.loop import start, train
from noisewalk.training.recipe import find

META = torch.device("meta")


class Generator(torch.Generator):
    """Also of the "meta" device, of which PyTorch has none."""

    def __new__(cls, device: torch.device | str = "cpu") -> Generator:
        made = super().__new__(cls)
        made.where = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self.where


def drawing(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """`torch.rand` and the like as a GPU has them: the generator must be where the numbers are wanted."""

    def drawn(*size: Any, generator: torch.Generator | None = None, device: Any = "cpu", **rest: Any) -> torch.Tensor:
        where = torch.device(device)
        assert generator is None or generator.device == where
        return draw(*size, device=device, generator=generator if where.type == "cpu" else None, **rest)

    return drawn


@pytest.fixture(autouse=True)
def like_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "Generator", Generator)
    for name in ("rand", "randn", "randint"):
        monkeypatch.setattr(torch, name, drawing(getattr(torch, name)))
    monkeypatch.setattr(torch.Tensor, "item", lambda x: 1.0)  # there are no values
    monkeypatch.setattr(torch, "autocast", lambda *kind, **how: nullcontext())


def digits() -> Data:
    return LabelledPictures(torch.zeros(8, 1, 28, 28, dtype=torch.uint8), torch.arange(8))


def captioned(size: int) -> Captioned:
    rows, seen = torch.zeros(8, 2, 24, dtype=torch.long), torch.ones(8, 2, 24, dtype=torch.bool)
    return Captioned(torch.zeros(8, 3, size, size, dtype=torch.uint8), rows, seen, load_words())


COURSE, FAST = {"style": "course"}, {"style": "fast"}
CLASSES = {"classes": True}
RUNS: dict[str, tuple[str, dict[str, Any], Callable[[], Data]]] = {
    "denoiser": ("denoiser", {}, digits),
    "pure noise": ("pure-noise", {}, digits),
    "ddpm": ("ddpm", COURSE, digits),
    "ddpm with classes": ("ddpm", COURSE | CLASSES, digits),
    "fast ddpm with classes": ("ddpm", FAST | CLASSES, digits),
    "flow with classes": ("flow", COURSE | CLASSES, digits),
    "fast flow with classes": ("flow", FAST | CLASSES, digits),
    "classifier": ("classifier", {}, digits),
    "pictures": ("stage1", {}, lambda: captioned(64)),
    "emoji at 32x32": ("emoji-32", {}, lambda: captioned(32)),
    "upscaler": ("upscaler", {}, lambda: captioned(128)),
    "scorer": ("scorer", {}, lambda: Pairs(captioned(32), torch.arange(8))),
    "second scorer": ("second-scorer", {}, lambda: Pairs(captioned(32), torch.arange(8))),
}


@pytest.mark.parametrize("name", RUNS)
def test_training_stays_on_its_device(name: str) -> None:
    objective, options, data = RUNS[name]
    recipe = RECIPES[objective]() if objective in RECIPES else find(objective, **options)
    config = replace(recipe.config, epochs=1, batch_size=4)
    given = data().to(META)
    state = start(recipe.network(), given, config, META)
    assert len(list(train(state, given, recipe.loss, config))) == 2
    assert {parameter.device.type for parameter in state.network.parameters()} == {"meta"}
