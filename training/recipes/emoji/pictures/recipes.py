"""The training recipes of the emoji: the picture models and the scorers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

import torch

from noisewalk.judge.pairs import PairConfig, PairNetwork
from noisewalk.models.nets.text_unet import TextUNet, TextUNetConfig
from noisewalk.models.nets.upscaler_unet import UPSCALER_32, UpscalerUNet
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.words import load_words
from noisewalk.training.loop import TrainConfig
from noisewalk.training.objectives import Objective, logit_normal_times
from noisewalk.training.recipe_type import Recipe
from noisewalk.walk.schedules import LinearPath

from .begin import begun
from .dataset import Captioned, World, captioned
from .mixture import joined, mixture, paired_with_scenes, scene_captions
from .objective import CleanPrediction
from .pairs import Distort, pairs_loss
from .upscale import Upscaling

EVERYTHING = World(silhouettes="all", without=())
"""All drawings: what scorers and upscalers are trained on."""


def emoji_32() -> Recipe:
    """Return flow matching of 32x32 emoji and pictograms from captions, with the text U-Net (caption dropout 0.1)."""
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


STAGE_1 = TextUNetConfig(image_size=64, patch=4)
"""64x64: the trunk of the 32x32 model on the same grid of 16x16 patches."""


def stage1(init: str = "emoji", scenes: float = 0.5) -> Recipe:
    """Return the recipe of 64x64 pictures of single things and scenes from captions, with the text U-Net.

    The learning rate is constant and the weights are averaged, so that the run may be stopped at any time.

    Args:
        init: the model whose weights it starts from where the shapes agree, by default the bundled one, which this recipe made;
            a model of half the size will do too; "" for random weights.
        scenes: the share of scenes in the training data.
    """
    world = World()
    prompts = TextPrompts(load_words(), STAGE_1.max_tokens)
    card = {
        "network": "unet-text",
        "config": asdict(STAGE_1),
        "schedule": "linear",
        "prediction_type": "sample",
        "world": asdict(world),
    }
    config = TrainConfig(epochs=100, batch_size=32, learning_rate=4e-4, warmup=100, decay="none", ema_decay=0.998)
    network = partial(TextUNet, STAGE_1)
    data = partial(mixture, STAGE_1.image_size, world, prompts, scenes)
    return Recipe(begun(network, init) if init else network, data, CleanPrediction(prompts("")).loss, config, card)


def scorer(shape: PairConfig, epochs: float, learning_rate: float) -> Recipe:
    """Return the contrastive recipe of an image-text scorer of emoji, pictograms and scenes, in batches of 256."""
    prompts = TextPrompts(load_words(), shape.max_tokens)
    card = {"network": "pair", "config": asdict(shape), "world": asdict(EVERYTHING)}
    config = TrainConfig(
        epochs, 256, learning_rate, warmup=200, decay="none", weight_decay=0.1, ema_decay=0.998
    )  # averaged weights replace a decay, so that a run may be stopped at any time
    data = partial(paired_with_scenes, shape.image_size, EVERYTHING, prompts)
    return Recipe(lambda: PairNetwork(shape), data, partial(pairs_loss, Distort()), config, card)


def upscaler(shape: TextUNetConfig, scenes: bool = False) -> Recipe:
    """Return x0 prediction on the linear path: in a patch of 4x4 pixels, noise has 48 numbers, and clip art only a few.

    Args:
        shape: the shape of the network.
        scenes: whether it is trained on scenes too, as often as each single drawing.

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

    def data() -> Captioned:
        single = captioned(shape.image_size, EVERYTHING, prompts)
        return joined(single, scene_captions(shape.image_size, prompts)) if scenes else single

    return Recipe(lambda: UpscalerUNet(shape), data, Upscaling(target, null).loss, config, card)


RECIPES: dict[str, Callable[[], Recipe]] = {
    "stage1": stage1,
    "emoji-32": emoji_32,
    "scorer": lambda: scorer(PairConfig(), 100, 1.5e-3),
    "upscaler": lambda: upscaler(UPSCALER_32),
    "upscaler-256": lambda: upscaler(replace(UPSCALER_32, image_size=256), scenes=True),
    "second-scorer": lambda: scorer(PairConfig("residual", "reader"), 100, 1.5e-3),
}
"""Recipes by objective. The second scorer has another architecture and is for evaluation only (train it with --seed 1)."""
