"""Prompt embeddings that were made elsewhere, read from a file."""

from __future__ import annotations

from pathlib import Path

import torch

from ...errors import UserError
from ..cache import LARGEST


def read_pth(path: Path) -> dict[str, torch.Tensor]:
    """Read a dictionary {prompt: (1, L, D) embedding} as the course hands it out, without running any code in it.

    Args:
        path: the .pth file.

    Raises:
        UserError: there is no such file, or it holds anything but tensors by prompt.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; give a .pth file that holds a dictionary {{prompt: embedding}}")
    try:
        if path.stat().st_size > 16 * LARGEST:
            raise UserError(f"{path} has {path.stat().st_size:,} bytes; the limit is {16 * LARGEST:,}")
        found = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # pickle has many kinds of errors
        raise UserError(f"{path} is not a file of tensors that can be read safely: {str(error).splitlines()[0]}") from error
    good = (
        isinstance(found, dict)
        and found
        and all(
            isinstance(k, str) and len(k) < 10_000 and isinstance(v, torch.Tensor) and _is_embedding(v)
            for k, v in found.items()
        )
    )
    if not good:
        raise UserError(f"{path} does not hold a dictionary of embeddings by prompt")
    return {k: v if v.ndim == 3 else v[None] for k, v in found.items()}


def _is_embedding(v: torch.Tensor) -> bool:
    """Return whether a tensor is (L, D) or (1, L, D) finite numbers; a shape may be larger than its file."""
    sizes = v.shape[-2:]
    known = v.ndim in (2, 3) and v.is_floating_point() and v.layout == torch.strided and (v.ndim == 2 or v.shape[0] == 1)
    return known and 1 <= sizes[0] <= 4096 and 1 <= sizes[1] <= 65536 and bool(v.isfinite().all())
