"""`python -m noisewalk`, which is also what `accelerate launch -m noisewalk` runs."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
