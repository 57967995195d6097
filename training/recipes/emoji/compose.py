"""Compose scenes and render them into one file: python compose.py DATA --num 30000 --size 64."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import tyro
from pictures.pool import pool_path, render_pool, save_pool
from rich.progress import track


def main(
    data: tyro.conf.Positional[Path],
    num: int = 30000,
    size: int = 64,
    held_out: bool = False,
    first: int = 0,
    processes: int = 2,
) -> None:
    """Write DATA/scenes-SIZE.safetensors and its .json (scenes-SIZE-held-out with --held-out).

    Args:
        data: the folder that NOISEWALK_DATA names, with packages/ in it.
        num: the number of scenes.
        size: the side of the pictures in pixels.
        held_out: whether the scenes have combinations that are never trained on.
        first: the number of the first scene; the same number gives the same scene. Above 0, scenes are added to the file.
        processes: the number of processes that render.
    """
    made = list(track(render_pool(data, size, num, held_out, first, processes), f"render {num} scenes", num))
    done = [each for each in made if each is not None]
    path = pool_path(data, size, "held out" if held_out else "train")
    save_pool(path, done, add=first > 0)
    print(", ".join(f"{kind} {count}" for kind, count in Counter(said["kind"] for _, said in done).most_common()))
    print(f"{len(done)} scenes, {len(made) - len(done)} did not render -> {path}")


if __name__ == "__main__":
    from _edge import edge

    edge(main)
