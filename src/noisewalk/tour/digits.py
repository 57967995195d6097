"""The tour of the digits model: every experiment of part A with digits, illusions found by the digit reader."""

from __future__ import annotations

from .equations import ANAGRAM, DENOISE, FORWARD, GUIDANCE, HYBRID, INPAINT, PARTS, SDEDIT, TEXT_EDIT, WALK
from .experiments import ONE_JUMP, PART_OF_THE_WAY, Hunt, Stop

STOPS = (
    Stop(
        "Samples at 10 and 20 steps",
        "A walk starts at pure noise and asks the model, step by step, which picture the noise hides. "
        "More steps follow the path more closely, so strokes get cleaner.",
        WALK,
        (
            "generate 7 --num 6 --steps 10 --trajectory",
            "generate 7 --num 6 --steps 20",
            "generate 'a handwritten three' --num 6 --steps 20",
        ),
    ),
    Stop(
        "The forward process",
        ONE_JUMP,
        FORWARD,
        ("forward {inputs}/digit-4.png --t 250 500 750",),
    ),
    Stop(
        "Blur, one step, many steps",
        "A blur removes noise and picture alike; one call of the model gives the mean of all pictures that could be "
        "underneath, which is soft; a walk picks one of them. One step therefore often has the better PSNR and the walk the "
        "better picture.",
        DENOISE,
        ("denoise {inputs}/digit-4.png --t 500 690 840",),
    ),
    Stop(
        "Without and with guidance",
        "Without a prompt the model draws any digit. Classifier-free guidance goes from the unprompted answer through the "
        "prompted one and beyond, which makes the prompt unmistakable and the pictures more alike.",
        GUIDANCE,
        (
            "generate '' --num 6 --guidance-scale 1",
            "generate 5 --num 6 --guidance-scale 1",
            "generate 5 --num 6 --guidance-scale 4",
        ),
    ),
    Stop(
        "SDEdit: a web picture becomes a digit",
        PART_OF_THE_WAY,
        SDEDIT,
        (
            "edit {inputs}/web-house-number.png --start 1 3 5 7 10 20 --seed 3",
            "edit {inputs}/digit-4.png --start 1 3 5 7 10 20 --seed 2",
        ),
    ),
    Stop(
        "SDEdit: three hand drawings",
        "The same with drawings the model has never seen the like of: early starts keep only the rough place of the ink. "
        "Black ink on white paper is inverted, and you are told so.",
        SDEDIT,
        tuple(
            f"edit {{inputs}}/drawing-{name}.png --start 1 3 5 7 10 20 --seed {seed}"
            for name, seed in (("snowman", 3), ("seven", 3), ("snail", 5))
        ),
    ),
    Stop(
        "Inpainting, with 1 and with 10 resamples",
        "After every step the part to keep is put back, as noisy as the walk is there. Going back and forth between two levels "
        "(resampling) lets the new part hear of the old one; with a single pass the two often do not meet.",
        INPAINT,
        tuple(
            f"inpaint {{inputs}}/{image}.png {{inputs}}/{mask}.png --prompt {prompt} --num 3 --num-resamples 1 10"
            for image, mask, prompt in (
                ("digit-8", "mask-top", "6"),
                ("digit-7", "mask-right", "''"),
                ("digit-5", "mask-middle", "''"),
            )
        ),
    ),
    Stop(
        "Editing towards a prompt",
        "SDEdit with a prompt is no longer only a projection to what the model knows, it also says where to go. "
        "Somewhere between the starts lies a nine that still has the hand of this four.",
        TEXT_EDIT,
        ("edit {inputs}/digit-4.png --prompt 9 --start 1 3 5 7 10 20",),
    ),
    Stop(
        "A prompt for each part",
        "A picture is the sum of its parts: coarse and fine, or inside and outside. Each can be left to a prompt of its own, "
        "or be kept from a real picture while a prompt decides the rest.",
        PARTS,
        (
            "factorize 0 4 --split circle --guidance-scale 3 --num 4",
            "inverse {inputs}/digit-4.png 9 --keep far --guidance-scale 3 --num 4",
        ),
    ),
)

_ANAGRAMS = (
    ("6 9", "rotate180"),
    ("5 2", "flip-vertical"),
    ("1 7", "rotate180"),
    ("4 7", "rotate180"),
    ("2 2", "rotate180"),
    ("3 5", "flip-horizontal"),
    ("0 8", "rotate90"),
    ("6 2", "flip-vertical"),
)

HUNTS = (
    Hunt(
        "Visual anagrams",
        "One picture, two prompts, each seen through its own view: the model is asked under both, and the answers are turned "
        "back and averaged.",
        ANAGRAM,
        tuple(f"anagram {prompts} --views identity {view} --guidance-scale 3" for prompts, view in _ANAGRAMS),
        keep=6,
        seeds=24,
    ),
    Hunt(
        "Hybrid images",
        "The coarse part of the picture is one digit's, the fine part another's: near you see the one, from far away (or with "
        "eyes half closed) the other. On 28 pixels there is little room between coarse and fine: the hardest illusion.",
        HYBRID,
        tuple(
            f"hybrid {pair} --sigma {sigma:g} --kernel-size 33 --guidance-scale 3"
            for pair in ("0 1", "8 3", "9 4", "6 2")
            for sigma in (1.5, 2.0)
        ),
        keep=2,
        seeds=24,
    ),
)
