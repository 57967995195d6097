"""Make the anagrams and hybrids of the reports' pairs, and score them: python both_ways.py --model runs/emoji-64."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

import noisewalk as nw
from noisewalk.files import write_atomic
from noisewalk.images import encode_png, to_image
from noisewalk.judge.image_text import BUNDLED, ImageTextScorer, load_scorer
from noisewalk.models.zoo import Pretrained, load

HERE = Path(__file__).parent


def main(
    model: str = "emoji",
    upsample: int = 0,
    seeds: int = 4,
    steps: int | None = None,
    guidance_scale: float = 3.0,
    scorer: Path = BUNDLED,
    out: Path = Path("evaluation"),
    threads: int = 1,
) -> None:
    """Write OUT/illusions.png with a row per pair, and print for how many seeds both prompts are read.

    An anagram is read upright and upside down. A hybrid is read far (at a quarter of its size, enlarged again) and near. A
    prompt is read if the scorer prefers it to the other prompt of the pair.

    Args:
        model: a run folder, a .safetensors file or a bundled model.
        upsample: the number of further stages: 1 for 256x256, if there is an upscaler.
        seeds: the number of seeds per pair, from 0.
        steps: the steps of the walk; None for the model's default.
        guidance_scale: the guidance scale of the walk.
        scorer: the image-text scorer.
        out: the folder to write.
        threads: the threads of PyTorch.
    """
    torch.set_num_threads(threads)
    pairs, found, judge = json.loads((HERE / "prompts.json").read_text()), load(model), load_scorer(scorer)
    rows = []
    for kind in ("anagrams", "hybrids"):
        for first, second in pairs[kind]:
            made = drawn(found, kind, first, second, (upsample, seeds, steps or found.defaults.steps, guidance_scale))
            views = (made, made.rot90(2, (2, 3))) if kind == "anagrams" else (afar(made), made)
            print(f"{kind[:-1]:8} {first!r} / {second!r}: {read(judge, views, first, second)} of {seeds} read both ways")
            rows.append(torch.cat([torch.cat(list(each), 2) for each in views], 2))
    write_atomic(out / "illusions.png", encode_png(to_image(torch.cat(rows, 1))))


def drawn(model: Pretrained, kind: str, first: str, second: str, how: tuple[int, int, int, float]) -> Tensor:
    """Return pictures (N, 3, S, S) in [-1, 1] of a pair; `how` is (further stages, seeds, steps, guidance scale)."""
    upsample, seeds, steps, guidance = how
    if kind == "anagrams":
        views = ["identity", "rotate180"]
        made = nw.anagram(
            model, [first, second], views, upsample=upsample, num=seeds, seed=0, steps=steps, guidance_scale=guidance
        )
    else:
        sigma = model.shape[-1] / 32
        made = nw.hybrid(
            model, first, second, sigma=sigma, upsample=upsample, num=seeds, seed=0, steps=steps, guidance_scale=guidance
        )
    return made.tensor


def afar(pictures: Tensor) -> Tensor:
    """Return pictures at a quarter of their size, enlarged again."""
    small = torch.nn.functional.avg_pool2d(pictures, 4)
    return torch.nn.functional.interpolate(small, pictures.shape[-2:], mode="bilinear", align_corners=False)


def read(judge: ImageTextScorer, views: tuple[Tensor, Tensor], first: str, second: str) -> int:
    """Return for how many pictures the scorer prefers the first prompt in the first view, and the second in the second."""
    one, other = (judge.score(each, [first, second]) for each in views)
    return int(((one[:, 0] > one[:, 1]) & (other[:, 1] > other[:, 0])).sum())


if __name__ == "__main__":
    from _edge import edge

    edge(main)
