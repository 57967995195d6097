"""Training the image-text scorer: distortions, the contrastive loss, and that a scorer learns."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from pictures.captions import caption
from pictures.dataset import Captioned
from pictures.evaluate import copies, picked, questions
from pictures.pairs import Distort, Pairs, contrastive_loss, pairs_loss, soften
from torch import Tensor

from noisewalk import UserError
from noisewalk.judge.image_text import ImageTextScorer, load_scorer
from noisewalk.judge.pairs import PairConfig, PairNetwork, pair_config
from noisewalk.models.checkpoint import RUN_CHECKPOINT
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.words import load_words
from noisewalk.training.loop import TrainConfig
from noisewalk.training.pack import pack
from noisewalk.training.recipe_type import Recipe
from noisewalk.training.runs import run

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = PairConfig(widths=(16, 16, 16), text_dim=16, text_heads=2, embed_dim=8, max_tokens=4)
COLOURS = {"red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1), "yellow": (1, 1, -1), "black": (-1, -1, -1)}
STILL = Distort(degrees=0, scale=0, shift=0, blur=0, colour=0, noise=0, erase=0)


def random_pictures(num: int, size: int = 32) -> Tensor:
    return torch.rand(num, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_without_other_drawings_of_a_concept_the_loss_is_clips() -> None:
    logits = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)) * 3
    own = torch.arange(6)
    both = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    torch.testing.assert_close(contrastive_loss(logits, own).mean(), both)


def test_another_drawing_of_the_same_thing_is_no_wrong_answer() -> None:
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(0)) * 3
    concepts = torch.tensor([0, 1, 0, 2, 3])
    rest = torch.tensor([0, 1, 3, 4])
    torch.testing.assert_close(contrastive_loss(logits, concepts)[0], contrastive_loss(logits[rest][:, rest], rest)[0])


def test_distortions_of_nothing_are_the_picture_or_its_mirror_image() -> None:
    x = random_pictures(40)
    y = STILL(x, torch.Generator().manual_seed(0))
    kept = (y - x).flatten(1).abs().amax(1) < 1e-5
    mirrored = (y - x.flip(3)).flatten(1).abs().amax(1) < 1e-5
    assert bool((kept | mirrored).all())
    assert 8 < int(kept.sum()) < 32


def test_white_stays_white_under_all_distortions_but_noise() -> None:
    white = torch.ones(16, 3, 32, 32)
    torch.testing.assert_close(replace(Distort(), noise=0)(white, torch.Generator().manual_seed(0)), white)
    x = random_pictures(16)
    distorted = [Distort()(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(distorted[0], distorted[1])
    assert not torch.equal(distorted[0], distorted[2])


def test_softening_goes_from_the_picture_to_its_halvings() -> None:
    x = random_pictures(3)
    half = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
    soft = soften(x, torch.tensor([0.0, 1.0, 0.25]))
    for got, expected in zip(soft, (x[0], half[1], 0.75 * x[2] + 0.25 * half[2]), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("words", ["reader", "bag"])
@pytest.mark.parametrize("pictures", ["residual", "plain"])
def test_a_score_depends_on_its_picture_and_its_words_alone(pictures: str, words: str) -> None:
    torch.manual_seed(0)
    config = replace(SMALL, pictures=pictures, words=words, max_tokens=8)
    assert pair_config(json.loads(json.dumps(asdict(config)))) == config
    scorer = ImageTextScorer(PairNetwork(config), TextPrompts(load_words(), 8), ("rocket", "skull"))
    x = random_pictures(7)
    prompts = ["a rocket", "an old man", ""]
    together = scorer.score(x, prompts)
    alone = torch.cat([scorer.score(x[i : i + 1], prompts[::-1]).flip(1) for i in range(7)])
    assert torch.equal(alone, together)
    torch.testing.assert_close(together[:, 2], scorer.score(x, ["rocket", "skull"]).amax(1))
    longer = ImageTextScorer(scorer.network, TextPrompts(load_words(), 5))  # fewer empty places: the same words
    torch.testing.assert_close(longer.score(x, ["a rocket"]), together[:, :1], atol=1e-5, rtol=0)
    large = x.repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(scorer.score(large, prompts), together, atol=1e-4, rtol=0)
    with pytest.raises(UserError, match="cannot read the prompt '火箭'"):
        scorer.score(x, ["火箭"])


def coloured() -> Recipe:
    """Squares of five colours, and their words."""
    prompts = TextPrompts(load_words(), SMALL.max_tokens)
    tokens, masks = prompts.rows([f"a {name} square" for name in COLOURS])
    squares = ((torch.tensor(list(COLOURS.values())) + 1) * 127.5).to(torch.uint8)[:, :, None, None].expand(-1, -1, 32, 32)
    captioned = Captioned(squares.contiguous(), tokens.int()[:, None], masks[:, None], prompts.table)
    config = TrainConfig(40, 5, 3e-3, warmup=5, decay="none", ema_decay=0.9, bf16=False)
    data = Pairs(captioned, torch.arange(len(COLOURS)))
    card = {"network": "pair", "config": asdict(SMALL)}
    gentle = replace(Distort(), colour=0.05, erase=0)
    return Recipe(lambda: PairNetwork(SMALL), lambda: data, partial(pairs_loss, gentle), config, card)


def test_a_trained_scorer_names_what_it_sees_is_packed_and_checked(tmp_path: Path) -> None:
    for _ in run(coloured(), coloured().config, tmp_path / "run"):
        pass
    card = pack(tmp_path / "run", tmp_path / "packed.safetensors", {"kind": "scorer", "known": list(COLOURS)})
    pictures = torch.tensor(list(COLOURS.values())).float()[:, :, None, None].expand(-1, -1, 48, 48)
    for path in (tmp_path / "run", tmp_path / "run" / RUN_CHECKPOINT, tmp_path / "packed.safetensors"):
        scores = load_scorer(path).score(pictures, [f"a {name} square" for name in COLOURS])
        assert scores.argmax(1).tolist() == list(range(len(COLOURS)))
    assert card["sha256"] == hashlib.sha256((tmp_path / "packed.safetensors").read_bytes()).hexdigest()
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((tmp_path / "packed.safetensors").read_bytes()[:-1] + b"x")
    damaged.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=rf"are damaged \(their SHA-256 is \w+…, not {card['sha256'][:16]}…\)"):
        load_scorer(damaged)
    with pytest.raises(UserError, match="there are no weights at"):
        load_scorer(tmp_path / "missing.safetensors")


def row(key: str, style: str) -> dict[str, object]:
    return {"key": key, "names": [key], "keywords": [], "style": style}


def test_a_question_is_one_true_caption_among_others_of_the_same_style() -> None:
    others = [row(f"thing {i}", "noto") for i in range(30)]
    asked = questions([row("thing 3", "twemoji"), row("thing 4", "noto")], others, among=20)
    assert [q.captions[0] for q in asked] == [caption("thing 3", "twemoji"), caption("thing 4", "noto")]
    for question, style in zip(asked, ("flat icon", "cartoon icon"), strict=True):
        assert len(set(question.captions)) == 20
        assert all(text.endswith(style) for text in question.captions)


def test_an_answer_is_right_if_the_true_caption_scores_highest() -> None:
    others = [row(f"thing {i}", "noto") for i in range(30)]
    asked = questions(others[:5], others, among=4)

    class Knows(ImageTextScorer):
        def __init__(self) -> None: ...

        def score(self, pictures: Tensor, prompts: list[str]) -> Tensor:  # type: ignore[override]
            return torch.tensor([[float(text == f"a thing {i}, cartoon icon") for text in prompts] for i in (0, 1, 2, 9, 9)])

    assert picked(Knows(), torch.zeros(5, 3, 4, 4), asked).tolist() == [True, True, True, False, False]


def test_copies_are_told_from_pictures_that_are_only_alike() -> None:
    train, held_out = random_pictures(50, 8), random_pictures(150, 8)[50:]
    drawn = torch.cat([train[7:8] + 0.01, random_pictures(151, 8)[150:]])
    found = copies(drawn, train, held_out)
    assert found.near == 0.5
    assert int(found.rows[0]) == 7
