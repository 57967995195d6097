"""Make the pictures of the README from the bundled model:  python docs/make_pictures.py"""

from __future__ import annotations

import tempfile
from pathlib import Path

from noisewalk.documents import searching
from noisewalk.documents.asking import Asker
from noisewalk.documents.reading import read_document
from noisewalk.documents.site import BUNDLED
from noisewalk.files import write_atomic
from noisewalk.images import encode_png
from noisewalk.report.figures import sheet
from noisewalk.run.make import run

PICTURES = Path(__file__).parent / "pictures"


def main() -> None:
    document = read_document(BUNDLED / "tour-digits.md")
    fence = next(block for block in document.blocks.values() if block.options.seeds)
    with tempfile.TemporaryDirectory() as folder:
        ask = Asker(document, Path(folder), "", {})
        asked = [ask(command) for command in fence.commands]
        found = [(each, searching.tried(each, fence.options.seeds, Path(folder), print)[0]) for each in asked]
        bands = []
        for best, figure in searching.best(found, 4):
            print(f"{best.line}: {figure.verdict}")
            (panel,) = run(best.job.verb, best.job.spec, best.model, keep_states=False).panels
            bands.append(panel.captioned)
    rows = [bands[0] + bands[1], bands[2] + bands[3]]
    write_atomic(PICTURES / "anagrams.png", encode_png(sheet(rows, cell=168)))


if __name__ == "__main__":
    main()
