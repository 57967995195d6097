"""Everything that is read from run folders and weights is checked: it works, or there is one clear line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from noisewalk import UserError
from noisewalk.checking import checked
from noisewalk.cli.main import main
from noisewalk.models import trained
from noisewalk.models.checkpoint import load_tensors, read_card, save_tensors
from noisewalk.models.defaults import Defaults
from noisewalk.models.zoo import WEIGHTS, load
from noisewalk.run.spec import RunSpec, keep_digest, keep_spec, read_spec, settled
from noisewalk.techniques.requests import Anagram
from noisewalk.training.datasets import open_dataset, what_was_read
from noisewalk.training.folder import read_folder, read_layout
from noisewalk.training.records import keep_until, put_levels, read_levels, read_metrics

HOSTILE: list[Any] = [None, True, -1, 0, 10**9, 10**30, 1e308, "64", "", "x" * 10**5, [], [1] * 50, {}, {"a": {}}, [[[]]]]
TEXTS = [
    b"",
    b"[]",
    b"null",
    b"5",
    b"{",
    b"[" * 20_000,
    b'{"a":' * 20_000,
    b"\xff\xfe",
    b'{"step": NaN, "loss": 1}',
    b"\0" * 50,
]


def changed(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the dictionary with each field, at every depth, missing, unknown, or with a hostile value."""
    yield {**whole, "foreign": 1}
    for key, value in whole.items():
        yield {k: v for k, v in whole.items() if k != key}
        yield from ({**whole, key: bad} for bad in HOSTILE)
        if isinstance(value, dict):
            yield from ({**whole, key: inner} for inner in changed(value))


