"""A CLIP from a folder scores as transformers' own pipeline does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from noisewalk import UserError, load
from noisewalk.judge.scorer import get_scorer

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CLIP, saved as real ones are."""
    folder = tmp_path_factory.mktemp("clip")
    words = [
        "<|startoftext|>",
        "<|endoftext|>",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"{c}</w>" for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    tokenizer.save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **size,
        "vocab_size": len(words),
        "max_position_embeddings": 16,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
    }
    vision = {**size, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    transformers.CLIPModel(config).eval().save_pretrained(folder)
    square = {"height": 32, "width": 32}
    transformers.CLIPImageProcessor(crop_size=square, size={"shortest_edge": 32}).save_pretrained(folder)
    return folder


def test_scores_are_those_of_transformers(folder: Path) -> None:
    """At the processor's own size, where no resizing is involved: pictures in [-1, 1] against the same in 8 bits."""
    levels = torch.randint(0, 256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    scorer = get_scorer(f"clip:{folder}", load("digits"))
    got = scorer.score(levels / 127.5 - 1, ["a cat", "the dog sat"])
    model = transformers.CLIPModel.from_pretrained(folder).eval()
    pixels = transformers.CLIPImageProcessor.from_pretrained(folder)(list(levels.to(torch.uint8)), return_tensors="pt")
    words = transformers.AutoTokenizer.from_pretrained(folder)(["a cat", "the dog sat"], padding=True, return_tensors="pt")
    with torch.no_grad():
        wanted = model(**words, **pixels).logits_per_image
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4)


def test_any_size_and_grey_pictures_are_seen(folder: Path) -> None:
    scorer = get_scorer(f"clip:{folder}", load("digits"))
    x = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    scores = scorer.score(x, ["seven"])
    assert scores.shape == (2, 1)
    torch.testing.assert_close(scores[1:], scorer.score(x[1:], ["seven"]), rtol=0, atol=1e-4)


def test_a_folder_without_a_clip_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no CLIP '"):
        get_scorer(f"clip:{tmp_path}", load("digits"))
    with pytest.raises(UserError, match="write clip:FOLDER or clip:HUB/ID"):
        get_scorer("clip:", load("digits"))


def test_a_clip_of_the_hub_is_found_in_its_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder, tmp_path / "models--own--clip/snapshots/1234")
    (tmp_path / "models--own--clip/refs").mkdir()
    (tmp_path / "models--own--clip/refs/main").write_text("1234")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    picture, model = torch.zeros(1, 3, 32, 32), load("digits")
    scores = [get_scorer(name, model, True).score(picture, ["a cat"]) for name in ("clip:own/clip", f"clip:{folder}")]
    assert torch.equal(*scores)
    with pytest.raises(UserError, match="there is no CLIP 'own/other' in the hub's cache"):
        get_scorer("clip:own/other", model, offline=True)
