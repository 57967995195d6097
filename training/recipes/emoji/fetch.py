"""Fetch the pinned npm packages of pictures and words, check them, and list their licences: python fetch.py DATA."""

from __future__ import annotations

from pathlib import Path

import tyro
from pictures.packages import PACKAGES, fetch


def main(data: tyro.conf.Positional[Path]) -> None:
    """Fetch missing packages into DATA/packages (30 MB) with npm.

    Args:
        data: the folder that NOISEWALK_DATA names.
    """
    for pack, new in fetch(data / "packages", PACKAGES):
        print(f"{'fetched' if new else 'present'}  {pack.name:36} {pack.version:8} {pack.licence:12} {pack.credit}")


if __name__ == "__main__":
    from _edge import edge

    edge(main)
