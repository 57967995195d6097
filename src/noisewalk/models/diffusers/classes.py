"""The classes that a component of a pipeline may have: a name in a file is looked up here before it is used."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import UserError, install

_CLASSES: dict[str, tuple[tuple[str, str], ...]] = {
    "unet": (("diffusers", "UNet2DModel"), ("diffusers", "UNet2DConditionModel")),
    "transformer": tuple(("diffusers", f"{name}Transformer2DModel") for name in ("SD3", "Flux", "ZImage", "PRX", "DiT", "")),
    "vae": (("diffusers", "AutoencoderKL"),),
    "safety_checker": (("deepfloyd_if", "IFSafetyChecker"), ("stable_diffusion", "StableDiffusionSafetyChecker")),
    "watermarker": (("deepfloyd_if", "IFWatermarker"),),
    "feature_extractor": tuple(
        ("transformers", name)
        for name in ("CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor")
    ),
}
"""For each component: the library (or the module of a pipeline of diffusers), and the class."""

_BASES = {
    "text_encoder": ("transformers", "PreTrainedModel"),
    "tokenizer": ("transformers", "PreTrainedTokenizerBase"),
    "scheduler": ("diffusers", "SchedulerMixin"),
}
"""For the beginning of a component's name: the base of its class, because there are too many classes to list."""


def require(library: str) -> Any:
    """Import diffusers, transformers or one of their modules.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise UserError(f"models in diffusers' format need {library}: {install('diffusers')}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Switch off the progress bars and the advice of diffusers and transformers; noisewalk says what matters."""
    require("transformers")
    libraries = [importlib.import_module(f"{name}.utils.logging") for name in ("diffusers", "transformers")]
    before = [library.get_verbosity() for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity_error()
            library.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip(libraries, before, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()


@quiet()
def class_of(component: str, library: str, name: str, file: Path) -> Any:
    """Return the class of a component.

    Args:
        component: the name of the component.
        library: the library that the file names.
        name: the class that the file names.
        file: the file, for the message.

    Raises:
        UserError: the component cannot have such a class, or its library is not installed.
    """
    if component in _CLASSES:
        known = _CLASSES[component]
        if (library, name) not in known:
            raise _unfit(component, library, name, file, ", ".join(sorted({one for _, one in known})))
        found = getattr(
            require(library if library in ("diffusers", "transformers") else f"diffusers.pipelines.{library}"), name, None
        )
        if found is None:
            raise _unfit(component, library, name, file, f"those of the installed {library}, which has no class of that name")
        return found
    home, base = next(kind for start, kind in _BASES.items() if component.startswith(start))
    found = getattr(require(home), name, None) if library == home and name.isidentifier() and name[0] != "_" else None
    if name == "AutoTokenizer" and found is not None and component.startswith("tokenizer"):
        return found
    if not isinstance(found, type) or not issubclass(found, getattr(require(home), base)):
        raise _unfit(component, library, name, file, f"those of {home} that are a {base}")
    return found


def _unfit(component: str, library: str, name: str, file: Path, known: str) -> UserError:
    said = f"{library}.{name}"[:80]
    return UserError(f"{file}: the {component} has the class {said!a}, but noisewalk knows only {known}")


def hub_cache() -> Path:
    """Return the folder in which the hub's library keeps its downloads."""
    return Path(require("huggingface_hub.constants").HF_HUB_CACHE)
