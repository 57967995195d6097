"""What this machine has for large models, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ..errors import UserError, install
from ..files import cache_folder
from .diffusers.components import open_files
from .diffusers.configs import first_line
from .diffusers.families import FAMILIES
from .diffusers.hub import cached
from .diffusers.memory import GIB, placement
from .diffusers.named import NAMED, NamedModel
from .diffusers.single_file import SingleFile
from .machine import free_memory
from .names import SITE, read_name
from .precision import dtype_name
from .zoo import is_pipeline, load, weights_path

LIBRARIES = ("diffusers", "transformers", "accelerate", "huggingface_hub", "sentencepiece", "ftfy")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        good: whether it is as it should be.
        what: what was found.
        mend: the command or the click that corrects it; "" if nothing is wrong.
    """

    good: bool
    what: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{'ok     ' if self.good else 'missing'} {self.what}" + (f": {self.mend}" if self.mend else "")


def examine(model: str = "", offline: bool = False) -> Iterator[Finding]:
    """Check everything that a model needs, in the order in which it is needed.

    Args:
        model: the model, whose stages are checked too: whether it is cached, complete and licensed, and its memory. noisewalk's
            own models need no more than what is checked. "" stands for models in diffusers' format in general.
        offline: do not ask the network.

    Yields:
        The findings.
    """
    if model and not is_pipeline(model):
        yield _device()
        yield from _own(model)
        return
    yield from _libraries()
    yield _device()
    yield _cache()
    if not offline:
        yield from _hub()
    if model:
        known = NAMED.get(model, NamedModel(model))
        if known.size:
            yield Finding(True, f"{model}: {known.needs}")
        for name in (known.hub, *known.upscalers):
            yield from _stage(name, offline)


def _own(name: str) -> Iterator[Finding]:
    """Check one of noisewalk's own models and its next stage: the weights are those of the card, and make a network."""
    try:
        model = load(name)
        count = f", {model.card['parameters'] / 1e6:.1f} M parameters" if "parameters" in model.card else ""
        size = "x".join(map(str, model.shape[1:]))
        yield Finding(True, f"{name}: pictures of {size}{count}, weights {model.fingerprint} in {weights_path(name)}")
        if model.upscaler is not None:
            stage = model.upscaler().pretrained
            yield Finding(True, f"{name}: a next stage of {'x'.join(map(str, stage.shape[1:]))}, weights {stage.fingerprint}")
    except UserError as error:
        yield Finding(False, str(error))


def _libraries() -> Iterator[Finding]:
    for library in LIBRARIES:
        try:
            yield Finding(True, f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            yield Finding(False, library, install("diffusers"))


def _device() -> Finding:
    place = placement()
    kind = dtype_name(place.dtype)
    try:
        free = f"{free_memory(place.device) / GIB:.1f} GiB free"
    except UserError:
        free = "free memory unknown"
    name = torch.cuda.get_device_name(place.device) if place.device.type == "cuda" else f"{torch.get_num_threads()} threads"
    return Finding(True, f"torch {torch.__version__}, {place.device} ({name}), {kind}, {free}")


def _cache() -> Finding:
    folder = cache_folder() / "prompts"
    count = len(list(folder.glob("*.safetensors"))) if folder.is_dir() else 0
    writable = os.access(next(p for p in (folder, *folder.parents) if p.exists()), os.W_OK)
    return Finding(
        writable,
        f"{count} prompts kept in {folder}",
        "" if writable else "set NOISEWALK_CACHE to a folder that you may write to",
    )


def _hub() -> Iterator[Finding]:
    try:
        from huggingface_hub import HfApi, get_token
    except ImportError:
        return
    token = get_token()
    try:
        who = HfApi().whoami()["name"] if token else ""
        yield Finding(
            bool(token), f"signed in to {SITE} as {who}" if who else f"not signed in to {SITE}", "" if who else "hf auth login"
        )
    except Exception as error:  # the many errors of a connection
        yield Finding(False, f"{SITE} does not answer ({first_line(error)[:80]})", "check the connection, or use --offline")


def _stage(name: str, offline: bool) -> Iterator[Finding]:
    """Check one stage: where it is, whether it is complete, and whether it fits into memory."""
    meant = read_name(name)
    path = cached(meant.text) if meant.kind == "hub" else meant.path if meant.path.exists() else None
    if path is None:
        yield Finding(False, f"{name} is not on this machine", _licence(name, offline))
        return
    folder = open_files(path, offline)
    try:
        family = FAMILIES.get(folder.pipeline)
        if family is None:
            yield Finding(False, f"{name} is a {folder.pipeline}", "noisewalk does not know this kind of pipeline")
            return
        for part in (
            family.network,
            *(p for p in family.text if p.startswith("text_encoder")),
            *(["vae"] if family.latent else []),
        ):
            if folder.has(part):
                yield Finding(True, f"{name}: {part}, {folder.parameters(part) / 1e6:.1f} M parameters")
        if isinstance(folder.source, SingleFile):
            yield Finding(True, f"{name}: vocabulary of {len(folder.source.tokenizers()['tokenizer'])} tokens")
        place = placement()
        needed, free = place.estimate(folder, family) / GIB, free_memory(place.device) / GIB
        yield Finding(
            needed < free,
            f"{name} needs about {needed:.2f} GiB of {free:.1f} GiB",
            "" if needed < free else "--memory sequential",
        )
    except UserError as error:
        yield Finding(False, f"{name}: {error}")


def _licence(name: str, offline: bool) -> str:
    meant = read_name(name)
    if offline or meant.kind != "hub":
        return "give a folder that diffusers saved, or run again without --offline"
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        try:
            HfApi().auth_check(meant.text)
        except GatedRepoError:
            return f"accept its licence at {SITE}/{meant.text}, then run `hf auth login`"
        except RepositoryNotFoundError:
            return f"there is no such model on {SITE}, or it is private"
    except Exception as error:  # the many errors of a connection
        return f"{SITE} does not answer ({first_line(error)[:80]})"
    return f"it can be downloaded: `hf download {meant.text}`, or use it once"
