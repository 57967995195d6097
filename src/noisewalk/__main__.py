"""`noisewalk`, and `python -m noisewalk`, which is also what `accelerate launch -m noisewalk` runs."""

import sys


def run() -> int:
    """The command line, ready for Ctrl-C from the first line on."""
    try:
        from .cli.main import main
    except KeyboardInterrupt:
        print("noisewalk: interrupted", file=sys.stderr)
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(run())
