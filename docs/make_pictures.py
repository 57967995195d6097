"""Make the README's picture of turning anagrams with the bundled model:  python docs/make_pictures.py"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from noisewalk.commands import parse_technique
from noisewalk.files import write_atomic
from noisewalk.models.zoo import load
from noisewalk.run.film import film
from noisewalk.run.make import run

PICTURE = Path(__file__).parent / "pictures" / "anagrams.webp"
COMMANDS = (
    "anagram 'a dog face' 'a house' --views identity rotate180 --seed 0 --upsample 1",
    "anagram 'a strawberry' 'a tree' --views identity rotate180 --seed 22 --upsample 1",
    "anagram 'a duck' 'a rabbit' --views identity rotate90 --seed 17 --upsample 1",
)
"""The best of the seeds 0 to 23 by `noisewalk search` at 32 pixels, and then upsampled."""


def main() -> None:
    films = []
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate(COMMANDS):
            job, path = parse_technique(line), Path(folder) / f"{number}.png"
            run(job.technique, job.request, load(job.model), keep_states=False).save(path)
            films.append(list(film(path, seconds=1.2, fps=12, size=128).frames))
    moments = list(zip(*films, strict=True))
    first, *rest = (beside([frame.image for frame in moment]) for moment in moments)
    times = [round(1000 * moment[0].seconds) for moment in moments]
    data = io.BytesIO()
    first.save(data, "WEBP", save_all=True, append_images=rest, duration=times, loop=0, quality=60, method=6)
    write_atomic(PICTURE, data.getvalue())


def beside(images: Sequence[Image.Image]) -> Image.Image:
    """Put images of the same height in a row."""
    row = Image.new("RGB", (sum(image.width for image in images), images[0].height))
    for number, image in enumerate(images):
        row.paste(image, (sum(each.width for each in images[:number]), 0))
    return row


if __name__ == "__main__":
    main()
