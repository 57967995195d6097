"""The entry point of `noisewalk`, `python -m noisewalk` and `accelerate launch -m noisewalk`."""

import sys


def run() -> int:
    """Run the command line; Ctrl-C is handled from the first line on."""
    try:
        from .cli.main import main
    except KeyboardInterrupt:
        print("noisewalk: interrupted", file=sys.stderr)
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(run())
