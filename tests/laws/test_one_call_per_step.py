"""A step makes one batched network call for any guidance, and computes no branch twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from oracles import Counting, TinyNet, at, path_between, tape, walked

from noisewalk.guidance import (
    VIEWS,
    cfg,
    combine_components,
    combine_views,
    compose,
    dynamic_threshold,
    high_pass,
    low_pass,
    within,
)
from noisewalk.models.network import NetworkModel
from noisewalk.walk import Bound, Denoiser, LinearPath, ddim, heun, sample

X = tape(0)(torch.empty(2, 3, 8, 8))
LOW, HIGH = low_pass(1.0, 5), high_pass(1.0, 5)
IDENTITY, TURN, NEGATE = VIEWS["identity"], VIEWS["rotate180"], VIEWS["negate"]
Prompt = Callable[[int], Bound]


def counting() -> tuple[Counting, Prompt]:
    model = Counting(NetworkModel(TinyNet(), LinearPath(), "flow_prediction"))
    return model, lambda label: Bound(model, (torch.tensor([label]),))


def guided(p: Prompt, *labels: int) -> list[Denoiser]:
    """Prompts under guidance that share the unconditional branch."""
    empty = p(9)
    return [cfg(p(label), empty, 7) for label in labels]


def hybrid_and_prompt(p: Prompt) -> Denoiser:
    far, near, other = guided(p, 0, 1, 2)
    return combine_views([combine_components([far, near], [LOW, HIGH]), other], [IDENTITY, TURN])


CASES: dict[str, tuple[int, Callable[[Prompt], Denoiser]]] = {
    "a prompt": (1, lambda p: p(0)),
    "cfg": (2, lambda p: guided(p, 0)[0]),
    "cfg by 1 needs no other branch": (1, lambda p: cfg(p(0), p(9), 1)),
    "two prompts composed": (3, lambda p: compose([p(0), p(1)], p(9), [2, 3])),
    "anagram": (2, lambda p: combine_views([p(0), p(1)], [IDENTITY, TURN])),
    "anagram under cfg": (4, lambda p: combine_views(guided(p, 0, 1), [IDENTITY, TURN])),
    "three views under cfg": (6, lambda p: combine_views(guided(p, 0, 1, 2), [IDENTITY, TURN, NEGATE])),
    "one view twice shares the unconditional row": (3, lambda p: combine_views(guided(p, 0, 1), [TURN, TURN])),
    "hybrid under cfg shares the unconditional row": (3, lambda p: combine_components(guided(p, 0, 1), [LOW, HIGH])),
    "cfg of a hybrid": (3, lambda p: cfg(combine_components([p(0), p(1)], [LOW, HIGH]), p(9), 7)),
    "anagram of a hybrid and a prompt": (5, hybrid_and_prompt),
    "thresholds ask nothing": (4, lambda p: dynamic_threshold(combine_views(guided(p, 0, 1), [IDENTITY, TURN]))),
}


def test_outside_its_interval_guidance_costs_nothing() -> None:
    """The levels are at t = 1, .8, .6, .4 and .2, and both ends of the interval belong to it."""
    model, prompt = counting()
    schedule = LinearPath()
    denoiser = within(*(cfg(prompt(0), prompt(9), g) for g in (7, 1)), at(schedule, 0.8), at(schedule, 0.4))
    walked(denoiser, X, path_between(schedule, 1, 0, 5), ddim(), tape(0))
    assert model.rows == [len(X) * n for n in (1, 2, 2, 2, 1)]


@pytest.mark.parametrize(("rows", "make"), CASES.values(), ids=CASES)
def test_rows_of_the_one_call_of_a_step(rows: int, make: Callable[[Prompt], Denoiser]) -> None:
    """Check one call per step for five steps, with `rows` rows for each of the two pictures."""
    model, prompt = counting()
    walked(make(prompt), X, path_between(LinearPath(), 1, 0, 5), ddim(), tape(0))
    assert model.rows == [rows * len(X)] * 5


def test_heun_asks_twice_but_once_on_landing() -> None:
    model, prompt = counting()
    walked(guided(prompt, 0)[0], X, path_between(LinearPath(), 1, 0, 5), heun(), tape(0))
    assert model.rows == [4] * 9


def test_every_model_is_asked_once() -> None:
    """Two networks in one picture (a hybrid with a prompt of another model) need two calls, not one for each branch."""
    (first, p), (second, q) = counting(), counting()
    combine_views([*guided(p, 0), *guided(q, 1)], [IDENTITY, TURN])(X, at(LinearPath(), 0.5))
    assert (first.rows, second.rows) == ([4], [4])


def test_conditions_of_one_for_all_and_one_for_each_mix() -> None:
    """With a label for each picture and one unconditional label for all, every row gets its own label."""
    model, prompt = counting()
    level = at(LinearPath(), 0.5)
    mixed = cfg(Bound(model, (torch.tensor([4, 2]),)), prompt(9), 3)(X, level).x0
    for i, label in enumerate([4, 2]):
        alone = cfg(prompt(label), prompt(9), 3)(X[i : i + 1], level).x0
        torch.testing.assert_close(mixed[i : i + 1], alone, rtol=0, atol=1e-12)
    assert model.rows == [4, 2, 2]


@pytest.mark.parametrize("max_batch", [1, 3, 5])
def test_max_batch_bounds_the_rows_of_a_guided_step(max_batch: int) -> None:
    """A memory limit divides the call, and changes nothing else."""
    net = TinyNet()

    def picture(model: NetworkModel) -> torch.Tensor:
        pair = combine_views(guided(lambda label: Bound(model, (torch.tensor([label]),)), 0, 1), [IDENTITY, TURN])
        return walked(pair, X, path_between(LinearPath(), 1, 0, 3), ddim(), tape(0))

    whole = picture(NetworkModel(TinyNet(), LinearPath(), "flow_prediction"))
    split = picture(NetworkModel(net, LinearPath(), "flow_prediction", max_batch=max_batch))
    torch.testing.assert_close(split, whole, rtol=0, atol=1e-11)
    assert max(net.rows) == max_batch
    assert sum(net.rows) == 3 * 4 * len(X)


def test_nothing_is_asked_before_the_first_step_is_wanted() -> None:
    model, prompt = counting()
    walk = sample(prompt(0), X, path_between(LinearPath(), 1, 0, 5), ddim(), tape(0))
    assert model.rows == []
    next(walk)
    assert model.rows == [2]
