"""Words as vectors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from noisewalk import UserError
from noisewalk.models.checkpoint import save_tensors
from noisewalk.models.text.emoji import pieced, spelled
from noisewalk.models.text.text_prompts import TextPrompts
from noisewalk.models.text.vocabulary import Vocabulary
from noisewalk.models.text.words import BUNDLED, WordTable, load_words, words
from noisewalk.models.zoo import load

TABLE = WordTable(
    {name: i for i, name in enumerate(["a", "rock", "rocket", "##et", "##s", ",", "ship"])},
    torch.arange(14, dtype=torch.int8).view(7, 2),
    torch.full((7,), 0.5, dtype=torch.float16),
)


def test_words_are_spelled_with_the_longest_pieces() -> None:
    names = {i: name for name, i in TABLE.pieces.items()}
    spelled = [names[i] for i in TABLE.tokens("A rockets, ROCKET ship; xylophone")]
    assert spelled == ["a", "rocket", "##s", ",", "rocket", "ship"]
    assert TABLE.tokens("") == TABLE.tokens("日本") == TABLE.tokens("a" * 101) == []
    assert words("Ünïcode, it's") == ["unicode", ",", "it", "'", "s"]


def test_vectors_are_codes_times_scales() -> None:
    assert torch.equal(TABLE.vectors(torch.tensor([[1, 6]])), torch.tensor([[[1.0, 1.5], [6.0, 6.5]]]))


def test_prompts_are_padded_cut_and_empty_ones_say_nothing() -> None:
    prompts = TextPrompts(TABLE, 3)
    vectors, mask = prompts("a rocket")
    assert vectors.shape == (1, 3, 2)
    assert mask.tolist() == [[True, True, False]]
    assert prompts("a a a a a")[1].all()
    assert not prompts("")[1].any()


def test_the_bundled_table_is_small_and_knows_what_is_alike() -> None:
    table = load_words()
    assert BUNDLED.stat().st_size + BUNDLED.with_suffix(".json").stat().st_size <= 10e6

    def vector(text: str) -> torch.Tensor:
        return table.vectors(torch.tensor(table.tokens(text))).mean(0)

    def like(a: str, b: str) -> float:
        return float(F.cosine_similarity(vector(a), vector(b), dim=0))

    assert like("spaceship", "rocket") > like("spaceship", "pizza") + 0.2
    assert like("kitten", "cat") > like("kitten", "house") + 0.2
    assert len(table.tokens("an oil painting of a snowy mountain village")) == 8


def test_a_table_that_is_missing_or_does_not_fit_its_tokens_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "words.safetensors"
    with pytest.raises(UserError, match="there is no checkpoint"):
        load_words(path)
    save_tensors(path, {"codes": TABLE.codes, "scales": TABLE.scales}, {})
    with pytest.raises(UserError, match="reinstall noisewalk or make it again"):
        load_words(path)
    path.with_suffix(".json").write_text(json.dumps({"pieces": ["a"]}))
    with pytest.raises(UserError, match="has 7 vectors, but 1 tokens are listed"):
        load_words(path)


KNOWN = ("rocket", "dog face", "mountain", "church", "trumpet", "sea")


def test_a_prompt_is_far_if_none_of_its_words_is_near_anything_known() -> None:
    vocabulary = Vocabulary(load_words(), KNOWN, ("painting", "oil"))
    assert vocabulary.nearest("an oil painting of a puppy dog")[0][0] == "dog face"
    assert vocabulary.nearest("rocket", 2)[0] == ("rocket", pytest.approx(1.0, abs=1e-5))
    for near in ("a rocket ship", "an oil painting of a mountain", "the dog", "", "a painting"):
        assert not vocabulary.is_far(near)
    for far in ("a spreadsheet", "quantum chromodynamics", "a rocket scientist's spreadsheet of taxes", "?!"):
        assert vocabulary.is_far(far)


NEAR = (
    *("a rocket ship", "an old man", "a campfire", "an oil painting of a snowy mountain village"),
    *("a man wearing a hat", "a lithograph of a skull", "a pencil", "people around a campfire", "a puppy", "a kitten"),
    *("a burger", "a dinosaur", "a lemon", "a steam train", "a palm tree", "a sailing boat", "a bee", "a lamp", "waterfalls"),
    *("a lithograph of waterfalls", "a village at night", "a snowy forest", "a high quality photo", "a high-quality image"),
    *("a cute cat", "a big red apple", "a dog and a cat", "a handshake", "🐱", "👍🏽", "❤️"),
)
FAR = (
    *("asdfghjkl", "12", "a pagoda", "xyzzy", "qwertyuiop", "1234", "lorem ipsum dolor"),
    *("democracy", "inflation", "a theorem", "a mortgage", "photosynthesis", "thermodynamics", "grammar", "a lawsuit"),
    *("the meaning of life", "a diffusion model", "hello", "a lighthouse"),
    *("a windmill", "42", "a high resolution image"),
)


def test_far_is_what_the_bundled_model_does_not_draw(caplog: pytest.LogCaptureFixture) -> None:
    encode = load("emoji").encode
    assert isinstance(encode, TextPrompts)
    assert [prompt for prompt in NEAR if any("is far" in note for note in encode.notes(prompt))] == []
    assert [prompt for prompt in FAR if not any("is far" in note for note in encode.notes(prompt))] == []


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("🚀", "rocket"),
        ("👍🏽", "thumbs up"),
        ("❤️", "heart"),
        ("a ☎️ beside a 🐱", "a telephone beside a cat face"),
        ("👩‍🚀", "woman astronaut"),
        ("👩🏽‍🚀", "woman astronaut"),
        ("🧑‍🍳", "cook"),
        ("🏃🏿‍♂️", "man runner"),
        ("🏃‍♀️‍➡️", "woman runner"),
        ("👨‍🦰", "man with red hair"),
        ("👨‍👩‍👧", "family of man woman and girl"),
        ("🏳️‍🌈", "rainbow flag"),
        ("🏴‍☠️", "pirate flag"),
        ("🐻‍❄️", "polar bear"),
        ("🇫🇷", "flag of France"),
        ("🇽🇽", "flag"),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", "flag of England"),
        ("7️⃣", "keycap 7"),
        ("two 👍🏽s", "two thumbs up s"),
    ],
)
def test_emoji_are_read_by_their_names(prompt: str, read: str) -> None:
    prompts = TextPrompts(load_words())
    assert all(map(torch.equal, prompts(prompt), prompts(read)))
    assert prompts.notes(prompt) == [f"the prompt '{prompt}' is read as '{read}'"]
    assert prompts.notes(read) == []


def test_what_is_not_understood_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    prompts = TextPrompts(load_words(), 4, Vocabulary(load_words(), KNOWN))
    for _ in range(2):
        prompts("a rocket")
        prompts("quantum chromodynamics 火箭 in my very own words")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    left_out, cut, far = (record.getMessage() for record in caplog.records)
    assert left_out.endswith("are left out: 火箭")
    assert "reads 4 tokens and leaves out: chromodynamics in my very own words" in cut
    assert re.search(
        r"is far from everything that this model makes well; the nearest names that it knows are '[a-z ]+', '[a-z ]+'", far
    )
    with pytest.raises(UserError, match="no word of the prompt '火箭' can be read"):
        prompts("火箭")
    assert not prompts("  ")[1].any()


def test_joined_emoji_without_a_name_are_read_by_their_parts_and_that_is_said() -> None:
    prompts = TextPrompts(load_words())
    prompt = "a 🐱‍🐉 and a 👩‍🚀"
    assert all(map(torch.equal, prompts(prompt), prompts("a cat face dragon and a woman astronaut")))
    assert prompts.notes(prompt) == [
        f"the prompt '{prompt}' is read as 'a cat face dragon and a woman astronaut'",
        "the emoji 🐱‍🐉 has no name that is known here; it is read by its parts: 'cat face dragon'",
    ]


@pytest.mark.parametrize("text", ["", "no emoji", "日本", "a→b", "©", "\u200d", "c\u200dd", "1", "#1", "\U0001fae9", "٣"])
def test_what_is_no_emoji_stays_as_it_is(text: str) -> None:
    assert spelled(text) == text
    assert pieced(text) == []
