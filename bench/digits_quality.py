"""How good the digits model's samples are: read correctly, like real digits, and not copies of them.

    python bench/digits_quality.py [--num 2000] [--steps 20] [--step-rule ddim] [--guidance-scale 1.5]

The same table as `noisewalk evaluate`: the bundled reader's agreement with the label and the Fréchet distance of its features
to the MNIST test set, beside the distances between real digits to read it against. Needs MNIST (NOISEWALK_DATA, cache or
download).
"""

from __future__ import annotations

import sys

from noisewalk.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
