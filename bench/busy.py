"""How much a busy machine slows a command: as it is, with threads that spin while they wait, and with one thread.

    python bench/busy.py --pairs 5

Each round runs one command in each of these ways, first on the machine as it is, and then beside two endless loops. The numbers
are medians of the ratios within a round. The targets: on a quiet machine, passive waiting takes at most 1.03 times as long as
spinning; on a busy machine, it takes at most 1.3 times as long as one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

WAYS: dict[str, dict[str, str]] = {
    "as it is": {},
    "spinning": {"OMP_WAIT_POLICY": "ACTIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
CHOSEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Run other processes that compute all the time."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def seconds(way: dict[str, str], command: list[str]) -> float:
    """Return the seconds that the command takes as a process of its own."""
    environment = {key: value for key, value in os.environ.items() if key not in CHOSEN} | way
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "noisewalk", *command], env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def measured(pairs: int, command: list[str]) -> dict[str, list[float]]:
    """Return the seconds of each way in each round."""
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(pairs):
        for name, way in WAYS.items():
            taken[name].append(seconds(way, command))
    return taken


def ratio(taken: dict[str, list[float]], one: str, other: str) -> float:
    """Return the median of the ratios within a round."""
    return statistics.median(a / b for a, b in zip(taken[one], taken[other], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="rounds, quiet and busy")
    parser.add_argument("--loops", type=int, default=2, help="endless loops beside it in the busy rounds")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["generate", "a rocket ship", "--num", "4", "--out", folder]
        for name, loops in (("quiet", 0), (f"beside {asked.loops} busy loops", asked.loops)):
            with busy_loops(loops):
                taken = measured(asked.pairs, command)
            print(name, *(f"{way} {statistics.median(each):.2f} s" for way, each in taken.items()), sep="; ")
            print(f"  as it is / spinning {ratio(taken, 'as it is', 'spinning'):.2f}, ", end="")
            print(f"as it is / one thread {ratio(taken, 'as it is', 'one thread'):.2f}")


if __name__ == "__main__":
    main()
