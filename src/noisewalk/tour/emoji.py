"""The tour of the emoji model: every experiment of part A with the reports' prompts, illusions found by the image-text scorer.

The fox (Noto Emoji, Google, Apache-2.0) and the sailboat (FxEmojis, Mozilla, Apache-2.0) are drawings the model never saw.
"""

from __future__ import annotations

from .equations import ANAGRAM, DENOISE, FORWARD, GUIDANCE, HYBRID, INPAINT, PARTS, SDEDIT, TEXT_EDIT, UPSAMPLE, WALK
from .experiments import ONE_JUMP, PART_OF_THE_WAY, Hunt, Stop

_STARTS = "--start 1 3 5 7 10 20"

STOPS = (
    Stop(
        "Samples at 10 and 20 steps",
        "A walk starts at pure noise and asks the model, step by step, which picture the noise hides.",
        WALK,
        (
            "generate 'a rocket ship' --num 6 --steps 20 --trajectory",
            *(f"generate {prompt} --num 6 --steps 20" for prompt in ("'an old man'", "'a man wearing a hat'")),
            "generate 'an oil painting of a snowy mountain village' --num 6 --steps 20",
            "generate 'a rocket ship' --num 6 --steps 10",
        ),
    ),
    Stop(
        "The forward process",
        ONE_JUMP,
        FORWARD,
        ("forward {inputs}/emoji-fox.png --t 250 500 750",),
    ),
    Stop(
        "Blur, one step, many steps",
        "A blur removes noise and picture alike; one call of the model gives the mean of all pictures that could be "
        "underneath, which is soft; a walk picks one of them.",
        DENOISE,
        ("denoise {inputs}/emoji-fox.png --prompt 'a fox face' --guidance-scale 1 --t 500 690 840",),
    ),
    Stop(
        "Without and with guidance",
        "Without a prompt the model draws anything. Classifier-free guidance goes from the unprompted answer through the "
        "prompted one and beyond, which makes the prompt unmistakable and the pictures more alike.",
        GUIDANCE,
        (
            "generate '' --num 6 --guidance-scale 1",
            "generate 'a skull' --num 6 --guidance-scale 1",
            "generate 'a skull' --num 6 --guidance-scale 6",
        ),
    ),
    Stop(
        "SDEdit: a web picture and drawings become emoji",
        PART_OF_THE_WAY,
        SDEDIT,
        tuple(
            f"edit {{inputs}}/{name}.png --guidance-scale 1 {_STARTS}"
            for name in ("web-house-number", "drawing-snowman", "drawing-snail")
        ),
    ),
    Stop(
        "Inpainting, with 1 and with 10 resamples",
        "After every step the part to keep is put back, as noisy as the walk is there. Going back and forth between two levels "
        "(resampling) lets the new part hear of the old one.",
        INPAINT,
        (
            "inpaint {inputs}/emoji-fox.png {inputs}/emoji-mask-right.png --prompt 'a dog face' --num 3 --num-resamples 1 10",
            "inpaint {inputs}/emoji-sailboat.png {inputs}/emoji-mask-top.png --prompt 'a house' --num 3 --num-resamples 1 10",
        ),
    ),
    Stop(
        "Editing towards a prompt",
        "SDEdit with a prompt is no longer only a projection to what the model knows, it also says where to go.",
        TEXT_EDIT,
        (
            f"edit {{inputs}}/emoji-sailboat.png --prompt 'a rocket ship' {_STARTS}",
            f"edit {{inputs}}/emoji-fox.png --prompt 'a pizza' {_STARTS}",
            f"edit {{inputs}}/drawing-snowman.png --prompt 'a snowman' {_STARTS}",
        ),
    ),
    Stop(
        "A prompt for each part",
        "A picture is the sum of its parts: coarse and fine, inside and outside, grey and colour. Each can be left to a prompt "
        "of its own, or be kept from a real picture while a prompt decides the rest.",
        PARTS,
        (
            "factorize 'a red heart' 'a smiling face' --split circle --num 4",
            "factorize 'a rabbit' 'a sunflower' --split colour --num 4",
            "inverse {inputs}/emoji-fox.png 'a fox face' --keep grey --num 4",
        ),
    ),
)

UPSAMPLED = Stop(
    "The upsampling cascade",
    "A second model draws the picture once more, four times as large, shown the small one beside its noise. Illusions are made "
    "at both sizes: each stage sees the same prompts under the same views.",
    UPSAMPLE,
    (
        "generate 'a rocket ship' --num 6 --upsample 1",
        "generate 'a house' --num 6 --upsample 1",
        "anagram 'a dog face' 'a house' --views identity rotate180 --num 4 --upsample 1",
    ),
)

HUNTS = (
    Hunt(
        "Visual anagrams",
        "One picture, two prompts, each seen through its own view: the model is asked under both, and the answers are turned "
        "back and averaged.",
        ANAGRAM,
        tuple(
            f"anagram {prompts} --views identity {view}"
            for prompts, view in (
                ("'an old man' 'a campfire'", "flip-vertical"),
                ("'a skull' 'a mountain'", "flip-vertical"),
                ("'a strawberry' 'a tree'", "rotate180"),
                ("'a dog face' 'a house'", "rotate180"),
                ("'a rocket' 'a fish'", "rotate90"),
                ("'a duck' 'a rabbit'", "rotate90"),
                ("'a cat face' 'a flower'", "rotate180"),
                ("'a mushroom' 'a bell'", "flip-vertical"),
            )
        ),
        keep=5,
        seeds=16,
    ),
    Hunt(
        "Hybrid images",
        "The coarse part of the picture is one prompt's, the fine part another's: near you see the one, from far away (or with "
        "eyes half closed) the other.",
        HYBRID,
        tuple(
            f"hybrid {pair} --sigma 2 --kernel-size 33"
            for pair in ("'a skull' 'a house'", "'a red apple' 'a clock'", "'an old man' 'a tree'", "'a full moon' 'a flower'")
        ),
        keep=2,
        seeds=16,
    ),
)
