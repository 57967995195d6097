"""The functions of the techniques, and their results: saving, replay and batches."""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import noisewalk as nw
from noisewalk.checking import checked
from noisewalk.guidance import VIEWS, register
from noisewalk.images import PICTURES, to_image
from noisewalk.judge.digits import digit_probabilities
from noisewalk.run.make import Interrupted, run
from noisewalk.run.prepare import prepare
from noisewalk.studio.share import command
from noisewalk.techniques import TECHNIQUES
from noisewalk.techniques.as_json import from_json, to_json
from noisewalk.techniques.requests import Anagram, Generate

DIGIT, MASK = PICTURES / "digit-4.png", PICTURES / "mask-top.png"


def arguments(spec: type) -> tuple[object, ...]:
    """Return the arguments that a technique needs, by the kinds of its fields."""
    kinds = {"picture": DIGIT, "mask": MASK, "Sequence[str]": ("6", "9"), "str": "7"}
    return tuple(kinds[f.metadata.get("role") or f.type] for f in fields(spec) if f.metadata.get("positional"))


SPECS = {technique: arguments(row.request) for technique, row in TECHNIQUES.items()}
"""A law that is parametrised over these holds for every row of the registry."""


def few_steps(technique: str, steps: int) -> dict[str, Any]:
    """Return the settings of short walks: few steps, or, on a technique's own grid, starts that are near its end."""
    short = {"start": (20, 30), "t": (100, 300), "num_resamples": (1, 2)}
    known = {f.name: f.default for f in fields(TECHNIQUES[technique].request)}
    chosen = {name: value for name, value in short.items() if isinstance(known.get(name), tuple)}
    return chosen | ({"steps": steps} if known.get("steps", 0) is None and "start" not in known else {})


@pytest.fixture(scope="module")
def model() -> nw.Pretrained:
    return nw.load("digits")


@pytest.mark.parametrize("step_rule", ["ddim", "ddpm", "heun", "dpmpp-2m"])
@pytest.mark.parametrize("size", [2, 8])
@pytest.mark.parametrize("dtype", ["auto", "float32"])
def test_a_picture_does_not_depend_on_the_batch_it_is_made_in(step_rule: str, size: int, dtype: str) -> None:
    model = nw.load("digits", dtype=dtype)
    together = nw.generate(model, "7", seed=20, num=size, steps=6, step_rule=step_rule).tensor
    alone = torch.cat([nw.generate(model, "7", seed=20 + i, steps=6, step_rule=step_rule).tensor for i in range(size)])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("technique", ["generate", "denoise", "inpaint", "anagram", "hybrid"])
def test_guidance_limited_to_an_interval(model: nw.Pretrained, technique: str) -> None:
    """An interval of the whole walk is like no limit, an empty one is like guidance 1, and a part is different from both."""

    def drawn(**options: object) -> torch.Tensor:
        settings = {"prompt": "9"} if technique in ("denoise", "inpaint") else {}
        return getattr(nw, technique)(model, *SPECS[technique], steps=5, grid="linspace", **(settings | options)).tensor

    everywhere, nowhere, part = (drawn(guidance_scale=4, guidance_interval=i) for i in ((0, 999), (0, 1), (300, 700)))
    assert torch.equal(everywhere, drawn(guidance_scale=4, guidance_interval=()))
    assert torch.equal(nowhere, drawn(guidance_scale=1))
    assert not torch.equal(part, everywhere)
    assert not torch.equal(part, nowhere)


@pytest.mark.parametrize("interval", [(300,), (700, 300), (1, 2, 3), (-1, 5), (0, 1000)])
def test_an_interval_that_is_none_is_an_error(model: nw.Pretrained, interval: tuple[int, ...]) -> None:
    with pytest.raises(nw.UserError, match="guidance_interval"):
        nw.generate(model, "7", guidance_interval=interval)


FOREIGN_NUMBERS = {
    "steps": (np.int64(4), np.array(4), torch.tensor(4), 4),
    "guidance_scale": (np.float32(2), np.float64(2), torch.tensor(2.0), np.array(2), 2, Fraction(2)),
    "seeds": ([3, 5], np.array([3, 5]), torch.tensor([3, 5]), (np.int32(3), torch.tensor(5)), range(3, 7, 2)),
}


