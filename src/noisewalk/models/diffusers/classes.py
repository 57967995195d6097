"""The classes that a component of a pipeline may have: a name in a file is looked up here before anything is made of it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from ...errors import UserError, install

_CLASSES: dict[str, tuple[tuple[str, str], ...]] = {
    "unet": (("diffusers", "UNet2DModel"), ("diffusers", "UNet2DConditionModel")),
    "transformer": tuple(("diffusers", f"{name}Transformer2DModel") for name in ("SD3", "Flux", "ZImage", "PRX")),
    "vae": (("diffusers", "AutoencoderKL"),),
    "safety_checker": (("deepfloyd_if", "IFSafetyChecker"), ("stable_diffusion", "StableDiffusionSafetyChecker")),
    "watermarker": (("deepfloyd_if", "IFWatermarker"),),
    "feature_extractor": tuple(
        ("transformers", name)
        for name in ("CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor")
    ),
}
"""Component -> (library, or the module of a pipeline of diffusers; class)."""

_BASES = {
    "text_encoder": ("transformers", "PreTrainedModel"),
    "tokenizer": ("transformers", "PreTrainedTokenizerBase"),
    "scheduler": ("diffusers", "SchedulerMixin"),
}
"""Beginning of a component's name -> what its class must be a kind of: there are too many to list."""


def class_of(component: str, library: str, name: str, file: Path) -> Any:
    """The class of a component.

    Args:
        library, name: what the file says.
        file: to name in an error.

    Raises:
        UserError: the component has no such class, or its library is not installed.
    """
    if component in _CLASSES:
        known = _CLASSES[component]
        if (library, name) not in known:
            raise _unfit(component, library, name, file, ", ".join(sorted({one for _, one in known})))
        found = getattr(
            require(library if library in ("diffusers", "transformers") else f"diffusers.pipelines.{library}"), name, None
        )
        if found is None:
            raise _unfit(component, library, name, file, f"those of the installed {library}, which has none of that name")
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
    return UserError(f"{file}: the {component} is of the class {said!a}, and noisewalk knows {known}")


def require(library: str) -> Any:
    """Import diffusers, transformers or a module of theirs.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise UserError(f"models in diffusers' format need {library}: {install('diffusers')}") from error
