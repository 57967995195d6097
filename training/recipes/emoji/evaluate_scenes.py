"""Measure how well a model draws scenes, colours or prompts: python evaluate_scenes.py scenes --model runs/emoji-64."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from pictures.captions import with_article
from pictures.composed import RELATIONS, SEEN, main_colour, pairs, seen
from pictures.evaluate import drawn
from pictures.pool import read_pool
from torch import Tensor

from noisewalk.files import write_atomic
from noisewalk.images import encode_png, to_image
from noisewalk.judge.image_text import BUNDLED, ImageTextScorer, load_scorer
from noisewalk.models.zoo import Pretrained, load
from noisewalk.training.data import from_uint8

HERE = Path(__file__).parent
SECOND = HERE / "second-scorer.safetensors"
THINGS = (
    "bird", "cat", "dog", "fish", "car", "house", "apple", "flower", "butterfly", "boat", "shirt", "balloon", "mushroom",
    "horse", "frog", "bus", "guitar", "hat", "book", "rabbit",
)  # fmt: skip
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
Walk = tuple[int | None, float | None]


def main(
    what: tyro.conf.Positional[Literal["scenes", "colours", "prompts"]],
    model: str = "emoji",
    num: int = 200,
    seeds: int = 4,
    steps: int | None = None,
    guidance_scale: float | None = None,
    scorer: Path = BUNDLED,
    second: Path = SECOND,
    out: Path = Path("evaluation"),
    threads: int = 1,
) -> None:
    """Write OUT/WHAT.json and a sheet OUT/WHAT.png.

    Args:
        what: scenes (held-out pairs in a relation, beside real scenes of the same pairs), colours (20 things in 8 colours) or
            prompts (those of prompts.json).
        model: a run folder, a .safetensors file or a bundled model.
        num: the number of scenes.
        seeds: the number of seeds per prompt, from 0.
        steps: the steps of a walk; the default is the model's.
        guidance_scale: the guidance scale; the default is the model's.
        scorer: the image-text scorer.
        second: the second scorer, which judges prompts.
        out: the folder to write.
        threads: the threads of PyTorch.
    """
    torch.set_num_threads(threads)
    scorers = {"scorer": load_scorer(scorer), "second": load_scorer(second)}
    found, walk = load(model), (steps, guidance_scale)
    report: dict[str, Any] = {"how": f"{model}, steps {steps or 'default'}, guidance {guidance_scale or 'default'}"}
    report["machine"] = f"{os.cpu_count()} cores, {threads} threads, torch {torch.__version__}"
    if what == "scenes":
        sheet = scenes(found, walk, scorers, num, report)
    elif what == "colours":
        sheet = colours(found, walk, scorers, report)
    else:
        sheet = prompts(found, walk, scorers["second"], seeds, report)
    write_atomic(out / f"{what}.png", encode_png(to_image(sheet)))
    write_atomic(out / f"{what}.json", (json.dumps(report, indent=2) + "\n").encode())
    for name, value in report.items():
        print(f"{name:58}{value if isinstance(value, str) else f'{value:.3f}'}")


def draw(model: Pretrained, walk: Walk, said: Sequence[str]) -> Tensor:
    """Return pictures (N, 3, S, S) in [-1, 1] of prompts, prompt i with seed i."""
    guidance = model.defaults.guidance_scale if walk[1] is None else walk[1]
    return torch.cat(list(drawn(model, said, guidance, walk[0] or model.defaults.steps)))


def scenes(model: Pretrained, walk: Walk, scorers: dict[str, ImageTextScorer], num: int, report: dict[str, Any]) -> Tensor:
    """Measure how often both things and their relation are found, in generated and in real scenes of held-out pairs."""
    pictures, index = read_pool(Path(os.environ.get("NOISEWALK_DATA", ".")), 64, "held out")
    asked = pairs(index, num)
    made, real = draw(model, walk, [pair.prompt for pair in asked]), from_uint8(pictures[[pair.row for pair in asked]])
    for name, scorer in scorers.items():
        for kind, shown in (("drawn", made), ("real", real)):
            found = seen(scorer, shown, asked).float()
            for relation in (*RELATIONS, ""):
                rows = [i for i, pair in enumerate(asked) if relation in ("", pair.relation)]
                if rows:
                    shares = dict(zip(SEEN, found[rows].mean(0).tolist(), strict=True))
                    about = f"{name}, {kind}, {relation or 'all'} ({len(rows)})"
                    report |= {f"{about}: {what}": share for what, share in shares.items()}
    return grid(made[:48], 12)


def colours(model: Pretrained, walk: Walk, scorers: dict[str, ImageTextScorer], report: dict[str, Any]) -> Tensor:
    """Measure how often the colour is correct, and how often the thing is named correctly among the twenty."""
    asked = [(thing, colour) for thing in THINGS for colour in COLOURS]
    made = draw(model, walk, [with_article(f"{colour} {thing}") for thing, colour in asked])
    right = [main_colour(picture) == colour for picture, (_, colour) in zip(made, asked, strict=True)]
    report["colour as asked"] = sum(right) / len(right)
    for name, scorer in scorers.items():
        best = scorer.score(made, [with_article(thing) for thing in THINGS]).argmax(1)
        report[f"{name}: thing among 20"] = sum(THINGS[i] == thing for i, (thing, _) in zip(best, asked, strict=True)) / len(
            asked
        )
    return grid(made, len(COLOURS) * 2)


def prompts(model: Pretrained, walk: Walk, judge: ImageTextScorer, seeds: int, report: dict[str, Any]) -> Tensor:
    """Make each prompt of the list with several seeds, and measure how often the scorer picks it among twenty of the list."""
    lists = json.loads((HERE / "prompts.json").read_text())
    said = [prompt for kind in ("reports", "course", "plan") for prompt in lists[kind]]
    rows = []
    for i, prompt in enumerate(said):
        made = draw(model, walk, [prompt] * seeds)
        rows.append(torch.cat(list(made), 2))
        others = [other for other in said[i + 1 :] + said[:i] if other.strip()][:19]
        if prompt.strip():
            scores = judge.score(made, [prompt, *others])
            report[prompt] = float((scores.argmax(1) == 0).float().mean())
    blank = torch.ones_like(rows[0])
    rows += [blank] * (-len(rows) % 3)
    return torch.cat([torch.cat(rows[i : i + 3], 2) for i in range(0, len(rows), 3)], 1)


def grid(pictures: Tensor, columns: int) -> Tensor:
    """Put pictures (N, 3, S, S) side by side as (1, 3, rows S, columns S)."""
    blank = torch.ones_like(pictures[:1]).expand(-len(pictures) % columns, -1, -1, -1)
    lines = torch.split(torch.cat([pictures, blank]), columns)
    return torch.cat([torch.cat(list(line), 2) for line in lines], 1)


if __name__ == "__main__":
    from _edge import edge

    edge(main)
