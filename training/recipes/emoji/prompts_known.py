"""Measure which names the emoji model draws correctly, and below which cosine a prompt is far from all of them.

    NOISEWALK_DATA=... python prompts_known.py draw RECORD.json     (the drawings of the recipe, rendered at 64 pixels)
    python prompts_known.py calibrate RECORD.json

`draw` makes one picture of every candidate (pictograms that only parts of the training saw, and keywords), and the bundled
scorer chooses the best of twenty names; the same command continues where it stopped. `calibrate` prints the cosine to the
nearest concept of the model's world above which a word is drawn correctly more often than not.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import torch
from pictures.captions import with_article
from pictures.dataset import World, read_pictures
from pictures.evaluate import drawn

from noisewalk.files import write_atomic
from noisewalk.judge.image_text import load_scorer
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.vocabulary import Vocabulary
from noisewalk.models.text.words import load_words
from noisewalk.models.zoo import load

STEPS, GUIDANCE, BATCH = 8, 3.0, 16
Record = dict[str, dict[str, list[str]]]
"""By kind of candidate, those that were drawn "right" and "wrong"."""


def candidates() -> tuple[list[str], dict[str, list[str]]]:
    """Return the first names of the world's concepts, and other words by their kind."""
    _, index = read_pictures(64)
    concepts, wider = World().concepts(index), World(silhouettes="named").concepts(index)
    rows = {row["key"]: row for row in index}
    names = {name for key in concepts for name in rows[key]["names"]}
    pictograms = {rows[key]["names"][0] for key in wider - concepts}
    keywords = {word for key in concepts for word in rows[key]["keywords"]}
    found = {"pictogram": pictograms - names, "keyword": keywords - names - pictograms}
    first = sorted(rows[key]["names"][0] for key in concepts)
    return first, {kind: sorted(word for word in words if word.isalpha()) for kind, words in found.items()}


def draw(record: Path) -> None:
    torch.set_num_threads(1)
    model, scorer = load("emoji"), load_scorer()
    names, asked = candidates()
    done: Record = read(record) if record.exists() else {}
    for kind, words in asked.items():
        found = done.setdefault(kind, {"right": [], "wrong": []})
        seen = {*found["right"], *found["wrong"]}
        left = [word for word in random.Random(0).sample(words, len(words)) if word not in seen]
        for start in range(0, len(left), BATCH):
            part = left[start : start + BATCH]
            pictures = torch.cat(list(drawn(model, [with_article(word) for word in part], GUIDANCE, STEPS)))
            for word, picture in zip(part, pictures, strict=True):
                wrong = random.Random(word).sample([name for name in names if word not in name], 19)
                scores = scorer.score(picture[None], [with_article(name) for name in (word, *wrong)])[0]
                found["right" if scores[0] > scores[1:].max() else "wrong"].append(word)
            write_atomic(record, json.dumps(done).encode() + b"\n")


def read(record: Path) -> Record:
    found: Record = json.loads(record.read_text())
    return found


def calibrate(record: Path) -> None:
    """Print how many words at each cosine were drawn correctly, and the cosine at which a fitted logistic curve is one half."""
    table, encode = load_words(), load("emoji").encode
    assert isinstance(encode, TextPrompts)
    assert encode.vocabulary is not None
    asked = {word: how == "right" for kind in read(record).values() for how, words in kind.items() for word in words}
    world = Vocabulary(table, [name for name in encode.vocabulary.known if name not in asked], tuple(encode.vocabulary.filler))
    near = {word: found[0][1] for word in asked if (found := world.nearest(word, 1))}
    cosines, right = torch.tensor(list(near.values())), torch.tensor([float(asked[word]) for word in near])
    for least in (0.0, *(i / 20 for i in range(6, 19))):
        within = (cosines >= least) & (cosines < (least + 0.05 if least else 0.3))
        print(f"{least:.2f}  {int(within.sum()):5} words, {float(right[within].mean()):.0%} drawn correctly")
    line = torch.zeros(2, requires_grad=True)
    fit = torch.optim.LBFGS([line], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        fit.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(line[0] * cosines + line[1], right)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    fit.step(loss)  # type: ignore[no-untyped-call]
    print(f"one half at a cosine of {float(-line[1] / line[0]):.2f}, of {len(near):,} words")


if __name__ == "__main__":
    {"draw": draw, "calibrate": calibrate}[sys.argv[1]](Path(sys.argv[2]))
