"""The algebra of guidance: nested guidance equals the sum that one would write by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import F64, TinyNet, as_network, at, path_between, tape, walked
from torch import Tensor

from noisewalk import UserError
from noisewalk.guidance import (
    VIEWS,
    Mixture,
    Term,
    cfg,
    combine_components,
    combine_views,
    compose,
    dynamic_threshold,
    get_view,
    high_pass,
    low_pass,
    universal,
)
from noisewalk.models.network import NetworkModel
from noisewalk.walk import (
    TARGETS,
    VE,
    Bound,
    Denoiser,
    LinearPath,
    NoiseLevel,
    Prediction,
    Schedule,
    cosine_schedule,
    ddim,
    ddpm,
)

LEVEL = at(LinearPath(), 0.5)
X = tape(0)(torch.empty(2, 3, 8, 8))
LOW, HIGH = low_pass(1.5, 7), high_pass(1.5, 7)
MODEL = NetworkModel(TinyNet(), LinearPath(), "epsilon")


def prompts(model: NetworkModel) -> list[Bound]:
    """Three prompts and the empty one."""
    return [Bound(model, (torch.tensor([label]),)) for label in range(4)]


A, B, C, EMPTY = prompts(MODEL)


def x0(denoiser: Denoiser, x: Tensor = X, level: NoiseLevel = LEVEL) -> Tensor:
    return denoiser(x, level).x0


def close(ours: Tensor, exact: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(ours, exact, rtol=0, atol=atol)


def says(value: Tensor | float, var_frac: float | Tensor | None = None) -> Denoiser:
    """A denoiser that always predicts the same."""

    def denoiser(x_t: Tensor, level: NoiseLevel) -> Prediction:
        frac = None if var_frac is None else torch.as_tensor(var_frac, dtype=x_t.dtype).expand_as(x_t)
        return Prediction(torch.as_tensor(value, dtype=x_t.dtype).expand_as(x_t), frac)

    return denoiser


# Classifier-free guidance


@given(st.floats(-20, 20), st.floats(-3, 3), st.floats(-3, 3))
def test_guidance_follows_diffusers_convention(scale: float, cond: float, uncond: float) -> None:
    """Guidance is u + g (c - u), so that g = 1 is the prompt alone and g = 0 is without it."""
    guided = x0(cfg(says(cond), says(uncond), scale))
    close(guided, torch.full_like(X, uncond + scale * (cond - uncond)), atol=1e-11)


@given(st.floats(-20, 20), st.floats(-3, 3), st.floats(-3, 3))
def test_the_courses_flow_edition_counts_from_the_prompt(w: float, cond: float, uncond: float) -> None:
    """The convention c + w (c - u) has w = g - 1, so its w = 7 is our 8."""
    close(x0(cfg(says(cond), says(uncond), w + 1)), torch.full_like(X, cond + w * (cond - uncond)), atol=1e-11)


def test_guidance_by_1_is_the_prompt_and_by_0_is_without() -> None:
    close(x0(cfg(A, EMPTY, 1)), x0(A))
    close(x0(cfg(A, EMPTY, 0)), x0(EMPTY))


@given(st.floats(-20, 20))
def test_guidance_away_from_itself_does_nothing(scale: float) -> None:
    close(x0(cfg(A, A, scale)), x0(A), atol=1e-11)


def test_guidance_acts_on_the_noise_as_on_x0() -> None:
    """Papers write CFG for eps. It is the same for x0, because x0 and eps are affine in each other and the weights sum to 1."""
    eps = {d: d(X, LEVEL).eps(X, LEVEL) for d in (A, EMPTY)}
    close(cfg(A, EMPTY, 7)(X, LEVEL).eps(X, LEVEL), eps[EMPTY] + 7 * (eps[A] - eps[EMPTY]))


def test_compositions_add_the_directions_of_prompts() -> None:
    """Liu et al. 2022, eq. 11 (https://arxiv.org/abs/2206.01714); with one prompt it is CFG."""
    by_hand = x0(EMPTY) + 3 * (x0(A) - x0(EMPTY)) - 2 * (x0(B) - x0(EMPTY))
    close(x0(compose([A, B], EMPTY, [3, -2])), by_hand)
    close(x0(compose([A], EMPTY, [5])), x0(cfg(A, EMPTY, 5)))


# Anagrams and hybrids


def test_an_anagram_averages_what_each_view_says() -> None:
    """Geng et al. 2024, eq. 4, with weights that are divided by their sum."""
    flip = get_view("rotate90")
    by_hand = (x0(A) + 3 * flip.inverse(x0(B, flip.forward(X)))) / 4
    close(x0(combine_views([A, B], [VIEWS["identity"], flip], [1, 3])), by_hand)


def test_views_nest_from_the_outside_in() -> None:
    """The inner view gets what the outer view shows, so the order matters for views that do not commute."""
    turn, skew = get_view("rotate90"), get_view("skew")
    nested = combine_views([combine_views([A], [skew])], [turn])
    by_hand = turn.inverse(skew.inverse(x0(A, skew.forward(turn.forward(X)))))
    close(x0(nested), by_hand)
    assert (x0(combine_views([combine_views([A], [turn])], [skew])) - by_hand).abs().max() > 0.1


@pytest.mark.parametrize("name", VIEWS)
def test_a_denoiser_that_does_not_mind_a_view_is_not_changed_by_it(name: str) -> None:
    """An isotropic Gaussian denoiser, x0 = c x_t, looks the same through any isometry."""

    def isotropic(x_t: Tensor, level: NoiseLevel) -> Prediction:
        return Prediction(0.7 * x_t)

    close(x0(combine_views([isotropic, isotropic], [VIEWS["identity"], VIEWS[name]])), 0.7 * X)


def test_a_hybrid_takes_a_component_from_each() -> None:
    close(x0(combine_components([A, B], [LOW, HIGH])), LOW(x0(A)) + HIGH(x0(B)))
    close(x0(combine_components([A, A], [LOW, HIGH])), x0(A))


def nested(model: NetworkModel) -> Denoiser:
    """An anagram of a guided prompt and a hybrid of two guided prompts, itself guided again, thresholds left out."""
    a, b, c, empty = prompts(model)
    hybrid = combine_components([cfg(b, empty, 5), cfg(c, empty, 3)], [LOW, HIGH])
    pair = combine_views([cfg(a, empty, 7), hybrid], [VIEWS["identity"], VIEWS["rotate90"]], [2, 1])
    return cfg(pair, empty, 1.5)


def by_hand(model: NetworkModel, x: Tensor, level: NoiseLevel) -> Tensor:
    """The same without `Mixture`, with separate calls."""

    def guided(label: int, scale: float, x: Tensor) -> Tensor:
        cond, uncond = (model(x, level, torch.full((len(x),), each)).x0 for each in (label, 3))
        return uncond + scale * (cond - uncond)

    turned = torch.rot90(x, 1, (2, 3))
    hybrid = LOW(guided(1, 5, turned)) + HIGH(guided(2, 3, turned))
    pair = (2 * guided(0, 7, x) + torch.rot90(hybrid, -1, (2, 3))) / 3
    uncond = guided(3, 1, x)
    return uncond + 1.5 * (pair - uncond)


def test_nested_guidance_is_what_one_writes_by_hand() -> None:
    close(x0(nested(MODEL)), by_hand(MODEL, X, LEVEL))


@pytest.mark.parametrize("schedule", [cosine_schedule(1024), LinearPath(), VE(0.02, 20)], ids=["vp", "linear", "ve"])
@pytest.mark.parametrize("prediction_type", TARGETS)
def test_guidance_is_the_same_in_every_parametrisation(schedule: Schedule, prediction_type: str) -> None:
    """sum_i output_i o input_i is the identity, so affine changes of what is predicted pass through: one exact denoiser,
    trained in four ways, draws one picture under any guidance and on any path."""
    truth = NetworkModel(TinyNet(), schedule, "sample")
    model = NetworkModel(as_network(truth, schedule, prediction_type), schedule, prediction_type)
    for t in (0.25, 0.5, 0.75):
        level = at(schedule, t)
        close(x0(nested(model), X, level), by_hand(truth, X, level), atol=1e-9)
    path = path_between(schedule, 0.875, 0.25, 5)
    close(walked(nested(model), X, path, ddim(), tape(0)), walked(nested(truth), X, path, ddim(), tape(0)), atol=1e-9)


def test_averaging_estimates_shrinks_their_noise_and_we_do_not_hide_it() -> None:
    """Two independent unit estimates average to deviation .707. The sum stays the plain average, exactly: any
    repair would have to know how correlated real estimates are."""
    first, second = (tape(seed)(torch.empty(1, 3, 64, 64)) for seed in (1, 2))
    x_t = tape(3)(torch.empty(1, 3, 64, 64))

    def estimates(eps: Tensor) -> Denoiser:
        return lambda x, level: Prediction((x - level.sigma * eps) / level.alpha)

    both = combine_views([estimates(first), estimates(second)], [VIEWS["identity"]] * 2)
    eps = both(x_t, LEVEL).eps(x_t, LEVEL)
    close(eps, (first + second) / 2)
    assert eps.std().item() == pytest.approx(0.5**0.5, abs=0.01)


def test_thresholds_act_on_the_guided_sum() -> None:
    """Thresholding is not linear, so thresholding every branch gives another picture."""
    last = x0(dynamic_threshold(cfg(A, EMPTY, 7)))
    s = x0(cfg(A, EMPTY, 7)).flatten(1).abs().quantile(0.95, dim=1).clamp(1, 1.5)[:, None, None, None]
    close(last, (x0(cfg(A, EMPTY, 7)) / s).clamp(-1, 1))
    assert (x0(cfg(dynamic_threshold(A), dynamic_threshold(EMPTY), 7)) - last).abs().max() > 0.1


# The learned variance


def fraction(denoiser: Denoiser) -> Tensor | None:
    return denoiser(X, LEVEL).var_frac


@pytest.mark.parametrize("scale", [0, 1, 7])
def test_the_variance_is_the_conditional_branchs(scale: float) -> None:
    """If the fraction were guided like the mean, it would leave [0, 1], and the variance would leave its bounds."""
    guided = fraction(cfg(says(0, 0.2), says(0, 0.9), scale))
    assert guided is not None
    close(guided, torch.full_like(X, 0.2))


def test_the_variance_of_an_anagram_is_turned_back_and_averaged() -> None:
    """The variances move with their pixels."""
    frac = tape(1)(X).sigmoid()
    turn = VIEWS["rotate90"]
    pair = fraction(combine_views([says(0, frac), says(0, frac)], [VIEWS["identity"], turn], [1, 3]))
    assert pair is not None
    close(pair, (frac + 3 * torch.rot90(frac, -1, (2, 3))) / 4)


def test_a_negated_pictures_variance_is_not_negated() -> None:
    """The variance of -z is the variance of z. A negated fraction of .9 would mean a deviation below `small`."""
    pair = fraction(combine_views([says(0, 0.2), says(0, 0.9)], [VIEWS["identity"], VIEWS["negate"]]))
    assert pair is not None
    close(pair, torch.full_like(X, 0.55))


def test_the_variance_of_a_hybrid_is_the_mean_and_is_not_filtered() -> None:
    """A filtered variance could be negative."""
    frac = tape(1)(X).sigmoid()
    hybrid = fraction(combine_components([cfg(says(0, frac), says(0, 0.0), 7), says(0, 0.5)], [LOW, HIGH]))
    assert hybrid is not None
    close(hybrid, (frac + 0.5) / 2)


def test_the_variance_passes_through_nesting_and_thresholds() -> None:
    inner = cfg(says(0, 0.2), says(0, 0.9), 7)
    outer = dynamic_threshold(cfg(combine_views([inner, says(0, 0.6)], [VIEWS["identity"], VIEWS["negate"]]), says(0, 1.0), 3))
    frac = fraction(outer)
    assert frac is not None
    close(frac, torch.full_like(X, 0.4))


def test_a_variance_only_some_models_know_is_no_variance() -> None:
    """A mean of fractions would be a fraction that no network predicted, so `ddpm` uses `small`."""
    mixed = combine_views([says(0.5, 0.8), says(0.5)], [VIEWS["identity"], VIEWS["negate"]])
    assert fraction(mixed) is None
    small = ddpm("small")(mixed, X, LEVEL, at(LinearPath(), 0.25), torch.ones_like, None)[0]
    close(ddpm("learned")(mixed, X, LEVEL, at(LinearPath(), 0.25), torch.ones_like, None)[0], small)


# Errors


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, 1, 1]])
def test_anagrams_refuse_weights_that_are_none(weights: list[float]) -> None:
    with pytest.raises(UserError, match="2 weights, none negative and not all 0"):
        combine_views([A, B], [VIEWS["identity"], VIEWS["negate"]], weights)


