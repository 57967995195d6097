"""Make the pictures of the README from the bundled model:  python docs/make_pictures.py"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from noisewalk.commands import parse_technique
from noisewalk.documents import searching
from noisewalk.documents.asking import Asker
from noisewalk.documents.reading import read_document
from noisewalk.documents.site import BUNDLED
from noisewalk.files import write_atomic
from noisewalk.images import encode_png
from noisewalk.models.zoo import load
from noisewalk.report.figures import sheet
from noisewalk.run.film import Film, Frame, film, save
from noisewalk.run.make import run

PICTURES = Path(__file__).parent / "pictures"
TURNING = (
    "anagram 'a dog face' 'a house' --views identity rotate180 --seed 0 --upsample 1",
    "anagram 'a strawberry' 'a tree' --views identity rotate180 --seed 22 --upsample 1",
    "anagram 'a duck' 'a rabbit' --views identity rotate90 --seed 17 --upsample 1",
)
"""The best of the seeds 0 to 23 by `noisewalk search` at 32 pixels, and then upsampled."""


def main() -> None:
    found()
    turning()


def turning() -> None:
    """Anagrams that turn, side by side in one small animated WebP."""
    with tempfile.TemporaryDirectory() as folder:
        films = []
        for number, line in enumerate(TURNING):
            job, path = parse_technique(line), Path(folder) / f"{number}.png"
            run(job.verb, job.spec, load(job.model), keep_states=False).save(path)
            films.append(film(path, seconds=1.2, fps=12, size=128))
        frames = (
            Frame(beside([each.image for each in at]), at[0].seconds) for at in zip(*(f.frames for f in films), strict=True)
        )
        save(Film(films[0].count, frames, films[0].rate), PICTURES / "anagrams.webp")


def beside(images: Sequence[Image.Image]) -> Image.Image:
    """Images of one height in a row."""
    row = Image.new("RGB", (sum(image.width for image in images), images[0].height))
    for number, image in enumerate(images):
        row.paste(image, (sum(each.width for each in images[:number]), 0))
    return row


def found() -> None:
    """The surest anagrams of digits."""
    document = read_document(BUNDLED / "tour-digits.md")
    fence = next(block for block in document.blocks.values() if block.options.seeds)
    with tempfile.TemporaryDirectory() as folder:
        ask = Asker(document, Path(folder), "", {})
        asked = [ask(command) for command in fence.commands]
        tries = [(each, searching.tried(each, fence.options.seeds, Path(folder), print)[0]) for each in asked]
        bands = []
        for best, figure in searching.best(tries, 4):
            print(f"{best.line}: {figure.verdict}")
            (panel,) = run(best.job.verb, best.job.spec, best.model, keep_states=False).panels
            bands.append(panel.captioned)
    rows = [bands[0] + bands[1], bands[2] + bands[3]]
    write_atomic(PICTURES / "anagrams.png", encode_png(sheet(rows, cell=168)))


if __name__ == "__main__":
    main()
