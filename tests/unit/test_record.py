"""The record in a PNG: small, checked before use, and enough to make the picture again elsewhere."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import noisewalk as nw
from noisewalk import UserError
from noisewalk.cli import main
from noisewalk.images import PICTURES, Picture, encode_png, open_image, png
from noisewalk.models.checkpoint import save_tensors
from noisewalk.run.film import film
from noisewalk.run.record import FIGURE, ModelRecord, PictureRecord, Record, read_record, write
from noisewalk.techniques.edit import Edit

DIGIT, MASK = PICTURES / "digit-4.png", PICTURES / "mask-top.png"


@pytest.fixture(scope="module")
def model() -> nw.Pretrained:
    return nw.load("digits")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def with_chunks(image: Image.Image, *extra: bytes) -> bytes:
    """Return the PNG of a picture with chunks after its header."""
    data = encode_png(image)
    return data[:33] + b"".join(extra) + data[33:]


def test_a_record_stays_small_however_large_its_inputs_are_and_pillow_opens_it() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 1024, 1024, 3), dtype=np.uint8)
    small, *larger = (Image.fromarray(pixels) for pixels in noise)
    picture = Picture(small, "noise.png", larger=tuple(larger))
    spec = Edit(picture)
    record = Record("edit", ModelRecord("m", "0" * 16, path=""), {}, PictureRecord("picture"))
    Path("a.png").write_bytes(write(Image.new("RGB", (9, 9)), spec, record))
    with Image.open("a.png") as image:
        image.load()
        assert len(image.text["noisewalk"]) < 5000
    again = read_record("a.png").request.image
    assert again.image.tobytes() == small.tobytes()
    assert [each.tobytes() for each in again.larger] == [each.tobytes() for each in larger]
    assert open_image("a.png").size == (9, 9)


def test_an_old_record_with_megabytes_of_base64_is_read_although_pillow_refuses_it() -> None:
    text = json.dumps(
        {"verb": "x", "model": {"name": "m", "weights": ""}, "spec": {"png": "A" * 3_000_000}, "picture": {"kind": "figure"}}
    )
    itxt = b"noisewalk\0\1\0\0\0" + zlib.compress(text.encode())
    Path("old.png").write_bytes(with_chunks(Image.new("L", (9, 9)), chunk(b"iTXt", itxt)))
    assert len(read_record("old.png").spec["png"]) == 3_000_000
    assert open_image("old.png").size == (9, 9)


def test_other_peoples_large_texts_and_profiles_are_read() -> None:
    big = zlib.compress(b"x" * 9_000_000)
    extra = [chunk(b"iCCP", b"profile\0\0" + big), chunk(b"zTXt", b"Comment\0\0" + big), chunk(b"iTXt", b"XML\0\1\0\0\0" + big)]
    Path("theirs.png").write_bytes(with_chunks(Image.new("L", (9, 9), 77), *extra))
    assert open_image("theirs.png").getpixel((0, 0)) == 77
    with pytest.raises(UserError, match="no noisewalk metadata"):
        read_record("theirs.png")


def test_a_text_that_unpacks_to_more_than_the_limit_is_refused() -> None:
    bomb = zlib.compress(b"0" * (png.MAX_TEXT + 1))
    Path("bomb.png").write_bytes(with_chunks(Image.new("L", (9, 9)), chunk(b"iTXt", b"noisewalk\0\1\0\0\0" + bomb)))
    with pytest.raises(UserError, match="longer than 64,000,000 bytes"):
        read_record("bomb.png")


GOOD = {
    "verb": "edit",
    "model": {"name": "digits", "weights": "0" * 16, "path": ""},
    "spec": {"image": {"picture": "a.png", "png": "sha256:0"}},
    "picture": {"kind": "picture", "index": 0},
}


def _spec(**fields: object) -> str:
    return json.dumps(GOOD | {"spec": GOOD["spec"] | fields})


def _image(image: Image.Image) -> str:
    import base64

    return _spec(image={"picture": "a.png", "png": base64.b64encode(encode_png(image)).decode()})


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "5",
        "{}",
        "{",
        "NaN",
        "[" * 100_000,
        '{"spec":' * 100_000,
        json.dumps(GOOD | {"model": "digits"}),
        json.dumps(GOOD | {"model": {"name": "digits"}}),
        json.dumps(GOOD | {"model": {"name": "../../etc/passwd", "weights": "0" * 16}}),
        json.dumps(GOOD | {"model": {"name": "a\0b", "weights": "0" * 16}}),
        json.dumps(GOOD | {"model": {"name": "x" * 5000, "weights": "0" * 16}}),
        json.dumps(GOOD | {"model": {"name": "digits", "weights": "0", "dtype": "int3"}}),
        json.dumps(GOOD | {"verb": "explode"}),
        json.dumps(GOOD | {"verb": ["edit"]}),
        json.dumps(GOOD | {"picture": {"kind": "film"}}),
        json.dumps(GOOD | {"picture": {"kind": "picture", "index": -1}}),
        json.dumps(GOOD | {"picture": {"kind": "picture", "index": 10**30}}),
        _spec(),  # its picture is not in the file
        _spec(image=None),
        _spec(image="/etc/passwd"),
        _spec(image=str(DIGIT)),
        _spec(image={"picture": "a.png"}),
        _spec(image={"picture": "a.png", "png": 7}),
        _spec(image={"picture": "a.png", "png": "%%%"}),
        _spec(image={"picture": "a.png", "png": "AAAA"}),
        _image(Image.new("1", (9000, 9000))),
        _image(Image.new("1", (40000, 40000))),
        _image(Image.new("L", (29, 28))),
        _image(Image.new("RGB", (28, 28))),
        _image(Image.new("RGBA", (28, 28))),
        _spec(start=float("nan")),
        _spec(steps=10**400),
        _spec(steps="many"),
        _spec(foreign=1),
    ],
    ids=range(36),
)
def test_a_hostile_record_is_one_line_and_nothing_is_computed(
    text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*_: object, **__: object) -> None:
        raise AssertionError("something was computed")

    monkeypatch.setattr("noisewalk.run.replay.run", computed)
    Path("hostile.png").write_bytes(encode_png(Image.new("L", (9, 9)), {"noisewalk": text}))
    assert main(["replay", "hostile.png"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert len(said) < 600


def test_an_index_beyond_the_result_is_found_before_anything_is_computed(
    model: nw.Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = nw.generate(model, "7", steps=2)
    Path("a.png").write_bytes(made.png(FIGURE))
    record = json.loads(Image.open("a.png").text["noisewalk"]) | {"picture": {"kind": "picture", "index": 1}}
    Path("b.png").write_bytes(encode_png(Image.new("L", (9, 9)), {"noisewalk": json.dumps(record)}))
    monkeypatch.setattr("noisewalk.run.replay.run", None)
    with pytest.raises(UserError, match="picture 1 of a result of 1 pictures"):
        nw.replay("b.png")


def test_damaged_chunks_are_named(model: nw.Pretrained) -> None:
    (path,) = nw.generate(model, "7", steps=2).save("a.png")
    data = path.read_bytes()
    at = data.index(b'"generate"')
    Path("flipped.png").write_bytes(data[:at] + b"'" + data[at + 1 :])
    with pytest.raises(UserError, match="'iTXt' has a wrong checksum"):
        read_record("flipped.png")
    Path("cut.png").write_bytes(data[:-20])
    with pytest.raises(UserError, match="cut short"):
        read_record("cut.png")


def test_pipes_devices_and_folders_are_refused_at_once() -> None:
    os.mkfifo("pipe.png")
    Path("folder.png").mkdir()
    for name in ("pipe.png", "folder.png", "/dev/zero", "nowhere.png", "x" * 300, "a\0b"):
        for read in (read_record, open_image):
            with pytest.raises(UserError):
                read(name)


@pytest.fixture
def permutation() -> Path:
    table = np.random.default_rng(3).permutation(28 * 28)
    np.save("mine.npy", table)
    return Path("mine.npy")


@pytest.mark.parametrize("happened", ["nothing", "gone", "changed"])
def test_a_view_by_a_file_is_replayed_from_the_picture(
    model: nw.Pretrained, permutation: Path, happened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nw.anagram(model, ["6", "9"], ["identity", "file:mine.npy"], steps=2, num=2).save("made")
    if happened == "gone":
        permutation.unlink()
    if happened == "changed":
        np.save("mine.npy", np.arange(28 * 28))
    monkeypatch.setattr("noisewalk.techniques.view_files._tables", {})  # as in another process
    for name in ("figure", "seed1"):
        again = nw.replay(f"made/{name}.png")
        assert again.agrees
        assert [("mine.npy has changed" in warning) for warning in again.warnings] == [True] * (happened == "changed")
    assert len(list(film("made/seed0.png", seconds=0.1).frames)) > 2


def test_a_changed_permutation_is_named_where_no_picture_keeps_it(
    model: nw.Pretrained, permutation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = nw.anagram(model, ["6", "9"], ["identity", "file:mine.npy"], steps=2).request
    np.save("mine.npy", np.arange(28 * 28))
    monkeypatch.setattr("noisewalk.techniques.view_files._tables", {})
    with pytest.raises(UserError, match=r"mine\.npy has changed: its digest is"):
        nw.anagram(model, spec.prompts, spec.views, steps=2)


@pytest.fixture
def run(model: nw.Pretrained) -> Path:
    """A user's own model in the folder of a run, and a picture of it in another folder."""
    from noisewalk.models.checkpoint import network_weights
    from noisewalk.models.zoo import weights_path

    tensors, config = network_weights(weights_path("digits"))
    save_tensors(Path("runs/mine/checkpoints/last.safetensors"), tensors, config)
    assert main(["generate", "7", "--steps", "2", "--model", "runs/mine", "--out", "out/a.png"]) == 0
    return Path("runs/mine").absolute()