@pytest.mark.parametrize("name", FOREIGN_NUMBERS)
def test_numbers_of_other_libraries_are_numbers_and_can_be_saved(model: nw.Pretrained, name: str, tmp_path: Path) -> None:
    records = set()
    for i, value in enumerate(FOREIGN_NUMBERS[name]):
        result = nw.generate(model, "7", **({"steps": 2} | {name: value}))
        files = result.save(tmp_path / str(i))
        with Image.open(files[-1]) as image:
            records.add(json.dumps(json.loads(image.text["noisewalk"])["spec"]))
    assert len(records) == 1


def test_a_single_value_stands_for_a_sequence_of_one(model: nw.Pretrained) -> None:
    result = nw.edit(model, DIGIT, start=30)
    assert result.request.start == (30,)
    assert nw.forward(model, DIGIT, t=np.int64(300)).request.t == (300,)


def fields_of_numbers() -> list[tuple[str, str]]:
    """Return (technique, field) of every field with bounds."""
    return [
        (technique, f.name)
        for technique, t in TECHNIQUES.items()
        for f in fields(t.request)
        if f.metadata.get("least") is not None
    ]


@pytest.mark.parametrize(("technique", "name"), fields_of_numbers())
def test_every_number_has_a_type_and_bounds_that_name_it(technique: str, name: str) -> None:
    """Values from Python and values from a record are checked in the same way, for every field."""
    asked = TECHNIQUES[technique].request(*SPECS[technique])
    wrong = (
        "many",
        b"4",
        True,
        np.bool_(True),
        float("nan"),
        float("inf"),
        -float("inf"),
        1e300,
        2**64,
        10**5000,
        1j,
        {},
        {3},
        object(),
    )
    for value in (*wrong, torch.zeros(2, 2), torch.tensor(True), [[1]], [None], "", lambda: 3):
        with pytest.raises(nw.UserError, match=f"^--{name.replace('_', '-')} must be ") as error:
            checked(replace(asked, **{name: value}))
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: nw.generate(m, 7), "prompt must be text of at most 10,000 characters, but 7 was asked for"),
        (lambda m: nw.generate(m, None), "prompt must be text"),
        (lambda m: nw.generate(m, "\udcff"), "prompt must be text"),
        (lambda m: nw.generate(m, "7" * 20_000), "prompt must be text of at most 10,000 characters"),
        (lambda m: nw.generate(m, "7", negative_prompt=None), "negative_prompt must be text"),
        (lambda m: nw.generate(m, "7", steps=2.5), "steps must be a whole number from 1 to 1000, but 2.5 was asked for"),
        (lambda m: nw.generate(m, "7", seed=None), "seed must be a whole number from 0 to 4611686018427387904, but None"),
        (lambda m: nw.generate(m, "7", seed=2**70), "seed must be at most 4611686018427387904"),
        (lambda m: nw.generate(m, "7", seeds=range(10**9)), "seeds must be"),
        (lambda m: nw.generate(m, "7", grid=["course"]), "grid must be text"),
        (lambda m: nw.generate(m, "7", guidence_scale=3), "did you mean 'guidance_scale'"),
        (lambda m: nw.generate(m), "missing a required argument: 'prompt'"),
        (lambda m: nw.generate(m, "7", "8"), "too many positional arguments"),
        (lambda m: nw.generate("digit", "7"), "did you mean 'digits'"),
        (lambda m: nw.generate(None, "7"), "it has the type NoneType"),
        (lambda m: nw.edit(m, DIGIT, start=()), "start must be one or more"),
        (lambda m: nw.edit(m, None), "image must be a picture, but None was asked for"),
        (lambda m: nw.anagram(m, []), "prompts must be one or more"),
        (lambda m: nw.anagram(m, ["6", 9]), "prompts must be texts of at most"),
        (lambda m: nw.anagram(m, {"6", "9"}), "prompts must be texts of at most"),
    ],
)
def test_the_slips_of_python_are_said_in_one_line(model: nw.Pretrained, call, said: str) -> None:
    with pytest.raises(nw.UserError) as error:
        call(model)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert "--" not in str(error.value)


def test_a_model_may_be_given_by_its_name(model: nw.Pretrained) -> None:
    assert torch.equal(nw.generate("digits", "7", steps=2).tensor, nw.generate(model, "7", steps=2).tensor)


