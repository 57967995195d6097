"""Make both stages of the picture model, from packages to weights: python everything.py DATA --minutes 480."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tyro

from noisewalk.errors import UserError

HERE = Path(__file__).parent
BUNDLED = HERE.parents[2] / "src" / "noisewalk" / "weights" / "emoji-upscaler-256.safetensors"
Command = tuple[str, ...]


def main(
    data: tyro.conf.Positional[Path],
    out: Path = Path("runs"),
    minutes: float = 480.0,
    scenes: int = 80000,
    large_scenes: int = 6000,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    compile: bool = True,
    processes: int = os.cpu_count() or 1,
) -> None:
    """Print and run every command; the same call goes on where the last one stopped.

    OUT then has the runs stage1 and upscaler-256, their packed weights emoji-64.safetensors and
    emoji-upscaler-256.safetensors, and sheets of both.

    Args:
        data: the folder for packages, drawings and scenes.
        out: the folder of runs and weights.
        minutes: the time of both trainings; stage I gets seven tenths of it.
        scenes: the number of scenes of 64x64.
        large_scenes: the number of scenes of 256x256.
        batch_size: the batch size of both trainings; the default is the recipe's, which is meant for a CPU (a GPU needs 256 or
            more to be busy).
        learning_rate: their learning rate; the default is the recipe's.
        compile: whether the passes of networks are captured as CUDA graphs on a GPU.
        processes: the number of processes that render.
    """
    os.environ["NOISEWALK_DATA"] = str(data)
    shared = [*_option("batch-size", batch_size), *_option("learning-rate", learning_rate), *(["--no-compile"] * (not compile))]
    made = [*rendered(data, scenes, large_scenes, str(processes)), *trained(out, minutes, shared)]
    for file, command in made:
        if file.exists():
            print(f"present  {file}", flush=True)
            continue
        print(shlex.join(("python", *command)), flush=True)
        if subprocess.run([sys.executable, HERE / command[0], *command[1:]]).returncode:
            raise UserError(f"'{shlex.join(command)}' failed, so {file} was not made; mend what it says and call this again")


def rendered(data: Path, scenes: int, large_scenes: int, processes: str) -> Iterator[tuple[Path, Command]]:
    """Yield the files of the data, with the commands that make them."""
    yield data / "packages" / "emojilib-4.0.3.tgz", ("fetch.py", str(data))
    for size, num in ((64, scenes), (256, large_scenes)):
        common = (str(data), "--size", str(size), "--processes", processes)
        yield data / f"pictures-{size}.safetensors", ("render.py", *common)
        yield data / f"scenes-{size}.safetensors", ("compose.py", *common, "--num", str(num))
    common = (str(data), "--size", "64", "--processes", processes)
    yield data / "scenes-64-held-out.safetensors", ("compose.py", *common, "--num", "900", "--held-out")


def trained(out: Path, minutes: float, shared: list[str]) -> Iterator[tuple[Path, Command]]:
    """Yield the packed weights and sheets, with the commands that make them."""
    falling = [*shared, "--fit", "--decay", "cosine", "--hold", "0.5"]
    weights, larger = out / "emoji-64.safetensors", out / "emoji-upscaler-256.safetensors"
    first, second = out / "stage1", out / "upscaler-256"
    yield weights, ("train.py", "stage1", "--minutes", f"{0.7 * minutes:g}", *falling, "--out", str(first))
    yield weights, ("pack.py", str(first), "model", str(weights))
    yield out / "emoji-64.png", ("sheet.py", str(weights), str(out / "emoji-64.png"))
    init = ["--init", str(BUNDLED)]
    yield larger, ("train.py", "upscaler-256", *init, "--minutes", f"{0.3 * minutes:g}", *falling, "--out", str(second))
    yield larger, ("pack.py", str(second), "upscaler", str(larger))
    yield out / "enlarged.png", ("enlarged.py", str(larger), str(out / "enlarged.png"))


def _option(name: str, value: float | None) -> list[str]:
    return [] if value is None else [f"--{name}", str(value)]


if __name__ == "__main__":
    from _edge import edge

    edge(main)
