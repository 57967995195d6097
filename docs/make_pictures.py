"""Make the pictures of the README from the bundled model:  python docs/make_pictures.py"""

from __future__ import annotations

from pathlib import Path

import noisewalk as nw
from noisewalk.commands import parse_technique
from noisewalk.files import write_atomic
from noisewalk.images import encode_png
from noisewalk.report.figures import sheet
from noisewalk.run.make import run
from noisewalk.tour.digits import HUNTS
from noisewalk.tour.sampling import surest

PICTURES = Path(__file__).parent / "pictures"


def main() -> None:
    model = nw.load("digits")
    bands = []
    for command, said in surest(HUNTS[0], model)[:4]:
        print(f"{command}: {said}")
        job = parse_technique(command)
        (panel,) = run(job.verb, job.spec, model, keep_states=False).panels
        bands.append(panel.captioned)
    rows = [bands[0] + bands[1], bands[2] + bands[3]]
    write_atomic(PICTURES / "anagrams.png", encode_png(sheet(rows, cell=168)))


if __name__ == "__main__":
    main()