@pytest.mark.parametrize("technique", SPECS)
def test_pictures_made_in_parts_are_those_made_together(technique: str) -> None:
    """All panels agree, also those of inputs; the last part has one picture.

    They agree only up to rounding, because the kernel of a convolution may depend on the number of rows. The network computes
    in float32: in bfloat16 it would round its input to numbers that are 65,000 times as far apart.
    """
    model = nw.load("digits", dtype="float32")
    spec = TECHNIQUES[technique].request(*SPECS[technique], num=5, **few_steps(technique, 4))
    together, parts = run(technique, spec, model), run(technique, spec, model, batch=2)
    assert [panel.label for panel in parts.panels] == [panel.label for panel in together.panels]
    for part, whole in zip(parts.panels, together.panels, strict=True):
        torch.testing.assert_close(part.x, whole.x)


def test_a_picture_is_opened_once(model: nw.Pretrained) -> None:
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    nw.inpaint(model, DIGIT, MASK, steps=1, num_resamples=1)
    assert (opened.count(str(DIGIT)), opened.count(str(MASK))) == (1, 1)


def test_every_technique_is_a_function_with_the_fields_of_its_spec(model: nw.Pretrained) -> None:
    for technique, row in TECHNIQUES.items():
        wanted = ["model", *inspect.signature(row.request).parameters, "progress"]
        assert list(inspect.signature(getattr(nw, technique)).parameters) == wanted


def test_a_technique_can_have_defaults_of_its_own(model: nw.Pretrained) -> None:
    """Digits are generated by other settings than anagrams, as the card says; what the user says comes first."""
    spec = prepare(Generate("7"), model).record
    assert (spec.step_rule, spec.guidance_interval) == ("dpmpp-2m", (200, 800))
    assert command("generate", spec, "digits", model.defaults_of("generate")) == "noisewalk generate 7 --model digits"
    other = prepare(Anagram(("6", "9")), model).record
    assert (other.step_rule, other.guidance_interval) == ("ddim", ())
    asked = prepare(Generate("7", step_rule="ddim", guidance_interval=(0, 999)), model).record
    assert (asked.step_rule, asked.guidance_interval) == ("ddim", (0, 999))


def test_the_documented_call(model: nw.Pretrained) -> None:
    result = nw.anagram(model, ["6", "9"], ["identity", "rotate180"], seed=7)
    assert isinstance(result.image, Image.Image)
    assert result.tensor.shape == (1, 1, 28, 28)
    assert result.tensor.abs().max() <= 1
    assert len(result.states) == model.defaults.steps
    assert torch.equal(result.states[-1].x_t.clamp(-1, 1), result.tensor)
    assert result._repr_png_().startswith(b"\x89PNG")


def test_the_digits_model_draws_what_it_is_asked_for(model: nw.Pretrained) -> None:
    drawn = torch.cat([nw.generate(model, str(digit), num=10).tensor for digit in range(10)])
    agree = digit_probabilities(drawn).argmax(1) == torch.arange(10).repeat_interleave(10)
    assert agree.float().mean() >= 0.97  # 2,000 samples are measured in bench/digits_quality.py


@pytest.mark.parametrize("technique", SPECS)
def test_every_picture_can_be_replayed_from_its_own_metadata(model: nw.Pretrained, tmp_path: Path, technique: str) -> None:
    files = getattr(nw, technique)(model, *SPECS[technique], num=2, seed=3, **few_steps(technique, 5)).save(tmp_path)
    assert len(files) == len({*files}) > 2
    for file in (files[0], files[-1]):  # the figure and the last picture
        again = nw.replay(file)
        assert again.agrees
        assert again.warnings == ()


def test_replay_notices_a_changed_pixel_and_other_weights(model: nw.Pretrained, tmp_path: Path) -> None:
    (path,) = nw.generate(model, "7", steps=2).save(tmp_path / "seven.png")
    with Image.open(path) as image:
        record = json.loads(image.text["noisewalk"])
        changed = image.copy()
    record["model"]["weights"] = "0" * 16
    changed.putpixel((0, 0), 255)
    from noisewalk.images import encode_png

    path.write_bytes(encode_png(changed, {"noisewalk": json.dumps(record)}))
    again = nw.replay(path)
    assert not again.agrees
    assert again.share_different == pytest.approx(1 / (224 * 224))
    assert "weights" in again.warnings[0]


def test_a_spec_survives_json_pictures_included(model: nw.Pretrained) -> None:
    for technique, arguments in SPECS.items():
        spec = prepare(TECHNIQUES[technique].request(*arguments), model).record
        again = from_json(type(spec), json.loads(json.dumps(to_json(spec))))
        assert to_json(again) == to_json(spec)