def one_line(error: UserError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 1000


def test_specs(tmp_path: Path) -> None:
    keep_spec(tmp_path, RunSpec("flow", epochs=1.5, seed=3))
    whole = json.loads((tmp_path / "spec.json").read_text())
    refused = 0
    for text in [*TEXTS, *(json.dumps(each).encode() for each in changed(whole))]:
        (tmp_path / "spec.json").write_bytes(text)
        try:
            assert isinstance(read_spec(tmp_path), RunSpec)
        except UserError as error:
            one_line(error)
            refused += 1
    assert refused > 100
    (tmp_path / "spec.json").unlink()
    os.mkfifo(tmp_path / "spec.json")
    with pytest.raises(UserError, match="not a regular file"):
        read_spec(tmp_path)


def test_logs_leave_damaged_lines_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics, levels = tmp_path / "metrics.jsonl", tmp_path / "levels.jsonl"
    good = {"step": 5, "loss": 0.5, "seconds": 1.0}
    metrics.write_bytes(b"\n".join([*TEXTS, *(json.dumps(each).encode() for each in changed(good)), b'{"step": 15']))
    rows = read_metrics(metrics)
    assert {"step": 5, "loss": 0.5} in [{k: row[k] for k in ("step", "loss")} for row in rows]
    assert all(isinstance(row["step"], int) and abs(row["loss"]) < 1e31 for row in rows)
    read_metrics(metrics)
    assert sum("damaged lines were left out" in record.message for record in caplog.records) == 1  # said once
    keep_until(metrics, 5)
    assert all(json.loads(line)["step"] <= 5 for line in metrics.read_text().splitlines())
    level = {"at": "epoch-01", "held_out": True, "t": [0.5], "loss": [1.0]}
    levels.write_bytes(b"\n".join([*TEXTS, *(json.dumps(each).encode() for each in changed(level))]))
    assert all(len(row["t"]) == len(row["loss"]) for row in read_levels(levels))
    put_levels(levels, {"at": "epoch-01", "held_out": False, "t": [0.1], "loss": [2.0]})
    assert [row["loss"] for row in read_levels(levels) if row["at"] == "epoch-01"] == [[2.0]]


def test_what_a_checkpoint_says_about_its_network_is_never_believed_unseen(tmp_path: Path) -> None:
    tensors, config = load_tensors(WEIGHTS / "digits.safetensors")
    path, refused = tmp_path / "w.safetensors", 0
    small = dict(list(tensors.items())[:3])
    for each in changed(config):
        path.write_bytes(save(tensors if each.get("config") == config["config"] else small, {"noisewalk": json.dumps(each)}))
        try:
            load(str(path))
        except UserError as error:
            one_line(error)
            refused += 1
    assert refused > 100
    for text in ("[]", "null", "5", "[" * 20_000, "{", '{"shards": {"../x.safetensors": "' + "0" * 64 + '"}}'):
        path.write_bytes(save(small, {"noisewalk": text}))
        with pytest.raises(UserError, match="cannot read the checkpoint"):
            load(str(path))


def test_cards(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    whole = json.loads((WEIGHTS / "digits.json").read_text())
    for text in [*TEXTS, *(json.dumps(each).encode() for each in changed(whole))]:
        path.write_bytes(text)
        try:
            assert isinstance(read_card(path), dict)
        except UserError as error:
            one_line(error)
    (tmp_path / "w.safetensors").write_bytes((WEIGHTS / "digits.safetensors").read_bytes())
    for defaults in DEFAULTS:
        (tmp_path / "w.json").write_text(json.dumps({**whole, "defaults": defaults}))
        trained._read.cache_clear()
        with pytest.raises(UserError, match="defaults"):
            load(str(tmp_path / "w.safetensors"))


DEFAULTS: list[dict[str, Any]] = [
    *({"steps": bad} for bad in (0, 1001, 10**9, "64", 2.5, True, None, [20])),
    *({"step_rule": bad} for bad in ("x", "", None, 5)),
    *({"grid": bad} for bad in ("x", None)),
    *({"threshold": bad} for bad in ("x", None)),
    *({"guidance_scale": bad} for bad in (None, 101, -101, "3", True)),
    *({"guidance_interval": bad} for bad in (5, [800, 200], [200], [0, 1000], [1.5, 2])),
    *({"upsample": bad} for bad in (3, -1, "1")),
    {"foreign": 1},
    *({"techniques": bad} for bad in (5, [], {"generate": 5}, {"generate": {"steps": 0}}, {"generate": {"foreign": 1}})),
    {"techniques": {"generate": {"techniques": {}}}},
]
"""Defaults of walks that no model has; a request that said so would be refused."""


def test_the_bounds_of_defaults_are_those_of_requests() -> None:
    for f in fields(Defaults):
        if f.name == "techniques":
            continue
        mine, asked = f.metadata, Anagram.__dataclass_fields__[f.name].metadata
        assert {key: mine[key] for key in ("least", "most", "choices", "rule")} == {
            key: asked[key] for key in ("least", "most", "choices", "rule")
        }


SIZES: dict[str, dict[str, list[Any]]] = {
    "digits": {
        "attention_heads": [-1, 1, 8, "x", None, True],
        "image_size": [1, 2, 3, 5, 63, 4100, 10**6],
        "num_classes": [9, 11],
        "dropout": [-0.1, 1.5, 10**9],
    },
    "emoji": {
        "text_heads": [3, 63, 0],
        "image_size": [1, 7, 63],
        "attention": [[0, 0, 0], [-1, 64, 64]],
        "in_channels": [1],
    },
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_a_network_that_do_not_fit_are_refused_when_it_is_loaded(name: str, tmp_path: Path) -> None:
    """Also those that no tensor tells of; that the network would only fail at the first step is too late."""
    tensors, config = load_tensors(WEIGHTS / f"{name}.safetensors")
    path = tmp_path / "w.safetensors"
    for field, values in SIZES[name].items():
        for value in values:
            path.write_bytes(save(tensors, {"noisewalk": json.dumps({**config, "config": {**config["config"], field: value}})}))
            with pytest.raises(UserError, match="is not a picture model of this version of noisewalk") as refused:
                load(str(path))
            one_line(refused.value)


@pytest.mark.parametrize("labels", [["0"] * 11, ["x"] * 50])
def test_more_names_than_classes_are_refused(labels: list[str], tmp_path: Path) -> None:
    tensors, config = load_tensors(WEIGHTS / "digits.safetensors")
    (tmp_path / "w.safetensors").write_bytes(save(tensors, {"noisewalk": json.dumps({**config, "labels": labels})}))
    with pytest.raises(UserError, match=f"it names {len(labels)} classes, and its network has 10"):
        load(str(tmp_path / "w.safetensors"))


def test_shards_of_one_file_are_never_another_files(tmp_path: Path) -> None:
    other = tmp_path / "a.my-other-weights.safetensors"  # 16 characters between the dots
    for path in (other, tmp_path / "a.safetensors", tmp_path / "a.b.safetensors", tmp_path / "a.safetensors"):
        save_tensors(path, {name: torch.randn(40_000) for name in "xyz"}, {"of": path.name}, 200_000)
    for name in ("a.safetensors", "a.b.safetensors", other.name):
        tensors, config = load_tensors(tmp_path / name)
        assert config["of"] == name
        assert len(tensors) == 3
    assert len(list(tmp_path.iterdir())) == 9  # three files, each with two shards: the first ones of `a` are gone


def pictures(*names: str) -> None:
    for i, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), i).save(name)


def test_folders_are_read_in_the_one_way_they_can_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for tool in ("@eaDir/1.png", ".hidden/1.png", "__MACOSX/1.png", "._1.png", "#recycle/1.png"):
        pictures(f"loose/{tool}", f"classes/{tool}", f"classes/a/{tool}")
    Path("classes/a/Thumbs.db").write_bytes(b"x")
    pictures("loose/1.png", "loose/2.png", "classes/a/1.png", "classes/a/2.png", "classes/b/1.png", "classes/b/2.png")
    Path("classes/README.txt").write_text("how they were made")
    Path("classes/a/broken.png").write_bytes(Path("classes/a/1.png").read_bytes()[:40])
    assert len(read_folder(Path("loose"), 8, 1)[0]) == 2
    data, names, skipped = read_folder(Path("classes"), 8, 1)
    assert (len(data), names) == (4, ("a", "b"))
    assert len(skipped) == 2
    said = what_was_read(open_dataset("classes", 8, 1))
    assert said.startswith("classes: 4 pictures of 2 classes (a, b); 2 files were left out: README.txt lies next to")
    assert "a/broken.png" in said
    pictures("both/1.png", "both/2.png", "both/x/1.png", "both/x/2.png", "deep/a/b/1.png", "twin/Cat/1.png", "twin/cat/1.png")
    for name, why in (
        ("both", "2 pictures .* next to 1 folders"),
        ("deep", "holds folders itself"),
        ("twin", "differ only in capital letters"),
    ):
        with pytest.raises(UserError, match=why) as error:
            read_layout(Path(name))
        one_line(error.value)


def test_data_is_found_again_and_a_change_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures("shapes/1.png", "shapes/2.png")
    spec = settled(RunSpec("flow", data="shapes"))
    assert spec.data == str(tmp_path / "shapes")
    keep_spec(Path("run"), spec)
    keep_digest(Path("run"), spec, open_dataset(spec.data).digest)
    keep_digest(Path("run"), spec, open_dataset(spec.data).digest)
    pictures("shapes/3.png")
    with pytest.raises(UserError, match="are not the same as at the start of the run run"):
        keep_digest(Path("run"), spec, open_dataset(spec.data).digest)
    Path("shapes").rename("moved")
    there = settled(RunSpec("flow", data="moved"))
    with pytest.raises(UserError, match=r"data was .*shapes and is now .*moved"):
        keep_spec(Path("run"), there)
    keep_spec(Path("run"), there, moved=True)
    with pytest.warns(UserWarning, match="are not the same"):
        keep_digest(Path("run"), there, open_dataset(there.data).digest, moved=True)
    assert read_spec(Path("run")).data == str(tmp_path / "moved")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 40000),
        ("size", 10),
        ("channels", 2),
        ("epochs", float("nan")),
        ("learning_rate", float("inf")),
        ("seed", -1),
        ("seed", 2**64),
        ("batch_size", 0),
        ("epochs", -1.0),
        ("data", "x" * 20_000),
        ("objective", "x" * 9000),
    ],
)
def test_numbers_have_bounds(field: str, value: Any) -> None:
    with pytest.raises(UserError) as error:
        checked(replace(RunSpec("flow"), **{field: value}))
    one_line(error.value)


def test_a_training_that_does_not_fit_is_refused_with_its_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(f"{tmp_path}/d/1.png", f"{tmp_path}/d/2.png")
    line = ["train", "flow", "--data", f"{tmp_path}/d", "--size", "1024", "--device", "cpu", "--out", f"{tmp_path}/run"]
    assert main(line) == 2
    assert "this training needs about" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
