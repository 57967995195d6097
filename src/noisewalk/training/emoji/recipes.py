"""What is trained on the emoji: the picture model and the scorers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

import torch

from ...judge.pairs import PairConfig, PairNetwork
from ...models.nets.text_unet import TextUNet, TextUNetConfig
from ...models.nets.upscaler_unet import UPSCALER_32, UpscalerUNet
from ...models.text.words import TextPrompts, load_words
from ...walk.noise import LinearPath
from ..loop import TrainConfig
from ..objectives import Objective, logit_normal_times
from ..recipe_type import Recipe
from .dataset import World, captioned
from .pairs import Distort, paired, pairs_loss
from .upscale import Upscaling

EVERYTHING = World(silhouettes="all", without=())
"""All drawings: what scorers and upscalers are trained on."""


def emoji() -> Recipe:
    """Flow matching of 32x32 emoji and pictograms from captions with the text U-Net (caption dropout 0.1)."""
    shape, world = TextUNetConfig(), World()
    prompts = TextPrompts(load_words(), shape.max_tokens)
    objective = Objective(LinearPath(), "flow_prediction", dropout=0.1, null=prompts(""))
    card = {
        "network": "unet-text",
        "config": asdict(shape),
        "schedule": "linear",
        "prediction_type": "flow_prediction",
        "world": asdict(world),
    }
    config = TrainConfig(epochs=860, hold=0.8)
    return Recipe(
        lambda: TextUNet(shape), lambda: captioned(shape.image_size, world, prompts), objective.loss, config, card, objective
    )


def scorer(shape: PairConfig, epochs: float, learning_rate: float) -> Recipe:
    """An image-text scorer of all emoji and pictograms: contrastive, in batches of 256, of distorted pictures."""
    prompts = TextPrompts(load_words(), shape.max_tokens)
    card = {"network": "pair", "config": asdict(shape), "world": asdict(EVERYTHING)}
    config = TrainConfig(
        epochs, 256, learning_rate, warmup=200, decay="none", weight_decay=0.1, ema_decay=0.998
    )  # the average of the weights stands for a decay, so that a run may be stopped at any time
    data = partial(paired, shape.image_size, EVERYTHING, prompts)
    return Recipe(lambda: PairNetwork(shape), data, partial(pairs_loss, Distort()), config, card)


def upscaler(shape: TextUNetConfig) -> Recipe:
    """x0 prediction on the linear path: of a patch of 4x4 pixels, noise has 48 numbers and clip art few.

    Reference: Li & He, *Back to Basics: Let Denoising Generative Models Denoise*, 2025 (why x0 with large patches).
    """
    prompts = TextPrompts(load_words(), shape.max_tokens)
    null = prompts("")
    silent = (torch.zeros(1, 1, 1, 1), torch.zeros(1, dtype=torch.long), *null)
    target = Objective(LinearPath(), "sample", 0.0, silent, partial(logit_normal_times, mean=0.5))
    card = {
        "network": "unet-upscaler",
        "config": asdict(shape),
        "schedule": "linear",
        "prediction_type": "sample",
        "world": asdict(EVERYTHING),
        "defaults": {"steps": 8},
    }
    config = TrainConfig(epochs=100, batch_size=64, decay="none", ema_decay=0.999)
    data = partial(captioned, shape.image_size, EVERYTHING, prompts)
    return Recipe(lambda: UpscalerUNet(shape), data, Upscaling(target, null).loss, config, card)


EMOJI: dict[str, Callable[[], Recipe]] = {
    "emoji": emoji,
    "scorer": lambda: scorer(PairConfig(), 100, 1.5e-3),
    "upscaler": lambda: upscaler(UPSCALER_32),
    "upscaler-256": lambda: upscaler(replace(UPSCALER_32, image_size=256)),
    "second-scorer": lambda: scorer(PairConfig("residual", "reader"), 100, 1.5e-3),
}
"""Recipes by objective. The second scorer has another architecture and is for evaluation only (train it with --seed 1)."""
