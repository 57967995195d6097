"""From the name of a model to its folder: a local folder, or a snapshot of a Hugging Face repository."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ...errors import UserError
from ..checkpoint import RUN_CHECKPOINT
from ..names import SITE, missing, read_name
from .classes import quiet, require
from .configs import first_line
from .single_file import is_single_file


def locate(name: str, offline: bool = False, half: bool = False) -> Path:
    """Return the folder or the file of a model. A repository of the hub is downloaded, or found in the hub's cache.

    Args:
        name: the name of the model.
        offline: do not ask the network.
        half: prefer the repository's float16 files, if it has them.

    Raises:
        UserError: there is no such model, it is gated, or it cannot be reached; the message says what to do.
    """
    meant = read_name(name)
    if meant.kind == "hub":
        return _download(meant.text, offline or os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"), half)
    if (meant.path / "model_index.json").is_file() or is_single_file(meant.path):
        return meant.path
    if meant.path.is_dir():
        raise UserError(
            f"{name} is not a model folder: it has neither model_index.json, as folders saved by diffusers do, nor "
            f"{RUN_CHECKPOINT}, as runs of `noisewalk train` do"
        )
    raise missing(name)


ELSEWHERE = {"pixnerd": "PixNerd", "jit": "JiT", "pixelflow": "PixelFlow", "pixeldit": "PixelDiT", "pixelgen": "PixelGen"}
"""Beginnings of repositories' names -> models in pixels whose networks are in no package that noisewalk reads."""


def _download(name: str, offline: bool, half: bool) -> Path:
    word = re.split(r"[^a-z]", name.partition("/")[2].lower())[0]
    if word in ELSEWHERE:
        raise UserError(
            f"{name} is a {ELSEWHERE[word]}, whose network is in no package that noisewalk reads (docs/models.md says what it "
            "needs); of models in pixels, prxpixel and deepfloyd work"
        )
    pipeline = require("diffusers").DiffusionPipeline
    errors: Any = require("huggingface_hub.errors")
    for variant in ("fp16", None) if half else (None,):
        try:
            with quiet():
                return Path(pipeline.download(name, variant=variant, local_files_only=offline))
        except errors.GatedRepoError as error:
            raise UserError(f"{name} is gated: accept its licence at {SITE}/{name}, then run `hf auth login`") from error
        except errors.RepositoryNotFoundError as error:
            raise UserError(
                f"there is no model {name} on {SITE}, or it is private: check its name, or run `hf auth login`"
            ) from error
        except Exception as error:  # a connection has many kinds of errors, and one means that there is no such variant
            if variant and "variant" in str(error):
                continue
            raise _unreachable(name, offline, error) from error
    raise AssertionError


def _unreachable(name: str, offline: bool, error: Exception) -> UserError:
    if isinstance(error, UserError):
        return error
    if offline:
        return UserError(
            f"{name} is not in the hub's cache, and --offline does not ask the network; leave it out, or give a local folder"
        )
    return UserError(
        f"{name} could not be downloaded ({first_line(error)}); check the connection, or give --model a local folder"
    )


def cached(name: str) -> Path | None:
    """Return the snapshot of a repository if it is in the hub's cache, complete or not."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        return None
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except Exception:  # there are many kinds of errors for a model that is not there
        return None


def revision(path: Path) -> str:
    """Return the commit of a snapshot in the hub's cache; "" for other folders."""
    return path.name if path.parent.name == "snapshots" else ""
