"""Copy a run without its weights into the package, for `noisewalk tour --part b`: bundle_run.py RUN NAME."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

SHOWN = ("spec.json", "metrics.jsonl", "levels.jsonl", "evaluation.txt", "evaluation-nearest.png", "note.txt")


def main(run: Path, name: str) -> None:
    into = Path(__file__).parents[1] / "src" / "noisewalk" / "runs" / name
    shutil.rmtree(into, ignore_errors=True)
    (into / "samples").mkdir(parents=True)
    files = [run / file for file in SHOWN if (run / file).exists()]
    films = sorted(run.glob("samples/epoch-*.gif"))[-1:]  # the tour shows only one
    for file in [*files, *run.glob("samples/epoch-*.png"), *films]:
        shutil.copyfile(file, into / file.relative_to(run))
    if (measured := into / "evaluation.txt").exists():  # it contains the path on the machine that trained it
        measured.write_text(measured.read_text().replace(str(run), f"runs/{name}"))
    print(f"{into}: {sum(f.stat().st_size for f in into.rglob('*') if f.is_file()) / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
