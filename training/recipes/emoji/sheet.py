"""Draw a sheet of prompts with a run or a packed model: python sheet.py runs/emoji sheet.png."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import tyro
from PIL import Image

from noisewalk.guidance import cfg
from noisewalk.models.zoo import load
from noisewalk.walk import SeededNoise, heun, levels, linspace, sample

PROMPTS = (
    "a rocket", "a rocket ship, flat icon", "a skull", "a silhouette of a skull", "an old man", "a man wearing a hat",
    "a house", "a pencil", "a campfire", "a snowy mountain", "a dog face", "a red apple, 3d icon", "a pizza", "a duck",
    "a smiling face with sunglasses", "a red heart", "an oil painting of a snowy mountain village", "a castle, cartoon icon",
    "a tree", "a fish, minimal icon", "a bicycle", "a crown", "a ghost", "",
)  # fmt: skip


def main(
    model: tyro.conf.Positional[str],
    out: tyro.conf.Positional[Path],
    prompts: Annotated[tuple[str, ...], tyro.conf.arg(name="prompt")] = PROMPTS,
    num: int = 4,
    steps: int = 10,
    guidance_scale: float = 3.0,
    zoom: int = 3,
    threads: int = 1,
) -> None:
    """Draw a row of `num` seeds for each prompt, with three prompts side by side.

    Args:
        model: a run folder, a .safetensors file or a bundled model.
        out: the PNG to write.
        prompts: the prompts.
        num: the number of seeds per prompt.
        steps: the steps of Heun's rule, with two network calls each except the last.
        guidance_scale: the scale of classifier-free guidance.
        zoom: the pixels of the sheet per pixel of a picture.
        threads: the threads of PyTorch.
    """
    torch.set_num_threads(threads)
    drawn = load(model)
    pictures = []
    for prompt in prompts:
        noise = SeededNoise(range(num))
        walk = levels(drawn.schedule, linspace(drawn.schedule, steps))
        denoiser = cfg(drawn.bind(prompt), drawn.bind(""), guidance_scale)
        x = walk[0].sigma * noise(torch.empty(num, *drawn.shape))
        *_, last = sample(denoiser, x, walk, heun(), noise.stream("steps"))
        pictures.append(last.x_t.clamp(-1, 1))
    rows = [torch.cat(list(p), dim=2) for p in pictures]
    while len(rows) % 3:
        rows.append(torch.ones_like(rows[0]))
    sheet = torch.cat([torch.cat(rows[i : i + 3], dim=2) for i in range(0, len(rows), 3)], dim=1)
    pixels = ((sheet + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels)
    picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST).save(out)
    for i, prompt in enumerate(prompts):
        print(f"row {i // 3}, block {i % 3}: {prompt!r}")


if __name__ == "__main__":
    from _edge import edge

    edge(main)
