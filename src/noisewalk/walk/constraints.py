"""Constraints, which wrap a step."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .noise import Noise, NoiseLevel, add_noise, renoise
from .prediction import Denoiser, Prediction
from .steps import Step, StepHistory


def pin(step: Step, reference: Tensor, component: Callable[[Tensor], Tensor], noise: Noise, num_resamples: int = 1) -> Step:
    """Wrap a step so that a component of the walk follows a reference picture.

        x_s <- x_s - component(x_s) + component(alpha_s reference + sigma_s eps)

    The reference gets fresh noise of the level that was just *reached*. The network therefore always sees both parts equally
    noisy, and the last level, which is clean, keeps the component of the reference exactly. With `num_resamples` > 1 the walk
    goes back up and down again between the two levels, so that the rest can adapt to the pinned part.

    A mask of the known pixels gives RePaint (jump length 1), a low-pass filter an inverse hybrid image, the mean over colours
    a colourisation.

    Args:
        step: the step to wrap; it is taken `num_resamples` times.
        reference: (N or 1, C, H, W) the clean reference, in [-1, 1].
        component: a linear projection (a mask, a mean over colours) that returns the part of a picture to pin. A Gaussian blur
            is not quite a projection, because blurring twice blurs more; what is kept is then x - blur(x) + blur(reference).
        noise: draws the noise of the reference and of going back up. It has a stream of its own, so that pinning does not
            change the noise of the steps.
        num_resamples: how often each transition is made, at least 1; network calls grow in proportion.

    Raises:
        ValueError: `num_resamples` is less than 1.

    Reference: Lugmayr et al., *RePaint: Inpainting using Denoising Diffusion Probabilistic Models*, 2022, algorithm 1,
    https://arxiv.org/abs/2201.09865.
    """

    def pinned(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, step_noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        x_s, p = step(denoiser, x_t, t, s, step_noise, history)
        known = add_noise(reference.expand_as(x_s), s, noise)
        return x_s - component(x_s) + component(known), p  # not x_s + component(known - x_s), which rounds

    return resampled(pinned, noise, num_resamples)


def resampled(step: Step, noise: Noise, num_resamples: int, between: tuple[float, float] = (0, 1)) -> Step:
    """Wrap a step so that it is made several times: down, back up to the level it came from, and down again.

    What several prompts, or a picture and its pinned part, want of a picture then has time to fit together. Diffusion models
    know this as resampling, and as time travel.

    Args:
        step: the step to wrap.
        noise: draws the noise of going back up.
        num_resamples: how often each transition is made, at least 1; network calls grow in proportion.
        between: the shares of the walk's steps, from 0 to 1, at which this begins and ends; steps outside are made once.

    Raises:
        ValueError: `num_resamples` is less than 1.

    Reference: Lugmayr et al., *RePaint: Inpainting using Denoising Diffusion Probabilistic Models*, 2022, algorithm 1,
    https://arxiv.org/abs/2201.09865.
    """
    if num_resamples < 1:
        raise ValueError(
            f"num_resamples says how often each transition is made, so it must be at least 1; {num_resamples} was given"
        )

    def repeated(
        denoiser: Denoiser, x_t: Tensor, t: NoiseLevel, s: NoiseLevel, step_noise: Noise, history: StepHistory | None
    ) -> tuple[Tensor, Prediction]:
        x_s, p = step(denoiser, x_t, t, s, step_noise, history)
        share = (history.steps - history.remaining - 1) / history.steps if history else 0.0
        for _ in range(num_resamples - 1 if between[0] <= share < between[1] else 0):
            x_s, p = step(denoiser, renoise(x_s, s, t, noise), t, s, step_noise, history)
        return x_s, p

    return repeated
