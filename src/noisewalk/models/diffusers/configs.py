"""The JSON files of a model folder: a schema for each kind of file, and what a config must never ask for.

A folder may come from anywhere. Its sizes are bounded here, before anything is built from them, and none of its code is run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict, TypeVar

import msgspec
from msgspec import Meta

from ...errors import UserError

LARGEST = 4 * 2**20
"""Most bytes of a config file; real ones have a few thousand."""
LARGEST_MAP = 64 * 2**20
"""Most bytes of a weight map or of another JSON file, such as a tokenizer."""
_DEEPEST = 32
_GREATEST = 2**24

Name = Annotated[str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_]{0,99}\Z")]
Side = Annotated[int, Meta(ge=1, le=4096)]
Channels = Annotated[int, Meta(ge=1, le=256)]
Width = Annotated[int, Meta(ge=1, le=65536)]
Timesteps = Annotated[int, Meta(ge=2, le=100_000)]
Beta = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(gt=0, le=1e4)]
Shift = Annotated[float, Meta(ge=-1e4, le=1e4)]
Tokens = Annotated[int, Meta(ge=1, le=2**24)]


class Index(TypedDict, total=False):
    """The content of model_index.json, apart from the components."""

    _class_name: Name
    default_sample_size: Side | None
    max_noise_level: Annotated[int, Meta(ge=0, le=999)] | None
    noise_scale: Annotated[float, Meta(gt=0, le=1e3)]
    requires_safety_checker: bool | None
    force_zeros_for_empty_prompt: bool
    id2label: Annotated[dict[str, Annotated[str, Meta(max_length=1000)]], Meta(max_length=65536)] | None


class Network(TypedDict, total=False):
    """The content of the config.json of a U-Net, a transformer or an autoencoder."""

    sample_size: Side | Annotated[list[Side], Meta(min_length=2, max_length=2)] | None
    in_channels: Channels | None
    out_channels: Channels | None
    latent_channels: Channels
    patch_size: Annotated[int, Meta(ge=1, le=64)] | None
    block_out_channels: Annotated[list[Width], Meta(min_length=1, max_length=10)]
    cross_attention_dim: Width | Annotated[list[Width], Meta(min_length=1, max_length=10)] | None
    encoder_hid_dim: Width | None
    time_cond_proj_dim: Width | None
    num_class_embeds: Width | None
    num_embeds_ada_norm: Width | None
    class_embed_type: str | None
    guidance_embeds: bool
    scaling_factor: Factor | None
    shift_factor: Shift | None
    latents_mean: list[float] | None
    latents_std: list[float] | None
    force_upcast: bool | None


class Scheduler(TypedDict, total=False):
    """The content of scheduler_config.json."""

    _class_name: Name
    num_train_timesteps: Timesteps
    beta_start: Beta
    beta_end: Beta
    beta_schedule: str
    trained_betas: Annotated[list[Beta], Meta(min_length=2, max_length=100_000)] | None
    prediction_type: str
    variance_type: str | None
    clip_sample: bool | None
    clip_sample_range: Factor | None
    thresholding: bool | None
    dynamic_thresholding_ratio: Annotated[float, Meta(gt=0, le=1)]
    sample_max_value: Annotated[float, Meta(ge=1, le=1e4)]
    timestep_spacing: str
    steps_offset: Annotated[int, Meta(ge=0, le=1000)]
    set_alpha_to_one: bool
    rescale_betas_zero_snr: bool | None
    lambda_min_clipped: float | str | None
    use_karras_sigmas: bool | None
    use_exponential_sigmas: bool | None
    use_beta_sigmas: bool | None
    use_lu_lambdas: bool | None
    use_flow_sigmas: bool | None
    flow_shift: Annotated[float, Meta(gt=0, le=1e3)] | None
    sigma_min: Annotated[float, Meta(gt=0, le=1e4)] | None
    sigma_max: Annotated[float, Meta(gt=0, le=1e4)] | None
    solver_order: Annotated[int, Meta(ge=1, le=10)] | None
    solver_type: str | None
    algorithm_type: str | None
    lower_order_final: bool | None
    euler_at_final: bool | None
    final_sigmas_type: str | None
    skip_prk_steps: bool | None
    predict_x0: bool | None
    interpolation_type: str | None
    timestep_type: str | None
    original_inference_steps: Annotated[int, Meta(ge=1, le=100_000)] | None
    timestep_scaling: Factor | None
    stochastic_sampling: bool | None
    invert_sigmas: bool | None
    sigma_data: Annotated[float, Meta(gt=0, le=1e4)]
    rho: Annotated[float, Meta(gt=0, le=100)]
    clip_denoised: bool
    shift_terminal: Annotated[float, Meta(ge=0, lt=1)] | None
    shift: Annotated[float, Meta(gt=0, le=1e3)]
    use_dynamic_shifting: bool
    base_image_seq_len: Tokens | None
    max_image_seq_len: Tokens | None
    base_shift: Annotated[float, Meta(ge=-20, le=20)] | None
    max_shift: Annotated[float, Meta(ge=-20, le=20)] | None
    time_shift_type: str


class WeightMap(TypedDict):
    """The index of weights in several files: the file of each tensor."""

    weight_map: dict[str, Annotated[str, Meta(pattern=r"\A[\w-][\w.-]{0,200}\.(safetensors|bin)\Z")]]


_FORBIDDEN = {
    "auto_map": "names code of the folder, and noisewalk runs none",
    "custom_pipelines": "names code of the folder, and noisewalk runs none",
    "quantization_config": "describes quantised weights, which noisewalk does not read",
    "attn_implementation": "chooses code to run; leave the key out",
    "_attn_implementation": "chooses code to run; leave the key out",
    "_attn_implementation_internal": "chooses code to run; leave the key out",
    "use_kernels": "chooses code to run; leave the key out",
}

T = TypeVar("T")


def read_json(file: Path, most: int = LARGEST) -> dict[str, Any]:
    """Read a JSON object of bounded size and depth that names no code to run.

    Args:
        file: the file.
        most: most bytes.

    Raises:
        UserError: it is not such an object; the message names the file.
    """
    with reading(file):
        size = file.stat().st_size
        if size > most:
            raise UserError(f"{file} has {size:,} bytes, but the limit is {most:,}; it is not a file of a model folder")
        found = json.loads(file.read_bytes().decode())
        if not isinstance(found, dict):
            raise UserError(f"{file} is damaged, because it does not hold a JSON object; download the model again")
        for key, why in _FORBIDDEN.items():
            if found.get(key):
                raise UserError(f"{file}: {key} {why}")
        return found


def validate(found: dict[str, Any], schema: type[T], file: Path) -> T:
    """Return the part of a file's content that noisewalk uses, with the right types and within bounds.

    Args:
        found: the content; keys that the schema does not have are left out.
        schema: a TypedDict.
        file: the file, for the message.

    Raises:
        UserError: a value is wrong; the message names the file and the key.
    """
    try:
        return msgspec.convert(found, schema)
    except msgspec.ValidationError as error:
        raise UserError(f"{file}: {str(error).replace('`', '')}") from error


def bounded(value: Any, file: Path, key: str = "", depth: int = 0) -> None:
    """Check that every number of a component's config is one that a network can have.

    Layers matter most, because each takes time to build.

    Raises:
        UserError: a number is out of bounds; the message names the file, the key and the number.
    """
    if isinstance(value, dict | list):
        if depth > _DEEPEST or len(value) > 65536:
            raise UserError(f"{file}: {key} is nested too deeply or is too long for the config of a network")
        for name, each in value.items() if isinstance(value, dict) else ((key, each) for each in value):
            bounded(each, file, str(name)[:80], depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        is_count = any(word in key for word in ("layers", "depth", "num_blocks"))
        most = 256 if is_count else _GREATEST
        if not (0 if is_count else -most) <= value <= most:
            raise UserError(f"{file}: {key} is {value:.6g}, which no network has; it must be at most {most:,}")


@contextmanager
def reading(file: Path, what: str = "read") -> Iterator[None]:
    """Turn whatever the libraries raise about a file into one line that names the file.

    Args:
        file: the file, or the file that something is built from.
        what: what is done with it, after "cannot".
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # TypeError, KeyError, ZeroDivisionError, RuntimeError, RecursionError ...: they are many
        raise UserError(
            f"cannot {what} {file} ({type(error).__name__}: {first_line(error)}); download the model again, or correct the file"
        ) from error


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line of at most 200 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
