"""Peak resident memory of each training on the CPU: python bench/training_memory.py.

Each training runs for a minute in its own process (the denoiser then makes five or six steps). The memory includes PyTorch,
MNIST, the network with its gradients and averages, a checkpoint that is written, and samples that are drawn.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile

LINES = (
    "denoiser",
    "ddpm --classes --recipe course",
    "flow --classes --recipe course",
    "flow --classes",
)

if __name__ == "__main__":
    if len(sys.argv) > 1:
        from noisewalk.cli.main import main

        with tempfile.TemporaryDirectory() as out:
            status = main(["train", *sys.argv[1:], "--device", "cpu", "--minutes", "1", "--out", out])
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at the peak")
        sys.exit(status)
    for line in LINES:
        done = subprocess.run([sys.executable, __file__, *line.split()], capture_output=True, text=True, check=True)
        print(f"train {line:32} {done.stdout.splitlines()[-1]}", flush=True)