@pytest.mark.parametrize(
    "happened", ["another folder", "moved beside", "moved and said"], ids=lambda happened: happened.replace(" ", "-")
)
def test_a_run_is_found_where_it_is(
    run: Path, tmp_path: Path, happened: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, extra = (tmp_path / "out/a.png"), []
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    if happened == "moved beside":
        (run / "checkpoints/last.safetensors").rename(tmp_path / "out/weights.safetensors")
    if happened == "moved and said":
        run.rename(tmp_path / "elsewhere/there")
        extra = ["--model", "there"]
    capsys.readouterr()
    assert main(["replay", str(picture), *extra]) == 0
    said = capsys.readouterr()
    assert "every pixel agrees" in said.out
    assert "weights" not in said.err


@pytest.mark.parametrize("old", [False, True])
def test_a_run_that_is_gone_is_one_line_and_no_hub_is_asked(
    run: Path, old: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("noisewalk.models.zoo.locate", asked)
    Path("far/away").mkdir(parents=True)
    run.rename("far/away/gone")
    name = "out/a.png"
    if old:  # a record of before that knows no path
        with Image.open(name) as image:
            record = json.loads(image.text["noisewalk"])
        del record["model"]["path"]
        record["model"]["name"] = "mine/run"
        Path("old.png").write_bytes(encode_png(Image.new("L", (9, 9)), {"noisewalk": json.dumps(record)}))
        name = "old.png"
    capsys.readouterr()
    assert main(["replay", name]) == 2
    said = capsys.readouterr().err
    assert "name its place: noisewalk replay --model PATH PICTURE" in said
    assert said.count("\n") == 1


def test_a_picture_says_nothing_of_the_users_folders(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save("mine.npy", np.random.default_rng(3).permutation(28 * 28))
    Image.new("L", (28, 28)).save("drawing.png")
    model = nw.load(str(run))
    nw.anagram(model, ["6", "9"], ["identity", f"file:{tmp_path}/mine.npy"], steps=2).save("anagram")
    nw.edit(model, str(tmp_path / "drawing.png"), prompt="3", start=[1], steps=2).save("edit")
    for path in [*Path("anagram").iterdir(), *Path("edit").iterdir()]:
        with Image.open(path) as image:
            text = image.text["noisewalk"]
        assert str(tmp_path) not in text
        record = read_record(path)
        assert (record.model.name, record.model.path) == ("mine", "runs/mine")
        assert nw.replay(path).agrees
    monkeypatch.setattr("noisewalk.techniques.view_files._tables", {})  # as in another process
    assert nw.replay("anagram/figure.png").agrees


def test_the_place_of_a_model_in_another_users_folder_is_not_said(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "homes"
    for name in ("ann/pictures", "bob/runs"):
        (home / name).mkdir(parents=True)
    run.rename(home / "bob/runs/mine")
    monkeypatch.setattr(Path, "home", lambda: home / "ann")
    monkeypatch.chdir(home / "ann/pictures")
    assert main(["generate", "7", "--steps", "2", "--model", str(home / "bob/runs/mine"), "--out", "a.png"]) == 0
    assert (read_record("a.png").model.name, read_record("a.png").model.path) == ("mine", "mine")
    assert main(["replay", "a.png"]) == 2
    assert "name its place: noisewalk replay --model PATH PICTURE" in capsys.readouterr().err
    assert main(["replay", "a.png", "--model", "../../bob/runs/mine"]) == 0
    (home / "bob/runs/mine").rename("elsewhere")  # its name does not matter: its digest is known
    assert main(["replay", "a.png"]) == 0


@pytest.mark.parametrize("with_path", [True, False])
def test_pictures_that_say_the_absolute_path_still_replay(run: Path, tmp_path: Path, with_path: bool) -> None:
    """Old pictures have the name as it was given, and the absolute path or none."""
    with Image.open("out/a.png") as image:
        record = json.loads(image.text["noisewalk"])
        record["model"] |= {"name": "runs/mine", "path": str(run)}
        record["model"].pop("upscaler_weights")
        if not with_path:
            record["model"].pop("path")
        Path("far").mkdir()
        place = Path("far/old.png") if with_path else Path("old.png")
        place.write_bytes(encode_png(image, {"noisewalk": json.dumps(record)}))
    assert nw.replay(place).agrees


def test_a_changed_upscaler_is_named_and_one_beside_the_picture_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from noisewalk.models.checkpoint import load_tensors
    from noisewalk.models.zoo import WEIGHTS

    Path("ups").mkdir()
    tensors, config = load_tensors(WEIGHTS / "emoji-upscaler-256.safetensors")
    save_tensors(Path("ups/large.safetensors"), tensors, config)
    emoji = nw.load("emoji", upscaler=[str(tmp_path / "ups/large.safetensors")], dtype="float32")
    nw.generate(emoji, "a cat", steps=1, upsample=1, upsample_steps=[1]).save("out/a.png")
    record = read_record("out/a.png").model
    assert (record.upscaler, record.upscaler_paths) == (("large.safetensors",), ("ups/large.safetensors",))
    assert len(record.upscaler_weights) == 1
    Path("ups/large.safetensors").rename("out/other.safetensors")
    again = nw.replay("out/a.png")
    assert (again.agrees, again.warnings) == (True, ())
    Path("out/other.safetensors").unlink()
    save_tensors(Path("ups/large.safetensors"), {name: 0.5 * tensor for name, tensor in tensors.items()}, config)
    again = nw.replay("out/a.png")
    assert not again.agrees
    assert len(again.warnings) == 1
    assert f"they were {record.upscaler_weights[0]}" in again.warnings[0]


def test_a_bundled_upscaler_is_recorded_too() -> None:
    (path,) = nw.generate("emoji", "a cat", steps=1, upsample=1, upsample_steps=[1]).save("a.png")
    record = read_record(path).model
    assert (record.upscaler, len(record.upscaler_weights)) == ((), 1)
    assert (record.name, record.path) == ("emoji", "")
    assert read_record(nw.generate("emoji", "a cat", steps=1).save("b.png")[0]).model.upscaler_weights == ()


def test_each_stage_has_its_own_table_and_the_picture_keeps_both(monkeypatch: pytest.MonkeyPatch) -> None:
    emoji = nw.load("emoji", dtype="float32")
    assert emoji.upscaler is not None
    sides = {"small": emoji.shape[-1], "large": emoji.upscaler().pretrained.shape[-1]}
    for seed, (name, side) in enumerate(sides.items()):
        np.save(f"{name}.npy", np.random.default_rng(seed).permutation(side * side))
    asked: dict[str, Any] = {"steps": 1, "upsample": 1, "upsample_steps": [1]}
    both, one = (
        nw.anagram(emoji, ["a cat", "a dog"], ["identity", view], **asked)
        for view in ("file:small.npy,file:large.npy", "file:small.npy")
    )
    assert not torch.equal(both.tensor, one.tensor)
    both.save("both.png")
    for name in sides:
        Path(f"{name}.npy").unlink()
    monkeypatch.setattr("noisewalk.techniques.view_files._tables", {})  # as in another process
    again = nw.replay("both.png")
    assert (again.agrees, again.warnings) == (True, ())
    np.save("small.npy", np.arange(4))
    with pytest.raises(UserError, match=r"there is no permutation file large\.npy"):
        nw.anagram(emoji, ["a cat", "a dog"], ["identity", "file:small.npy,file:large.npy"], **asked)


def test_a_result_is_one_line_and_its_image_is_the_saved_one(model: nw.Pretrained) -> None:
    result = nw.inpaint(model, DIGIT, MASK, steps=2, num_resamples=[1])
    assert repr(result) == "<noisewalk result of inpaint: 1 picture of 28x28, model 'digits', first seed 0>"
    assert all("\n" not in repr(panel) and len(repr(panel)) < 120 for panel in result.panels)
    (path,) = result.save("a.png")
    assert result.image.tobytes() == open_image(path).tobytes()
    assert torch.equal(result.tensor, nw.inpaint(model, DIGIT, MASK, steps=2, num_resamples=[1]).tensor)
