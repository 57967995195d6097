"""Pack a run as weights to ship, with a card of data, licences and quality: python pack.py RUN scorer OUT.safetensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from pictures.captions import MEDIA, STYLES
from pictures.dataset import RENDERED, World, read_pictures
from pictures.packages import PACKAGES
from pictures.recipes import EVERYTHING

from noisewalk.files import write_atomic
from noisewalk.models.checkpoint import network_weights, save_tensors, to_float16
from noisewalk.models.text.words import words
from noisewalk.models.zoo import weights_path
from noisewalk.training.pack import pack
from noisewalk.training.saving import MAX_FILE

WHAT = {
    "model": "emoji, pictograms and scenes of them from a prompt, 64x64",
    "upscaler": "emoji and pictograms, 64x64 to 256x256",
    "scorer": "how well a picture shows a prompt, of emoji and pictograms",
}

COMMANDS = {"model": "stage1", "upscaler": "upscaler-256", "scorer": "scorer"}

PARTNERS = [
    f"{'an' if name[0] in 'aeio' else 'a'} {name}"
    for name in (
        "old man", "old woman", "skull", "rocket", "house", "castle", "mountain", "tree", "flower", "sunflower", "rose",
        "cactus", "mushroom", "strawberry", "red apple", "banana", "pizza", "ice cream", "fish", "whale", "bird", "owl",
        "penguin", "duck", "cat face", "dog face", "fox", "rabbit face", "lion", "bear", "pig face", "elephant", "snail",
        "butterfly", "snowman", "ghost", "robot", "smiling face", "crown", "top hat", "trophy", "bell", "guitar", "pencil",
        "key", "umbrella", "ship", "bus", "bicycle", "crescent moon", "star", "red heart",
    )
]  # fmt: skip
"""What `noisewalk suggest` chooses partners from: things of distinct shapes."""

SCENES = (
    "village", "mountain village", "snowy mountain village", "houses in the snow", "forest", "snowy forest", "palm trees",
    "waterfall", "waterfalls", "campfire", "people around a campfire", "high quality photo",
)  # fmt: skip
"""Names that are no concept's, but that scenes and neutral captions have taught."""


def main(
    run: tyro.conf.Positional[Path],
    kind: tyro.conf.Positional[Literal["model", "upscaler", "scorer"]],
    out: tyro.conf.Positional[Path],
    quality: Path | None = None,
    guidance_scale: float = 3.0,
    command: str = "",
    record: Path | None = None,
    average: tuple[str, ...] = (),
) -> None:
    """Write OUT (.safetensors, float16) and its card (.json).

    Args:
        run: the run folder.
        kind: the kind of network.
        out: the file to write.
        quality: evaluation.json of evaluate.py, which the card keeps.
        command: how it was trained, if not by the recipe alone.
        guidance_scale: the default guidance scale of a model.
        record: the keywords and pictograms that a model draws correctly, measured by prompts_known.py; besides the names, only
            these count as known.
        average: packed models whose weights are averaged with those of the run. The mean of runs that went on from the same
            weights is often better than each of them (Wortsman et al., *Model soups*, 2022, https://arxiv.org/abs/2203.05482).
    """
    card: dict[str, Any] = {
        "kind": kind,
        "what": WHAT[kind],
        "data": [f"{p.name} {p.version}, {p.licence}: {p.credit}" for p in PACKAGES],
        "command": command or f"python train.py {COMMANDS[kind]}, see training/recipes/emoji/README.md",
        "licence": "Apache-2.0 (weights); the drawings are under the licences listed",
        "quality": json.loads(quality.read_text()) if quality else {},
    }
    if kind != "upscaler":
        card["known"] = known(World() if kind == "model" else EVERYTHING, record)
    if kind == "model":
        card |= {"scorer": "emoji", "filler": filler(), "prompts": PARTNERS, "defaults": {"guidance_scale": guidance_scale}}
    card = pack(run, out, card)
    if average:
        card = averaged(out, card, average)
    print(f"{out} ({out.stat().st_size / 1e6:.2f} MB, {card['trained']['pictures_seen']:,} pictures seen)")


def averaged(out: Path, card: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Average packed weights with those of other models, and write them again with their card."""
    tensors, config = network_weights(out)
    every = [tensors, *(network_weights(weights_path(name))[0] for name in names)]
    mean = {key: torch.stack([each[key].float() for each in every]).mean(0) for key in tensors}
    save_tensors(out, to_float16(mean), config, MAX_FILE)
    card |= {"sha256": hashlib.sha256(out.read_bytes()).hexdigest()}
    write_atomic(out.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return card


def known(world: World, record: Path | None) -> list[str]:
    """Return the best names of a world's concepts, those of scenes, other names, and keywords or the words of a record."""
    _, index = read_pictures(RENDERED)
    concepts = world.concepts(index)
    rows = [row for row in index if row["key"] in concepts]
    best = [row["names"][0] for row in rows]
    other = [name for row in rows for name in row["names"]]
    if record is None:
        other += [word for row in rows for word in row["keywords"]]
    else:
        other += [word for kind in json.loads(record.read_text()).values() for word in kind["right"]]
    return list(dict.fromkeys([*best, *SCENES, *other]))


def filler() -> list[str]:
    """Return the words of styles and media, which are known but do not name a thing."""
    return sorted({word for phrase in (*MEDIA, *(p for ps in STYLES.values() for p in ps)) for word in words(phrase)})


if __name__ == "__main__":
    from _edge import edge

    edge(main)
