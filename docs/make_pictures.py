"""Make the README's two pictures with the bundled model, turning anagrams and prompts:  python docs/make_pictures.py"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

import noisewalk as nw
from noisewalk.commands import parse_technique
from noisewalk.files import write_atomic
from noisewalk.models.zoo import load
from noisewalk.report.figures import sheet
from noisewalk.run.film import film
from noisewalk.run.make import run

PICTURES = Path(__file__).parent / "pictures"
COMMANDS = (
    "anagram 'a dog face' 'a house' --views identity rotate180 --seed 12 --upsample 1",
    "anagram 'a strawberry' 'a tree' --views identity rotate180 --seed 8 --upsample 1",
    "anagram 'a woman' 'a tree' --views identity flip-vertical --seed 23 --upsample 1",
)
"""The best of the seeds 0 to 23 by `noisewalk search` at 64 pixels, and then upsampled."""
SEED = 11
PROMPTS = (
    "people around a campfire", "a snowy mountain village", "waterfalls", "a castle on a hill", "two towers",
    "a man wearing a hat", "a blue cat wearing a red hat", "three red apples", "a green bird", "a purple elephant",
    "a rocket ship", "an old man", "a polar bear", "a sunflower", "a skull",
)  # fmt: skip


def main() -> None:
    write_atomic(PICTURES / "anagrams.webp", anagrams())
    write_atomic(PICTURES / "emoji.png", prompts())


def prompts() -> bytes:
    """Return the PNG of one picture for each prompt, all of the same seed, in 256 colours."""
    drawn = [(prompt, nw.generate("emoji", prompt, seed=SEED, upsample=1).tensor) for prompt in PROMPTS]
    data = io.BytesIO()
    sheet([drawn], max_columns=5).quantize(256, method=Image.Quantize.MEDIANCUT).save(data, "PNG", optimize=True)
    return data.getvalue()


def anagrams() -> bytes:
    """Return the WebP film of the anagrams side by side."""
    films = []
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate(COMMANDS):
            job, path = parse_technique(line), Path(folder) / f"{number}.png"
            run(job.technique, job.request, load(job.model), keep_states=False).save(path)
            films.append(list(film(path, seconds=1.2, fps=12, size=256).frames))
    moments = list(zip(*films, strict=True))
    first, *rest = (beside([frame.image for frame in moment]) for moment in moments)
    times = [round(1000 * moment[0].seconds) for moment in moments]
    data = io.BytesIO()
    first.save(data, "WEBP", save_all=True, append_images=rest, duration=times, loop=0, quality=60, method=6)
    return data.getvalue()


def beside(images: Sequence[Image.Image]) -> Image.Image:
    """Put images of the same height in a row."""
    row = Image.new("RGB", (sum(image.width for image in images), images[0].height))
    for number, image in enumerate(images):
        row.paste(image, (sum(each.width for each in images[:number]), 0))
    return row


if __name__ == "__main__":
    main()
