"""The rules of balanced anagrams, and of prompts that take turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from oracles import F64, Counting, TinyNet, at, path_between, tape, walked
from torch import Tensor

from noisewalk import UserError
from noisewalk.guidance import VIEWS, Balanced, alternate_views, cfg, combine_views, dynamic_threshold
from noisewalk.guidance.balance import rectification
from noisewalk.guidance.illusions import turn_order
from noisewalk.models.network import NetworkModel
from noisewalk.walk import Bound, LinearPath, NoiseLevel, Prediction, ddim

X = tape(0)(torch.empty(2, 3, 8, 8))
HALF = at(LinearPath(), 0.5)
LOOKS = (VIEWS["identity"], VIEWS["rotate180"], VIEWS["negate"])


def prompts(count: int) -> tuple[Counting, list[Bound], Bound]:
    model = Counting(NetworkModel(TinyNet(), LinearPath(), "flow_prediction"))
    return model, [Bound(model, (torch.tensor([i]),)) for i in range(count)], Bound(model, (torch.tensor([9]),))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("weights", [None, (1.0, 2.0, 5.0)])
def test_with_neither_rule_it_is_the_anagram(count: int, weights: tuple[float, ...] | None) -> None:
    _, conds, empty = prompts(count)
    weights = weights and weights[:count]
    plain = combine_views([cfg(cond, empty, 7) for cond in conds], LOOKS[:count], weights)(X, HALF).x0
    x0 = Balanced(tuple(conds), empty, 7, LOOKS[:count], weights, vectors=False, variance=False)(X, HALF).x0
    torch.testing.assert_close(x0, plain, rtol=0, atol=1e-11)


def test_prompts_that_agree_are_left_alone() -> None:
    """If both prompts and views are the same, the weights do not matter and no contrast is lost."""
    _, (cond,), empty = prompts(1)
    x0 = Balanced((cond, cond), empty, 7, (LOOKS[1], LOOKS[1]))(X, HALF).x0
    torch.testing.assert_close(x0, combine_views([cfg(cond, empty, 7)], [LOOKS[1]])(X, HALF).x0, rtol=0, atol=1e-11)


@pytest.mark.parametrize("rules", [(True, False), (False, True), (True, True)])
def test_the_rules_are_their_equations(rules: tuple[bool, bool]) -> None:
    """The expected values come from separate calls for each prompt and picture."""
    _, conds, empty = prompts(3)
    given = (1.0, 2.0, 5.0)
    got = Balanced(tuple(conds), empty, 7, LOOKS, given, *rules)(X, HALF).x0
    for n in range(len(X)):
        x = X[n : n + 1]
        u = [v.inverse(empty(v.forward(x), HALF).x0) for v in LOOKS]
        d = [v.inverse(c(v.forward(x), HALF).x0) - there for c, v, there in zip(conds, LOOKS, u, strict=True)]
        pull = [g * (each.norm().item() if rules[0] else 1) for g, each in zip(given, d, strict=True)]
        w = [p / sum(pull) for p in pull]
        mean = sum(wi * di for wi, di in zip(w, d, strict=True))
        r = 1.0
        if rules[1]:
            r = min(3, (sum(wi * di.norm() ** 2 for wi, di in zip(w, d, strict=True)) / mean.norm() ** 2).item())
            assert r > 1.1
        expected = sum(wi * ui for wi, ui in zip(w, u, strict=True)) + 7 * r * mean
        torch.testing.assert_close(got[n : n + 1], expected, rtol=0, atol=1e-4)  # sizes are kept off 0 by 1e-6


def test_what_averaging_takes_from_guidance_is_given_back() -> None:
    """A mean keeps 1/K of orthogonal changes and all of equal ones; other changes are between."""
    weights = torch.full((3, 1, 1, 1, 1), 1 / 3, dtype=F64)
    orthogonal = torch.eye(3, dtype=F64).view(3, 1, 3, 1, 1)
    assert rectification(orthogonal, weights).item() == pytest.approx(3)
    assert rectification(orthogonal[:1].expand(3, -1, -1, -1, -1), weights).item() == pytest.approx(1)
    assert (
        rectification(orthogonal - orthogonal.mean(0), weights).item() == 3
    )  # opposed changes: the mean is 0, and the factor has a bound
    leaning = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=F64).view(2, 1, 2, 1, 1)
    half = torch.full((2, 1, 1, 1, 1), 0.5, dtype=F64)
    assert rectification(leaning, half).item() == pytest.approx(1.5 / 1.25)
    balanced = (3 * weights * orthogonal).sum(0)
    for each in orthogonal:  # then every change has its full size in the sum
        assert (balanced * each[0]).sum().item() == pytest.approx(1)


@dataclass(frozen=True, eq=False)
class Two:
    """Data from a mixture of two classes N(+-mean, 1/4 I), with one class or both as the condition."""

    mean: Tensor
    classes: tuple[float, ...]

    def __call__(self, x_t: Tensor, level: NoiseLevel) -> Prediction:
        spread = level.alpha**2 / 4 + level.sigma**2
        logs = torch.stack([-((x_t - level.alpha * c * self.mean) ** 2).sum((1, 2, 3)) / (2 * spread) for c in self.classes])
        gain = level.alpha / 4 / spread
        each = torch.stack([c * self.mean + gain * (x_t - level.alpha * c * self.mean) for c in self.classes])
        return Prediction((logs.softmax(0)[..., None, None, None] * each).sum(0))

    def log_posterior(self, x_t: Tensor, level: NoiseLevel) -> Tensor:
        """Return log p(class + | x_t)."""
        spread = level.alpha**2 / 4 + level.sigma**2
        logs = torch.stack([-((x_t - level.alpha * c * self.mean) ** 2).sum() / (2 * spread) for c in (1, -1)])
        return logs.log_softmax(0)[0]


def test_what_a_prompt_wants_is_the_gradient_of_its_probability() -> None:
    """cond - uncond = sigma^2 / alpha  grad log p(class | x_t): the reason for the rule, on data where p is known."""
    mean = tape(2)(torch.empty(1, 1, 4, 4)) / 2
    x = tape(3)(torch.empty(1, 1, 4, 4)).requires_grad_()
    both, one = Two(mean, (1, -1)), Two(mean, (1,))
    (gradient,) = torch.autograd.grad(both.log_posterior(x, HALF), x)
    wanted = one(x, HALF).x0 - both(x, HALF).x0
    torch.testing.assert_close(wanted, HALF.sigma**2 / HALF.alpha * gradient, rtol=0, atol=1e-12)


def test_the_prompt_left_behind_gets_the_say() -> None:
    """For a picture of the first class, whose negative should be of that class too, the second view gets the larger weight."""
    mean = tape(2)(torch.empty(1, 1, 4, 4))
    plus, both = Two(mean, (1,)), Two(mean, (1, -1))
    views = (VIEWS["identity"], VIEWS["negate"])
    x = 3 * HALF.alpha * mean
    second = -cfg(plus, both, 2)(-x, HALF).x0
    balanced = Balanced((plus, plus), both, 2, views, variance=False)(x, HALF).x0
    torch.testing.assert_close(balanced, second, rtol=0, atol=1e-5)  # sizes are kept off 0 by 1e-6
    assert (combine_views([cfg(plus, both, 2)] * 2, views)(x, HALF).x0 - second).abs().max() > 0.3


def test_one_call_a_step_and_every_row_once() -> None:
    model, conds, empty = prompts(3)
    walked(dynamic_threshold(Balanced(tuple(conds), empty, 7, LOOKS)), X, path_between(LinearPath(), 1, 0, 5), ddim(), tape(0))
    assert model.rows == [6 * len(X)] * 5


def test_a_picture_does_not_hear_of_the_others_in_its_batch() -> None:
    _, conds, empty = prompts(2)
    path = path_between(LinearPath(), 1, 0, 4)
    balanced = Balanced(tuple(conds), empty, 7, LOOKS[:2])
    whole = walked(balanced, X, path, ddim(), tape(0))
    alone = walked(balanced, X[1:], path, ddim(), tape(0))
    torch.testing.assert_close(whole[1:], alone, rtol=0, atol=1e-9)


def test_learned_variances_are_weighted_alike() -> None:
    def says(x0: float, frac: float | None) -> Callable[[Tensor, NoiseLevel], Prediction]:
        return lambda x_t, level: Prediction(torch.full_like(x_t, x0), None if frac is None else torch.full_like(x_t, frac))

    zero = says(0.0, 0.9)
    got = Balanced((says(1.0, 0.2), says(3.0, 0.7)), zero, 1, (LOOKS[0], LOOKS[0]), variance=False)(X, HALF)
    torch.testing.assert_close(got.var_frac, torch.full_like(X, (1 * 0.2 + 3 * 0.7) / 4), rtol=0, atol=1e-5)
    assert Balanced((says(1.0, 0.2), says(3.0, None)), zero, 1, (LOOKS[0], LOOKS[0]))(X, HALF).var_frac is None


# Prompts that take turns


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 3.0), (2.0, 3.0, 5.0), (0.0, 1.0)])
def test_turns_are_fair_at_any_time(weights: tuple[float, ...]) -> None:
    share = [w / sum(weights) for w in weights]
    order = turn_order(share, 40)
    for n in range(1, 41):
        for i, part in enumerate(share):
            assert abs(order[:n].count(i) - part * n) < 1 or order[:n].count(i) == 0


def test_prompts_that_alternate_are_asked_one_at_a_time() -> None:
    model, conds, empty = prompts(2)
    path = path_between(LinearPath(), 1, 0, 6)
    guided = [cfg(cond, empty, 7) for cond in conds]
    taking_turns = alternate_views(guided, LOOKS[:2], path)
    walked(taking_turns, X, path, ddim(), tape(0))
    assert model.rows == [2 * len(X)] * 6
    for i, level in enumerate(path[:-1]):
        alone = combine_views([guided[i % 2]], [LOOKS[i % 2]])(X, level).x0
        assert torch.equal(taking_turns(X, level).x0, alone)


def test_one_prompt_taking_all_turns_is_that_prompt() -> None:
    _, (cond,), empty = prompts(1)
    path = path_between(LinearPath(), 1, 0, 5)
    guided = cfg(cond, empty, 7)
    whole = walked(alternate_views([guided], LOOKS[:1], path), X, path, ddim(), tape(0))
    assert torch.equal(whole, walked(guided, X, path, ddim(), tape(0)))


@pytest.mark.parametrize("weights", [(1.0,), (0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0), (float("inf"), 1.0)])
def test_weights_that_are_none_are_refused(weights: tuple[float, ...]) -> None:
    _, conds, empty = prompts(2)
    with pytest.raises(UserError, match="need 2 weights"):
        Balanced(tuple(conds), empty, 7, LOOKS[:2], weights)
    with pytest.raises(UserError, match="need 2 weights"):
        alternate_views(conds, LOOKS[:2], path_between(LinearPath(), 1, 0, 2), weights)


def test_prompts_and_views_must_match() -> None:
    _, conds, empty = prompts(2)
    with pytest.raises(UserError, match="2 prompts and 3 views"):
        Balanced(tuple(conds), empty, 7, LOOKS)
