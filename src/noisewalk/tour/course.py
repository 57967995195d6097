"""The tour of a text model: part A as the course asks for it, with its prompts, timesteps, guidance and seed.

Each experiment is a command line, as in `tour`. The course's formula has no thresholding, its timesteps are 990, 960, ..., 0,
its guidance scale is 7 with "" as the unconditional prompt, and its edits start at 1, 3, 5, 7, 10 and 20.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..files import write_atomic
from ..images import encode_png, open_image
from .equations import X
from .experiments import Stop

MAN, CAMPFIRE = "'an oil painting of an old man'", "'an oil painting of people around a campfire'"
VILLAGE, ROCKET = "'an oil painting of a snowy mountain village'", "'a rocket ship'"
SKULL, FALLS, PENCIL = "'a lithograph of a skull'", "'a lithograph of waterfalls'", "'a pencil'"
PHOTO, HAT = "'a high quality photo'", "'a man wearing a hat'"
_COURSE = "--grid course --steps 34 --step-rule ddpm --threshold none"
_REST_OF_SAMPLES = ((20, HAT), (20, ROCKET), (10, VILLAGE), (10, HAT), (10, ROCKET))
_GUIDED = "ε̂ = ε<sup>∅</sup> + 7 (ε<sup>prompt</sup> − ε<sup>∅</sup>)"


def write_mask(inputs: Path) -> None:
    """mask-web.png: the middle of the web picture, to be repainted."""
    width, height = open_image(inputs / "web-house-number.png").size
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (width // 3, height // 3, 2 * width // 3, 2 * height // 3))
    write_atomic(inputs / "mask-web.png", encode_png(mask))


def course_stops(seed: int, upsample: int) -> tuple[Stop, ...]:
    """The experiments.

    Args:
        seed: of everything; the course's own is 180.
        upsample: upsampling stages after the pictures from noise and the illusions.
    """
    end = f"--seed {seed}"
    large = f"{end} --upsample {upsample}"
    start = f"--start 1 3 5 7 10 20 {_COURSE} --guidance-scale 7 {end}"
    edits = ("web-house-number", "drawing-snowman", "drawing-snail")
    return (
        Stop(
            "Samples at 10 and 20 steps",
            "The model as it comes: its own grid, learned variance and thresholding. Few steps leave colours and shapes odd.",
            f"x<sub>s</sub> ∼ q(x<sub>s</sub> | {X}, x̂<sub>0</sub>)",
            (
                f"generate {VILLAGE} --steps 20 {large} --trajectory",
                *(f"generate {prompt} --steps {n} {large}" for n, prompt in _REST_OF_SAMPLES),
            ),
        ),
        Stop(
            "The forward process",
            "One formula jumps to any level of noise.",
            f"{X} = √ᾱ<sub>t</sub> x<sub>0</sub> + √(1 − ᾱ<sub>t</sub>) ε",
            (f"forward {{inputs}}/web-house-number.png --t 250 500 750 {end}",),
        ),
        Stop(
            "Blur, one step, many steps",
            "A blur removes noise and picture alike; one call of the model gives a soft mean; the walk down the strided "
            "timesteps picks one picture.",
            f"<b>blur:</b> G ∗ {X} &emsp; <b>one step:</b> ({X} − √(1 − ᾱ<sub>t</sub>) ε̂) / √ᾱ<sub>t</sub> &emsp; "
            "<b>iterative:</b> t = 690, 660, …, 0",
            (
                f"denoise {{inputs}}/web-house-number.png --t 250 500 750 --prompt {PHOTO} --guidance-scale 1 "
                f"--kernel-size 5 --sigma 2 {_COURSE} {end}",
                f"denoise {{inputs}}/web-house-number.png --t 690 --prompt {PHOTO} --guidance-scale 1 "
                f"--kernel-size 5 --sigma 2 {_COURSE} {end} --trajectory",
            ),
        ),
        Stop(
            "From pure noise, without and with guidance",
            "Five pictures of “a high quality photo”: plain, then beyond it, away from the empty prompt (guidance 7).",
            _GUIDED,
            tuple(f"generate {PHOTO} --num 5 --guidance-scale {g} {_COURSE} {end}" for g in (1, 7)),
        ),
        Stop(
            "SDEdit of a web picture and of drawings",
            "Noise a picture part of the way and walk back; the later the start, the more is kept.",
            f"{X} = √ᾱ<sub>t</sub> x<sub>0</sub> + √(1 − ᾱ<sub>t</sub>) ε <b>at</b> t = 960, 900, 840, 780, 690, 390",
            tuple(f"edit {{inputs}}/{name}.png --prompt {PHOTO} {start}" for name in edits),
        ),
        Stop(
            "Inpainting",
            "After every step the part to keep is put back, as noisy as the walk is there; with resampling the two parts meet.",
            f"{X} ← m {X} + (1 − m) (√ᾱ<sub>t</sub> x<sub>0</sub> + √(1 − ᾱ<sub>t</sub>) ε)",
            (
                f"inpaint {{inputs}}/web-house-number.png {{inputs}}/mask-web.png --prompt {PHOTO} --num-resamples 1 5 "
                f"{_COURSE} --guidance-scale 7 {end}",
            ),
        ),
        Stop(
            "Editing towards a prompt",
            "The same as SDEdit, under a prompt that says where to go.",
            _GUIDED,
            tuple(
                f"edit {{inputs}}/{name}.png --prompt {prompt} {start}"
                for name, prompt in zip(edits, (ROCKET, PENCIL, SKULL), strict=True)
            ),
        ),
        Stop(
            "Visual anagrams",
            "One prompt upright, another upside down: the estimates of both, turned back and averaged. Faces tend to win.",
            "ε̂ = (ε<sub>1</sub> + flip(ε<sub>2</sub>(flip x<sub>t</sub>))) / 2",
            tuple(
                f"anagram {MAN} {other} --views identity flip-vertical {_COURSE} --guidance-scale 7 {large}"
                for other in (CAMPFIRE, VILLAGE, ROCKET)
            ),
        ),
        Stop(
            "Hybrid images",
            "Low frequencies of one estimate, high ones of another: near you see the one, from far away the other.",
            "ε̂ = G ∗ ε<sub>1</sub> + (1 − G) ∗ ε<sub>2</sub>, <b>kernel 33, σ 2</b>",
            tuple(
                f"hybrid {far} {near} --sigma 2 --kernel-size 33 {_COURSE} --guidance-scale 7 {large}"
                for far, near in ((SKULL, FALLS), (PENCIL, ROCKET), (MAN, FALLS))
            ),
        ),
    )