def test_what_is_finished_survives_ctrl_c(model: nw.Pretrained) -> None:
    spec = TECHNIQUES["edit"].request(DIGIT, start=(25, 20, 10))

    def press_ctrl_c(done: int, total: int) -> None:
        if done == 1 + 9 + 14 + 3:  # the original, two whole walks, and a part of the third
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stop:
        run("edit", spec, model, press_ctrl_c)
    assert stop.value.result is not None
    whole = run("edit", spec, model).tensor
    assert torch.equal(stop.value.result.tensor, whole[:2])


def test_sdedit_keeps_more_the_later_it_starts(model: nw.Pretrained) -> None:
    result = nw.edit(model, DIGIT, start=(1, 10, 20, 28), num=8)
    original = result.panels[0].x
    errors = [(panel.x - original).square().mean().item() for panel in result.panels[1:]]
    assert errors == sorted(errors, reverse=True)
    assert nw.edit(model, DIGIT, strength=(0.0,)).images[0].tobytes() == to_image(original[0]).tobytes()


def test_strength_skips_what_diffusers_skips(model: nw.Pretrained) -> None:
    by_strength = nw.edit(model, DIGIT, strength=(0.7,), steps=20, grid="linspace")
    assert len(by_strength.states) == 14  # int(20 * 0.7), diffusers' get_timesteps


def test_inpainting_leaves_every_kept_pixel_exactly(model: nw.Pretrained) -> None:
    result = nw.inpaint(model, DIGIT, MASK, prompt="9", num_resamples=(2,), steps=5, num=2)
    original, keep = result.request.image.tensor, result.request.mask.tensor < 0
    assert torch.equal(result.tensor[:, keep[0]], original[:, keep[0]].expand(2, -1))
    assert not torch.allclose(result.tensor, original)


