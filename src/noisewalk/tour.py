"""The tour: every experiment of part A, run once from the very command lines it shows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from .commands import parse_technique
from .files import write_atomic
from .guidance.components import gaussian_blur
from .guidance.views import get_view
from .images import encode_png, to_image
from .judge.digits import read
from .models.zoo import Pretrained, load
from .report.page import Section, Shown, render
from .report.result import Result, Watch, make, slug
from .version import __version__

PICTURES = Path(str(files("noisewalk") / "pictures"))
Run = Callable[[str], Result]


@dataclass(frozen=True)
class Stop:
    """An experiment of the tour.

    Args:
        title, idea, equation: see `Section`.
        commands: technique command lines; `{inputs}` stands for the folder of the tour's input pictures.
        trajectory: also show the walk of the first command.
    """

    title: str
    idea: str
    equation: str
    commands: Sequence[str]
    trajectory: bool = False


_X = "x<sub>t</sub>"
_WALK = (
    f"x<sub>s</sub> = α<sub>s</sub> x̂<sub>0</sub> + σ<sub>s</sub> ε̂, <b>with</b> x̂<sub>0</sub> = E[x<sub>0</sub> | {_X}], "
    f"ε̂ = ({_X} − α<sub>t</sub> x̂<sub>0</sub>) / σ<sub>t</sub>"
)

STOPS = (
    Stop(
        "Samples at 10 and 20 steps",
        "A walk starts at pure noise and asks the model, step by step, which picture the noise hides. "
        "More steps follow the path more closely, so strokes get cleaner.",
        _WALK,
        ("generate 7 --num 6 --steps 10", "generate 7 --num 6 --steps 20", "generate 'a handwritten three' --num 6 --steps 20"),
        trajectory=True,
    ),
    Stop(
        "The forward process",
        "Noise need not be added step by step: one formula jumps to any level. "
        "This model's path is a straight line from the picture to the noise.",
        f"{_X} = α<sub>t</sub> x<sub>0</sub> + σ<sub>t</sub> ε, <b>with</b> ε ∼ N(0, I)",
        ("forward {inputs}/digit-4.png --t 250 500 750",),
    ),
    Stop(
        "Blur, one step, many steps",
        "A blur removes noise and picture alike; one call of the model gives the mean of all pictures that could be "
        "underneath, which is soft; a walk picks one of them. One step therefore often has the better PSNR and the walk the "
        "better picture.",
        f"<b>blur:</b> G ∗ {_X} / α<sub>t</sub> &emsp; <b>one step:</b> E[x<sub>0</sub> | {_X}] &emsp; "
        "<b>iterative:</b> the walk",
        ("denoise {inputs}/digit-4.png --t 500 690 840",),
    ),
    Stop(
        "Without and with guidance",
        "Without a prompt the model draws any digit. Classifier-free guidance goes from the unprompted answer through the "
        "prompted one and beyond, which makes the prompt unmistakable and the pictures more alike.",
        "x̂<sub>0</sub> = x̂<sub>0</sub><sup>∅</sup> + g (x̂<sub>0</sub><sup>prompt</sup> − x̂<sub>0</sub><sup>∅</sup>)",
        (
            "generate '' --num 6 --guidance-scale 1",
            "generate 5 --num 6 --guidance-scale 1",
            "generate 5 --num 6 --guidance-scale 4",
        ),
    ),
    Stop(
        "SDEdit: a web picture becomes a digit",
        "Noise a picture part of the way and walk back: what is left of it decides what grows. "
        "The later the walk starts, the more of the picture is kept.",
        f"{_X} = α<sub>t</sub> x<sub>0</sub> + σ<sub>t</sub> ε <b>at the start</b> t, <b>then the walk from there</b>",
        (
            "edit {inputs}/web-house-number.png --start 1 3 5 7 10 20 --seed 3",
            "edit {inputs}/digit-4.png --start 1 3 5 7 10 20 --seed 2",
        ),
    ),
    Stop(
        "SDEdit: three hand drawings",
        "The same with drawings the model has never seen the like of: early starts keep only the rough place of the ink. "
        "Black ink on white paper is inverted, and you are told so.",
        f"{_X} = α<sub>t</sub> x<sub>0</sub> + σ<sub>t</sub> ε <b>at the start</b> t, <b>then the walk from there</b>",
        tuple(
            f"edit {{inputs}}/drawing-{name}.png --start 1 3 5 7 10 20 --seed {seed}"
            for name, seed in (("snowman", 3), ("seven", 3), ("snail", 5))
        ),
    ),
    Stop(
        "Inpainting, with 1 and with 10 resamples",
        "After every step the part to keep is put back, as noisy as the walk is there. Going back and forth between two levels "
        "(resampling) lets the new part hear of the old one; with a single pass the two often do not meet.",
        "x<sub>s</sub> ← m x<sub>s</sub> + (1 − m) (α<sub>s</sub> x<sub>0</sub> + σ<sub>s</sub> ε)",
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
        f"{_X} = α<sub>t</sub> x<sub>0</sub> + σ<sub>t</sub> ε, <b>then the walk under guidance</b>",
        ("edit {inputs}/digit-4.png --prompt 9 --start 1 3 5 7 10 20",),
    ),
    Stop(
        "A prompt for each part",
        "A picture is the sum of its parts: coarse and fine, or inside and outside. Each can be left to a prompt of its own, "
        "or be kept from a real picture while a prompt decides the rest.",
        f"x̂<sub>0</sub> = Σ<sub>i</sub> part<sub>i</sub>( model({_X}, prompt<sub>i</sub>) ), "
        "<b>with</b> Σ<sub>i</sub> part<sub>i</sub> = 1",
        (
            "factorize 0 4 --split circle --guidance-scale 3 --num 4",
            "inverse {inputs}/digit-4.png 9 --keep far --guidance-scale 3 --num 4",
        ),
    ),
)

ANAGRAMS = (
    (("6", "9"), "rotate180"),
    (("5", "2"), "flip-vertical"),
    (("1", "7"), "rotate180"),
    (("4", "7"), "rotate180"),
    (("2", "2"), "rotate180"),
    (("3", "5"), "flip-horizontal"),
    (("0", "8"), "rotate90"),
    (("6", "2"), "flip-vertical"),
)
HYBRIDS = (("0", "1"), ("8", "3"), ("9", "4"), ("6", "2"))
SEEDS = 24


def tour(
    folder: Path, model_name: str, watch: Watch, seed: int = 180, upsample: int = 0, loading: Mapping[str, Any] | None = None
) -> Path:
    """Run everything, write the page and the pictures into `folder`, and return the page.

    Args:
        watch: told (parts done, parts in all).
        seed, upsample: of the course's experiments, which a text model is shown with; the digits have their own.
        loading: options of `load`.
    """
    model = load(model_name, **(loading or {}))
    inputs = folder / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    for picture in sorted(PICTURES.glob("*.png")):
        shutil.copyfile(picture, inputs / picture.name)
    if model.parts is None:
        parts: list[Callable[[], Section]] = [partial(_section, stop, folder, model) for stop in STOPS]
        parts += [partial(_anagrams, folder, model), partial(_hybrids, folder, model)]
    else:
        from .tour_course import course_stops, write_mask

        write_mask(inputs)
        stops = course_stops(seed, upsample if model.upscaler else 0)
        parts = [partial(_section, stop, folder, model) for stop in stops]
    sections = []
    for done, part in enumerate(parts):
        watch(done, len(parts))
        sections.append(part())
    page = folder / "index.html"
    lead = (
        f"Every experiment below was run just now by the command under it, on the model “{model_name}” "
        f"({'×'.join(map(str, model.shape))} pixels, weights {model.fingerprint})."
    )
    footer = f"noisewalk {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads."
    write_atomic(page, render("A tour of noisewalk", lead, sections, footer).encode())
    watch(len(parts), len(parts))
    return page


def _section(stop: Stop, folder: Path, model: Pretrained) -> Section:
    shown = []
    for i, command in enumerate(stop.commands):
        result, line = _run(command.format(inputs=folder / "inputs"), model)
        images = [("figure", encode_png(result.figure))]
        saved = result.save(folder / slug(stop.title) / str(i + 1), trajectory=stop.trajectory and i == 0)
        images += [(f.name, f.read_bytes()) for f in saved if f.name.startswith("trajectory")]
        shown.append(Shown(line, images))
    return Section(stop.title, stop.idea, stop.equation, shown)


def _run(command: str, model: Pretrained) -> tuple[Result, str]:
    job = parse_technique(command)
    named = "" if model.parts is None else f" --model {model.name}"
    return make(job.verb, job.spec, model), f"noisewalk {command}{named}"


def _anagrams(folder: Path, model: Pretrained) -> Section:
    """Search seeds for pictures that the digit reader reads correctly under both views; show the surest of each pair."""
    found = sorted(best_anagrams(model), reverse=True)
    shown = []
    for i, (sure, command) in enumerate(found[:6]):
        result, line = _run(command, model)
        result.save(folder / "anagrams" / str(i + 1), trajectory=i == 0)
        note = f"Read as {' and '.join(result.spec.prompts)} by the digit reader, with probability at least {sure:.2f} each."
        shown.append(Shown(line, [("figure", encode_png(result.figure))], note))
    return Section(
        "Visual anagrams",
        "One picture, two prompts, each seen through its own view: the model is asked under both, and the answers are turned "
        f"back and averaged. Of {SEEDS} seeds a pair, the one that the digit reader is surest of both ways is shown, for the "
        f"surest of {len(ANAGRAMS)} pairs.",
        "x̂<sub>0</sub> = Σ<sub>i</sub> w<sub>i</sub> v<sub>i</sub><sup>−1</sup>"
        f"( model( v<sub>i</sub>({_X}), prompt<sub>i</sub> ) )",
        shown,
    )


def best_anagrams(model: Pretrained) -> Iterator[tuple[float, str]]:
    """For each pair of `ANAGRAMS`, the seed surest to be read correctly both ways: (lesser probability, command line)."""
    for prompts, view in ANAGRAMS:
        command = f"anagram {' '.join(prompts)} --views identity {view} --guidance-scale 3"
        result, _ = _run(f"{command} --num {SEEDS}", model)
        probability = [
            read(get_view(name).forward(result.tensor))[:, int(prompt)]
            for name, prompt in zip(("identity", view), prompts, strict=True)
        ]
        sure, seed = torch.stack(probability).amin(0).max(0)
        if sure > 0.5:  # the most probable digit both ways
            yield float(sure), f"{command} --seed {int(seed)}"


def _hybrids(folder: Path, model: Pretrained) -> Section:
    """Search seeds for pictures read as `near` at full size and as `far` when blurred; show large and small."""
    found: list[tuple[float, str]] = []
    for far, near in HYBRIDS:
        for sigma in (1.5, 2.0):
            command = f"hybrid {far} {near} --sigma {sigma:g} --kernel-size 33 --guidance-scale 3"
            result, _ = _run(f"{command} --num {SEEDS}", model)
            far_away = _stretch(gaussian_blur(result.tensor, sigma, 33))
            sure, seed = torch.minimum(read(result.tensor)[:, int(near)], read(far_away)[:, int(far)]).max(0)
            found.append((float(sure), f"{command} --seed {int(seed)}"))
    shown = []
    best = {line.split(" --sigma")[0]: (sure, line) for sure, line in sorted(found)}
    for i, (least, command) in enumerate(sorted(best.values(), reverse=True)[:2]):
        result, line = _run(command, model)
        result.save(folder / "hybrids" / str(i + 1))
        small = [("far away", to_image(result.tensor[0]).resize((28, 28)))]
        pictures = [("figure", encode_png(result.figure)), *((alt, encode_png(image)) for alt, image in small)]
        shown.append(
            Shown(line, pictures, f"Large, and small as from far away. The digit reader's lesser probability is {least:.2f}.")
        )
    return Section(
        "Hybrid images",
        "The coarse part of the picture is one digit's, the fine part another's: near you see the one, from far away (or with "
        "eyes half closed) the other. On 28 pixels there is little room between coarse and fine: the hardest illusion.",
        f"x̂<sub>0</sub> = G ∗ model({_X}, far) + (1 − G) ∗ model({_X}, near)",
        shown,
    )


def _stretch(x: torch.Tensor) -> torch.Tensor:
    """Each picture's values stretched to [-1, 1], as the eye adapts to a faint picture."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return 2 * (x - low) / (high - low).clamp(min=1e-6) - 1