def test_prompts_views_and_components_must_match_in_number() -> None:
    with pytest.raises(UserError, match="2 prompts and 1 views"):
        combine_views([A, B], [VIEWS["identity"]])
    with pytest.raises(UserError, match="2 prompts need 2 components; 1 were given"):
        combine_components([A, B], [LOW])
    with pytest.raises(ValueError, match="1 prompts need 1 guidance scales; 2 were given"):
        compose([A], EMPTY, [1, 2])


def test_a_mixture_is_a_denoiser_like_any_other() -> None:
    """Terms written by hand: half of the prediction of A plus half of the prediction of B upside down."""
    flip = VIEWS["flip-vertical"]
    half = lambda x: x / 2  # noqa: E731 - a map
    mixture = Mixture((Term(A, (half,)), Term(B, (flip.inverse, half), (flip.forward,))))
    close(x0(mixture), (x0(A) + x0(B, X.flip(2)).flip(2)) / 2)
    assert mixture(X, LEVEL).x0.dtype == F64


@pytest.mark.parametrize("schedule", [LinearPath(), cosine_schedule(1000)])
def test_guidance_by_a_reward_samples_the_tilted_distribution(schedule: Schedule) -> None:
    """For N(m, I) and a linear reward b x, the walk ends as that of N(m + strength b, I), so that law is sampled exactly."""
    mean, slope = tape(1)(torch.empty(1, 3, 8, 8)), 0.1 * tape(2)(torch.empty(1, 3, 8, 8))

    def exact(around: Tensor) -> Denoiser:
        return lambda x_t, n: Prediction(around + n.alpha * (x_t - n.alpha * around) / (n.alpha**2 + n.sigma**2))

    def reward(x: Tensor) -> Tensor:
        return (slope * x).flatten(1).sum(1)

    path = path_between(schedule, 0.99, 0.01, 20)
    tilted = walked(universal(exact(mean), reward, 1.5), X, path, ddim(), tape(3))
    close(tilted, walked(exact(mean + 1.5 * slope), X, path, ddim(), tape(3)))
    close(x0(universal(exact(mean), reward, 0.0)), x0(exact(mean)))


def test_guidance_by_a_steep_reward_is_bounded() -> None:
    """No picture moves by more than the largest root mean square, however steep the reward is."""
    before = x0(A)
    after = x0(universal(A, lambda x: 1e6 * x.square().flatten(1).sum(1), 1.0, largest=0.05))
    close((after - before).square().flatten(1).mean(1).sqrt(), torch.full((len(X),), 0.05, dtype=F64))
