"""Steered requests: each picture is the best of a population of walks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import noisewalk as nw
from noisewalk import UserError
from noisewalk.cli.main import main
from noisewalk.images import PICTURES
from noisewalk.judge.scorer import DigitScorer
from noisewalk.techniques import TECHNIQUES
from noisewalk.techniques.requests import Walk

FEW = {"steps": 5, "step_rule": "ddim-ancestral"}
RULE = ("--step-rule", "ddim-ancestral")
DIGIT, MASK = PICTURES / "digit-4.png", PICTURES / "mask-top.png"
ASKED = {
    "generate": ("7",),
    "edit": (DIGIT,),
    "inpaint": (DIGIT, MASK),
    "anagram": (("6", "9"),),
    "hybrid": ("3", "8"),
    "factorize": (("3", "8"),),
    "inverse": (DIGIT, "9"),
    "denoise": (DIGIT,),
}
MORE = {"edit": {"prompt": "9", "start": (2,)}, "inpaint": {"prompt": "9", "num_resamples": (2,)}, "denoise": {"prompt": "9"}}


def test_without_preference_it_is_the_best_of_independent_walks() -> None:
    """The picture is the best of the walks with the seeds 64 s, 64 s + 1, ..., bit for bit."""
    steered = nw.generate("digits", "3", seed=5, steer=4, steer_scale=0.0, **FEW)
    walks = nw.generate("digits", "3", seeds=(320, 321, 322, 323), **FEW)
    best = DigitScorer().score(walks.tensor, ["3"])[:, 0].argmax()
    torch.testing.assert_close(steered.tensor[0], walks.tensor[best], rtol=0, atol=1e-6)


@pytest.mark.parametrize("technique", [technique for technique, row in TECHNIQUES.items() if issubclass(row.request, Walk)])
def test_every_walk_can_be_steered_and_replayed(technique: str, tmp_path: Path) -> None:
    result = getattr(nw, technique)("digits", *ASKED[technique], steer=3, **FEW, **MORE.get(technique, {}))
    (saved,) = result.save(tmp_path / "steered.png")
    assert nw.replay(saved).agrees


def test_a_picture_depends_on_its_own_population_alone() -> None:
    two = nw.anagram("digits", ("6", "9"), seed=1, num=2, steer=3, **FEW)
    one = nw.anagram("digits", ("6", "9"), seed=2, steer=3, **FEW)
    torch.testing.assert_close(two.tensor[1:], one.tensor, rtol=0, atol=1e-5)


def test_steering_reaches_better_scores_than_as_many_independent_walks() -> None:
    """For a difficult pair as a plain mean, compare the mean log-probability of 4 populations of 8 with 4 bests of 8."""
    asked = {"balance": "none", "num": 4, "steer": 8, "steps": 10, "step_rule": "ddim-ancestral"}

    def score(scale: float) -> float:
        result = nw.anagram("digits", ("2", "4"), steer_scale=scale, **asked)
        (panel,) = result.panels
        views = panel.panel.prompt_views
        scores = torch.stack([DigitScorer().score(view.look(result.tensor), [view.prompt])[:, 0] for view in views])
        return float(scores.amin(0).mean())

    assert score(2.0) > score(0.0)


def test_a_rule_without_noise_is_replaced_and_that_is_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="ddim-ancestral replaces heun"):
        result = nw.generate("digits", "7", steer=2, steps=3, step_rule="heun")
    (saved,) = result.save(tmp_path / "steered.png")
    assert nw.replay(saved).agrees  # its record holds the rule that was used, so nothing is said again


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"steer": 1}, "must be 0 .no steering. or at least 2"),
        ({"steer": 65}, "at most 64"),
        ({"steer": 2, "steer_scale": float("nan")}, "steer_scale"),
        ({"steer": 2, "steer_at": (1.5,)}, "steer_at"),
        ({"steer": 2, "steer_scorer": "clip:openai/clip"}, "must be a name"),
        ({"steer": 2, "steer_scorer": "digit"}, "did you mean"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(asked: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        nw.generate("digits", "7", **FEW, **asked)


def test_a_model_without_a_scorer_is_told_where_to_name_one() -> None:
    class Still(torch.nn.Module):
        def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
            return x_t

    model = nw.from_network(Still(), shape=(1, 28, 28))
    with pytest.raises(UserError, match="'own' has no scorer of its own; choose one with steer_scorer: digits, emoji"):
        nw.generate(model, "", steer=2, **FEW)


def test_a_scorer_of_other_pictures_is_refused_before_the_walk() -> None:
    with pytest.raises(UserError, match=r"reads pictures of 1x28x28.*choose another scorer"):
        nw.generate("emoji", "a cat", steer=2, steer_scorer="digits", **FEW)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["generate", "7", "--steer", "1"], "--steer must be 0 (no steering) or at least 2"),
        (["generate", "a cat", *RULE, "--steer", "2", "--steer-scorer", "digits"], "choose another scorer"),
        (["search", "anagram", "6", "9", "--steer", "1"], "--steer must be 0 (no steering) or at least 2"),
    ],
)
def test_the_command_line_says_it_in_one_line(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_search_can_steer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its seeds is a population; the winners replay."""
    monkeypatch.chdir(tmp_path)
    line = ["search", "anagram", "6", "9", "--seeds", "0:3", "--top", "1", "--steer", "4", "--steps", "4", "--out", "found"]
    line += ["--step-rule", "ddim-ancestral"]
    assert main(line) == 0
    (winner,) = (tmp_path / "found" / "top").glob("*.png")
    assert main(["replay", str(winner)]) == 0
