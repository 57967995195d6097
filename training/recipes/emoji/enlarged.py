"""Enlarge held-out drawings with an upscaler, beside the originals: python enlarged.py runs/upscaler sheet.png."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from pictures.captions import caption
from pictures.dataset import World, select
from pictures.pairs import soften
from torch import Tensor

from noisewalk.files import write_atomic
from noisewalk.guidance import cfg
from noisewalk.images import encode_png, to_image
from noisewalk.models.nets.upscaler_unet import enlarge
from noisewalk.models.zoo import load_upscaler, weights_path
from noisewalk.training.data import from_uint8
from noisewalk.walk import SeededNoise, ddim, levels, linspace, sample


def main(
    model: tyro.conf.Positional[str],
    out: tyro.conf.Positional[Path],
    num: int = 12,
    steps: int = 8,
    guidance_scale: float = 1.0,
    noise_level: int = 250,
    blur: float = 0.0,
    threads: int = 1,
) -> None:
    """Draw a column per drawing: the small one enlarged bilinearly, the one from the upscaler, and the original.

    Args:
        model: a run folder or a .safetensors file.
        out: the PNG to write.
        num: the number of drawings, from pairs that were never trained on.
        steps: the steps of the walk, with one network call each.
        guidance_scale: the scale of classifier-free guidance by the caption.
        noise_level: the timestep to which the small picture is noised.
        blur: how much the small picture is softened first, in halvings of its resolution.
        threads: the threads of PyTorch.
    """
    torch.set_num_threads(threads)
    upscaler = load_upscaler(weights_path(model), torch.device("cpu"), torch.float32)
    size = upscaler.pretrained.shape[-1]
    pictures, rows = select(size, World(), "held out")
    chosen = torch.linspace(0, len(rows) - 1, num).long()
    real = from_uint8(pictures[chosen])
    low = soften(F.avg_pool2d(real, 4), torch.full((num,), blur))
    noise = SeededNoise(range(num))
    drawn = []
    for i, row in enumerate(chosen.tolist()):
        noise = SeededNoise([i])
        stage = upscaler.conditioned_on(low[i : i + 1], noise.stream("low"), noise_level)
        prompt = caption(rows[row]["names"][0], rows[row]["style"])
        path = levels(stage.schedule, linspace(stage.schedule, steps))
        walk = sample(
            cfg(stage.bind(prompt), stage.bind(""), guidance_scale), stage.start(path[0], 1, noise), path, ddim(), noise
        )
        *_, last = walk
        drawn.append(last.x_t.clamp(-1, 1))
    plain, made = enlarge(low, size), torch.cat(drawn)
    print(f"PSNR against the true drawings: bilinear {psnr(plain, real):.2f} dB, upscaler {psnr(made, real):.2f} dB")
    write_atomic(out, encode_png(to_image(torch.cat([torch.cat(list(each), 2) for each in (plain, made, real)], 1))))


def psnr(x: Tensor, reference: Tensor) -> float:
    """Return the mean over pictures of the PSNR, 10 log10(4 / mse), for data in [-1, 1]."""
    return float((10 * (4 / (x - reference).square().flatten(1).mean(1)).log10()).mean())


if __name__ == "__main__":
    from _edge import edge

    edge(main)
