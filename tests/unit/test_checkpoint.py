"""Files of weights are complete, ours, and of the right network, or there is a clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.models.checkpoint import RUN_CHECKPOINT, load_tensors, save_tensors
from noisewalk.models.zoo import WEIGHTS, bundled, load
from noisewalk.training.pack import pack


def test_tensors_and_configuration_survive(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(3, 4), "b": torch.arange(5)}
    save_tensors(tmp_path / "w.safetensors", tensors, {"x": [1, 2], "y": "z"})
    again, config = load_tensors(tmp_path / "w.safetensors")
    assert config == {"x": [1, 2], "y": "z"}
    assert all(torch.equal(again[name], tensor) for name, tensor in tensors.items())


def test_files_cut_short_foreign_or_of_another_network_are_clear_errors(tmp_path: Path) -> None:
    whole = (WEIGHTS / "digits.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-1000])
    (tmp_path / "text.safetensors").write_text("not tensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    save_tensors(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {"config": {"channels": [16]}, "schedule": "linear"})
    for name, said in {
        "cut": "cannot read the checkpoint",
        "text": "cannot read the checkpoint",
        "foreign": "noisewalk did not write it",
        "other": "is not a picture model",
    }.items():
        with pytest.raises(nw.UserError, match=said):
            load(str(tmp_path / f"{name}.safetensors"))


def test_damaged_bundled_weights_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("digits.safetensors", "digits.json"):
        (tmp_path / name).write_bytes((WEIGHTS / name).read_bytes())
    data = bytearray((tmp_path / "digits.safetensors").read_bytes())
    data[-100] ^= 1
    (tmp_path / "digits.safetensors").write_bytes(data)
    monkeypatch.setattr("noisewalk.models.zoo.WEIGHTS", tmp_path)
    with pytest.raises(nw.UserError, match="damaged"):
        load("digits")


def test_bundled_weights_are_small_and_their_cards_whole() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.glob("*.safetensors")) < 60e6
    for name, card in bundled().items():
        assert (WEIGHTS / f"{name}.safetensors").stat().st_size <= 5e6 or name != "digits"
        assert {"what", "data", "command", "recipe", "trained", "parameters", "sha256", "quality"} <= card.keys()


@pytest.mark.usefixtures("mnist_train")
def test_a_short_run_trains_resumes_bit_for_bit_packs_and_draws(tmp_path: Path) -> None:
    """Two steps at once, and one step, a stop and another, end with the same weights."""
    from noisewalk.training import runs
    from noisewalk.training.loop import TrainConfig
    from noisewalk.training.recipe import find

    recipe = find("flow", classes=True)
    config = TrainConfig(epochs=3 * 16 / 60000, batch_size=16, warmup=1, bf16=False)
    steps = sum(1 for _ in runs.run(recipe, config, tmp_path / "whole"))
    stopped = runs.run(recipe, config, tmp_path / "parts")
    next(stopped)
    stopped.close()
    assert steps == 1 + sum(1 for _ in runs.run(recipe, config, tmp_path / "parts")) == 3
    whole, parts = (load_tensors(tmp_path / run / RUN_CHECKPOINT)[0] for run in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert main(["pack", str(tmp_path / "whole"), "--out", str(tmp_path / "w.safetensors")]) == 0
    line = ["generate", "7", "--steps", "1", "--model", str(tmp_path / "w.safetensors"), "--out", str(tmp_path / "seven.png")]
    assert main(line) == 0


def test_packing_halves_the_averaged_weights(tmp_path: Path) -> None:
    config = {"train": {"epochs": 1, "batch_size": 8}, "step": 5, "total_steps": 9, "network": "x"}
    averaged = torch.randn(4)
    save_tensors(tmp_path / RUN_CHECKPOINT, {"averaged.a": averaged, "network.a": torch.zeros(4)}, config)
    card = pack(tmp_path, tmp_path / "w.safetensors", {})
    assert torch.equal(load_tensors(tmp_path / "w.safetensors")[0]["a"], averaged.half())
    assert card["trained"] == {"steps": 5, "of": 9, "pictures_seen": 40}
