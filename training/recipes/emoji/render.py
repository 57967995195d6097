"""Draw every icon on white into one file: python render.py DATA --size 64."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import tyro
from pictures.icons import icons
from pictures.render import render, save_pictures
from rich.progress import track


def main(data: tyro.conf.Positional[Path], size: int = 64, processes: int = 2) -> None:
    """Write DATA/pictures-SIZE.safetensors and its .json; icons that do not render are named and left out.

    Args:
        data: the folder that NOISEWALK_DATA names, with packages/ in it.
        size: the side of the pictures in pixels.
        processes: the number of processes that render.
    """
    wanted = list(icons(data / "packages"))
    done = list(track(render(wanted, size, processes), f"render {len(wanted)} icons", len(wanted)))
    bad = [r for r in done if r.picture is None]
    for each in bad:
        print(f"skipped {each.icon.style}/{each.icon.name}: {each.problem}")
    path = save_pictures(data, size, done)
    drawn = Counter(r.icon.style for r in done if r.picture is not None)
    print(", ".join(f"{style} {num}" for style, num in drawn.items()))
    print(f"{len(done) - len(bad)} pictures, {len(bad)} skipped -> {path}")


if __name__ == "__main__":
    from _edge import edge

    edge(main)
