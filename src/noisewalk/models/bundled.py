"""The weights that belong to noisewalk: found in the package, or fetched where a build left them out."""

from __future__ import annotations

import json
import logging
import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import UserError, install
from ..files import cache_folder, write_atomic
from .checkpoint import read_card, shards_of

log = logging.getLogger("noisewalk")
WEIGHTS = Path(str(files("noisewalk") / "weights"))
ADDRESS = "NOISEWALK_WEIGHTS_URL"
"""The environment variable with the address of a folder that offers the files."""


@lru_cache(maxsize=16)
def card_of(path: Path, changed: int) -> dict[str, Any]:
    """The card in a JSON file, which is read once.

    Args:
        path: the file.
        changed: when it was changed, so that a new card is read anew.
    """
    card: dict[str, Any] = json.loads(path.read_text())
    return card


def left_out(path: Path) -> bool:
    """Return whether a file of weights belongs to the package, which has its card, but is not in this build."""
    return path.parent == WEIGHTS and path.with_suffix(".json").is_file() and not path.is_file()


def present(path: Path) -> Path:
    """Return a file of weights; a file that this build left out is fetched when it is first needed.

    The copy is kept in the user's cache beside its card. Its SHA-256, and that of further files it names, must be those that
    the package knows.

    Raises:
        UserError: no address is known, the file cannot be fetched from there, or it is another file.
    """
    if not left_out(path):
        return path
    card = path.with_suffix(".json")
    digest = str(read_card(card).get("sha256", ""))
    folder = cache_folder() / "weights" / digest[:16]
    copy = _fetched(path.name, digest, folder)
    for name, of_shard in shards_of(copy).items():
        _fetched(name, of_shard, folder)
    write_atomic(copy.with_suffix(".json"), card.read_bytes())
    return copy


def _fetched(name: str, digest: str, folder: Path) -> Path:
    address = os.environ.get(ADDRESS, "").rstrip("/")
    if not (folder / name).is_file() and not address.startswith(("https://", "http://")):
        raise UserError(
            f"this copy of noisewalk was built without {name}, and no server offers it yet; install from a checkout "
            f'(pip install ".[cli]"), or set {ADDRESS} to the http address of a folder that has the file'
        )
    try:
        import pooch
    except ModuleNotFoundError:
        raise UserError(f"fetching {name} needs pooch: {install('train')}") from None
    log.info("fetching %s from %s", name, address)
    try:
        return Path(pooch.retrieve(f"{address}/{name}", known_hash=f"sha256:{digest}", fname=name, path=folder))
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else "no message"
        raise UserError(f"cannot fetch {name} from {address} ({type(error).__name__}: {said}); check {ADDRESS}") from error
