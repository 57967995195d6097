"""The quality of the digits model's samples: whether they are read correctly, are like real digits, and are no copies.

    python bench/digits_quality.py [--num 2000] [--steps 20] [--step-rule ddim] [--guidance-scale 1.5]

It prints the table of `noisewalk evaluate`: how often the bundled reader agrees with the label, and the Fréchet distance of its
features to the MNIST test set, with the distances between real digits for comparison. It needs MNIST (in NOISEWALK_DATA, in the
cache, or as a download).
"""

from __future__ import annotations

import sys

from noisewalk.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
