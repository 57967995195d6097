"""The time that noisewalk takes to start, as a ratio to Python itself in the same run.

    python bench/startup.py --pairs 7

Each round starts every command once, right after `python -c pass`. The numbers are medians. The target is 0.3 s for commands
that compute nothing.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import noisewalk": ["-c", "import noisewalk"],
    "noisewalk --version": ["-m", "noisewalk", "--version"],
    "noisewalk --help": ["-m", "noisewalk", "--help"],
    "noisewalk generate --help": ["-m", "noisewalk", "generate", "--help"],
    "noisewalk train --help": ["-m", "noisewalk", "train", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """Return the seconds that a process takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7, help="rounds")
    asked = parser.parse_args()
    rounds = [{name: seconds(arguments) for name, arguments in COMMANDS.items()} for _ in range(asked.pairs)]
    for name in COMMANDS:
        ratio = statistics.median(taken[name] / taken["python -c pass"] for taken in rounds)
        print(f"{name:28}{statistics.median(taken[name] for taken in rounds):7.2f} s{ratio:7.1f} times Python alone")


if __name__ == "__main__":
    main()