def test_the_views_of_an_anagram_are_shown(model: nw.Pretrained) -> None:
    result = nw.anagram(model, ["6", "9"], ["identity", "rotate180"], steps=2)
    (_, first), (caption, second) = result.panels[0].captioned
    assert caption == "rotate180: 9"
    assert torch.equal(second, first.rot90(2, (2, 3)))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: nw.generate(m, "seventy"), "does not know the prompt 'seventy'"),
        (lambda m: nw.generate(m, "3 7"), "does not know the prompt"),
        (lambda m: nw.generate(m, "7", steps=0), "steps must be at least 1, but 0 was asked for"),
        (lambda m: nw.generate(m, "7", num=0), "num must be at least 1"),
        (lambda m: nw.generate(m, "7", guidance_scale=float("nan")), "guidance_scale must be a number from -100 to 100"),
        (lambda m: nw.generate(m, "7", step_rule="hein"), "did you mean 'heun'"),
        (lambda m: nw.generate(m, "7", threshold="clamp"), "unknown threshold 'clamp'"),
        (lambda m: nw.anagram(m, ["6", "9", "1"]), "3 prompts need as many views"),
        (lambda m: nw.anagram(m, ["6", "9"], weights=[1]), "2 prompts need as many weights"),
        (lambda m: nw.anagram(m, ["6", "9"], weights=[0, 0]), "not all 0"),
        (lambda m: nw.edit(m, DIGIT, start=[34]), "the walk has 34 steps"),
        (lambda m: nw.edit(m, DIGIT, steps=50), "course grid has 34 steps"),
        (lambda m: nw.edit(m, DIGIT, strength=[1.5]), "strength must be at most 1"),
        (lambda m: nw.hybrid(m, "0", "1", kernel_size=32), "odd kernel size"),
        (lambda m: nw.hybrid(m, "0", "1", kernel_size=99), "too large for 28x28"),
        (lambda m: nw.denoise(m, DIGIT, method="blurr"), "did you mean 'blur'"),
        (lambda m: nw.denoise(m, DIGIT, t=[1000]), "t must be at most 999"),
        (lambda m: nw.load("digit"), "did you mean 'digits'"),
        (lambda m: nw.load("nowhere/checkpoint.safetensors"), "there is no file or folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(model: nw.Pretrained, call, said: str) -> None:
    with pytest.raises(nw.UserError) as error:
        call(model)
    assert said in str(error.value)


class Blank(torch.nn.Module):
    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nw.load(5), "name must be text, but it has the type int"),
        (lambda: nw.load(), "missing a required argument: 'name'"),
        (lambda: nw.load("digits", dtyp="float32"), "did you mean 'dtype'"),
        (lambda: nw.load("digits", memory=3), "memory must be text"),
        (lambda: nw.load("digits", offline="yes"), "offline must be True or False, but 'yes' was asked for"),
        (lambda: nw.load("digits", upscaler=3), "upscaler must be texts"),
        (lambda: nw.replay(5), "path must be the name of a file, but it has the type int"),
        (lambda: nw.replay(), "missing a required argument: 'path'"),
        (lambda: nw.replay("a.png", model=3), "model must be a model, or its name or place"),
        (lambda: nw.from_network(5, shape=(1, 8, 8)), "network must be a Module, but it has the type int"),
        (lambda: nw.from_network(Blank()), "missing a required argument: 'shape'"),
        (lambda: nw.from_network(Blank(), shape=(1, 8)), "shape must be (C, H, W), but 1 8 was asked for"),
        (
            lambda: nw.from_network(Blank(), shape=(1, 8, 8), guidance_scale=float("nan")),
            "guidance_scale must be a number from -100 to 100",
        ),
        (lambda: nw.from_network(Blank(), shape=(1, 8, 8), steps=float("inf")), "steps must be a whole number from 1 to 1000"),
        (lambda: nw.from_network(Blank(), shape=(1, 8, 8), schedule=4), "schedule must be a name, a Schedule or a tensor"),
        (lambda: nw.from_network(Blank(), shape=(1, 8, 8), schedule=torch.tensor([torch.nan])), "strictly decreasing"),
        (lambda: nw.generate(), "missing a required argument"),
        (lambda: nw.generate("digits", "7", progress="no"), "progress must be True or False, but 'no' was asked for"),
        (
            lambda: nw.generate("digits", "7", steps=1).save(5),
            "the name of a file or folder must be text or a path, but it has the type int",
        ),
        (
            lambda: nw.generate("digits", "7", steps=1).save("seven", True, show_t="a"),
            "show-t must be whole numbers from 0 to 999, but 'a' was asked for",
        ),
    ],
)
def test_a_wrong_type_is_a_user_error_everywhere(call, said: str) -> None:
    with pytest.raises(nw.UserError) as error:
        call()
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_models_name_and_arrays_are_what_they_stand_for(model: nw.Pretrained) -> None:
    with Image.open(DIGIT) as image:
        grey = image.convert("L")
    array = np.asarray(grey)
    same = [DIGIT, grey, array, array[..., None], nw.forward(model, DIGIT, t=[500]).panels[0].x, array / 127.5 - 1.0]
    pictures = [nw.forward("digits", each, t=[500]).tensor for each in same[:-1]]
    pictures.append(nw.forward(model, torch.from_numpy(same[-1])[None], t=[500]).tensor)
    assert all(torch.equal(pictures[0], each) for each in pictures)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: nw.generate(7, "7"), "a model must be what noisewalk.load(NAME) returns"),
        (lambda m: nw.generate("digit", "7"), "did you mean 'digits'"),
        (lambda m: nw.generate(m), "missing a required argument: 'prompt'"),
        (lambda m: nw.generate(m, "7", step=3), "unknown argument of generate 'step'; did you mean 'steps'?"),
        (lambda m: nw.generate(m, "7", "8", "9"), "too many positional arguments"),
        (lambda m: nw.forward(m, torch.zeros(5, 28, 28)), "one of shape (5, 28, 28) was given"),
        (lambda m: nw.forward(m, torch.full((1, 28, 28), 255.0)), "one from 255 to 255 was given"),
        (lambda m: nw.forward(m, torch.full((1, 28, 28), torch.nan)), "one from nan to nan was given"),
        (lambda m: nw.forward(m, np.zeros((28, 28), np.int64)), "one of int64 was given"),
        (lambda m: nw.generate(m, "7", upsample=1), "upscaler, or leave out upsample"),
        (lambda m: register("mine", "yours"), "takes a view"),
    ],
)
def test_slips_are_user_errors_in_the_words_of_python(model: nw.Pretrained, call, said: str) -> None:
    with pytest.raises(nw.UserError) as error:
        call(model)
    assert said in str(error.value)
    assert "--" not in str(error.value)


def test_a_view_is_registered_in_either_order() -> None:
    class Shifted:
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.roll(3, dims=3)

        def inverse(self, x: torch.Tensor) -> torch.Tensor:
            return x.roll(-3, dims=3)

    try:
        assert register("shifted", Shifted()) is VIEWS["shifted"]
    finally:
        VIEWS.pop("shifted", None)
